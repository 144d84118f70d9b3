"""Two or more trainings by one recipe, side by side: what another seed changes.

python -m benchmarks runs --data DATA --model NAME --model FOLDER_OF_ANOTHER_RUN
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.cards import validation_metrics
from benchmarks.harness.contenders import load_model, of_model
from benchmarks.harness.evaluations import COLUMNS, UNDEFINED, evaluation_table
from benchmarks.harness.options import Options
from benchmarks.harness.table import Row, Skipped, Table
from benchmarks.harness.testsets import evaluation_sets
from fakelocator_zoo.hub.card import read_card_header
from fakelocator_zoo.hub.sources import find_model
from fakelocator_zoo.models.fakelocator import FakeLocator

TEXT = (
    "Trainings by one recipe with other seeds: {runs}. *Validation* are the means of each run's card over the "
    "validation generators, on which its checkpoint, temperature and threshold were chosen; the others are test sets."
)


def run(options: Options) -> Table:
    """A row for each set of images and run.

    Raises:
        Skipped: for fewer than two models.
    """
    if len(options.models) < 2:
        raise Skipped("it compares runs: give --model at least twice, a name and the folder of another run")
    labels = [f"run {number}" for number in range(1, 1 + len(options.models))]
    contenders, validation = [], []
    for label, name in zip(labels, options.models, strict=True):
        contenders.append(of_model(load_model(name, options.device), label))
        validation.append(validation_row(label, read_card_header(find_model(name, FakeLocator.model_type))))
    named = ", ".join(f"*{label}* is `{Path(name).name}`" for label, name in zip(labels, options.models, strict=True))
    text = TEXT.format(runs=named)
    table = evaluation_table(options, "runs", "Runs", text, evaluation_sets(options), "images", contenders)
    return replace(table, rows=[*validation, *table.rows])


def validation_row(label: str, header: Mapping[str, Any]) -> Row:
    """The means of a card's front matter over its generators, of images as they are."""
    values: dict[str, list[float]] = {}
    for metrics in validation_metrics(header).values():
        for name, value in metrics.items():
            values.setdefault(name, []).append(value)
    names = {"fakes called fake": "called fake"}
    means = {column: values.get(names.get(column, column)) for column in COLUMNS}
    return ("validation", label, *(UNDEFINED if each is None else f"{np.mean(each):.3f}" for each in means.values()))
