"""Matrices of scores as one picture: a colour and a number for each pair of row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness.pictures import new_figure, save_figure


def draw_matrices(
    path: Path,
    matrices: Mapping[str, np.ndarray],
    rows: Sequence[str],
    columns_of_matrix: Sequence[str],
    columns: int = 3,
    low: float = 0.3,
    high: float = 1.0,
) -> None:
    """Write a PNG of matrices (R, C) by title, all on one colour scale from ``low`` to ``high``.

    Raises:
        Skipped: where matplotlib is not installed.
    """
    lines = -(-len(matrices) // columns)
    figure = new_figure(3.2 * columns, (0.45 * len(rows) + 1.2) * lines)
    for number, (title, matrix) in enumerate(matrices.items()):
        axes = figure.add_subplot(lines, columns, number + 1)
        axes.imshow(matrix, vmin=low, vmax=high, cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(matrix):
            colour = "black" if value > (low + high) / 2 else "white"
            shown = "" if np.isnan(value) else f"{value:.2f}"
            axes.text(column, row, shown, ha="center", va="center", color=colour, fontsize=9)
        axes.set_title(title, fontsize=10)
        axes.set_xticks(range(len(columns_of_matrix)), columns_of_matrix, fontsize=8)
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
    save_figure(figure, path)
