"""Line charts of tables, legible in print: series differ in marker and dash, not in colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.harness.cells import Skipped

#: Okabe and Ito's colours, which colour-blind people tell apart; yellow is left out, as it fades in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
DASHES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Series:
    """One line of a chart: at ``x`` the value ``y`` with its interval ``low`` to ``high``."""

    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """One chart of a picture; the axis runs from left to right as ``x`` does in its first series."""

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, Series]
    chance: float | None = None  #: value at which a thin line is drawn


def draw_panels(path: Path, panels: Sequence[Panel], columns: int = 4, *, foremost: Sequence[str] = ()) -> None:
    """Write a PNG of charts that share one legend.

    Args:
        foremost: series drawn in full, the others thin and without their intervals; none: all of them in full.

    Raises:
        Skipped: where matplotlib is not installed.
    """
    rows = -(-len(panels) // columns)
    columns = min(columns, len(panels))
    figure = new_figure(3.1 * columns, 2.9 * rows + 0.7)
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    looks = dict(zip(names, zip(cycle(COLOURS), cycle(MARKERS), cycle(DASHES), strict=False), strict=False))
    front, lines = set(foremost) or set(names), {}
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(rows, columns, number + 1)
        for name, series in panel.series.items():
            colour, marker, dash = looks[name]
            size, width = (6, 2.0) if name in front else (3.5, 0.9)
            look: dict[str, Any] = {"marker": marker, "markersize": size, "linewidth": width, "color": colour}
            (lines[name],) = axes.plot(series.x, series.y, dash, zorder=3 if name in front else 2, **look)
            if name in front:
                axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.15, linewidth=0)
        if panel.chance is not None:
            axes.axhline(panel.chance, color="#777777", linewidth=0.8)
        first = next(iter(panel.series.values()))
        if first.x[0] > first.x[-1]:
            axes.invert_xaxis()
        axes.set_title(panel.title, fontsize=10)
        axes.set_xlabel(panel.x_label, fontsize=9)
        axes.set_ylabel(panel.y_label, fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=columns, fontsize=9)
    save_figure(figure, path)


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure of so many inches, which needs no screen.

    Raises:
        Skipped: where matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise Skipped("no picture was drawn: pip install 'fakelocator-zoo[bench]'") from None
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as a PNG, whole or not at all."""
    temporary = path.with_suffix(".tmp.png")
    figure.savefig(temporary, facecolor="white")
    temporary.replace(path)
