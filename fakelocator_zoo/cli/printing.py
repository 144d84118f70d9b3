"""What `fakelocator evaluate` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.evaluation.false_alarms import rate_sentence, worst_rows
from fakelocator_zoo.evaluation.results import DECISION_METRICS, MAP_METRICS
from fakelocator_zoo.evaluation.tables import number


def print_fakes(title: str, summaries: Sequence[Mapping[str, Any]]) -> None:
    """A column for the model with its intervals, and one for each predictor beside it.

    Args:
        summaries: of :meth:`~fakelocator_zoo.evaluation.results.Evaluation.summary`, the model's first.
    """
    first, *others = summaries
    generators = ", ".join(f"{name} {figures['fakes']}" for name, figures in first["generators"].items()) or "none"
    typer.echo(f"{first['predictor']}: {title}; {first['photos']} photos; fakes: {generators}")
    table = terminal.table("", "model, 95 %", *(each["predictor"] for each in others), "images")
    for metric, label in {**MAP_METRICS, **DECISION_METRICS}.items():
        _add_row(table, label, [summary["overall"][metric] for summary in summaries])
    _add_row(table, "called fake", [summary["false_positive_rate"] for summary in summaries])
    terminal.show(table)
    typer.echo(
        f"Means over the generators. Pixel accuracy and IINC at map value {first['map_threshold']:g}, decisions at "
        f"fake probability {first['decision_threshold']:g}; `called fake`: the real photos."
    )


def print_photos(title: str, alarms: Mapping[str, Any]) -> None:
    """The rate of false alarms and the most suspicious photos, of
    :func:`~fakelocator_zoo.evaluation.false_alarms.false_alarms`.
    """
    typer.echo(f"{alarms['predictor']}: {title}")
    table = terminal.table("most suspicious photos", "fake probability", "called")
    for row in worst_rows(alarms):
        table.add_row(*row)
    terminal.show(table)
    typer.echo(f"{rate_sentence(alarms)} (95 % Wilson interval).")


def _add_row(table: Any, label: str, figures: Sequence[Mapping[str, Any]]) -> None:
    first, *others = figures
    model = "-"
    if first["mean"] is not None:
        # The interval below its mean and shorter than in the files, so that a row fits into 80 columns.
        digits = 2 if abs(first["high"]) < 10 else 1
        model = f"{number(first['mean'])}\n{first['low']:.{digits}f}-{first['high']:.{digits}f}"
    means = ["-" if figure["mean"] is None else number(figure["mean"]) for figure in others]
    table.add_row(label, model, *means, str(first["count"]))
