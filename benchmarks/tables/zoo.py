"""The published models: parameters, time, and what their cards say that they find.

    python -m benchmarks zoo --out benchmarks/results && python -m benchmarks.readme

The second command puts the table into the README.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.harness.cards import validation_metrics
from benchmarks.harness.cells import Cell, files_digest, run_cells
from benchmarks.harness.contenders import load_model
from benchmarks.harness.options import Options
from benchmarks.harness.table import Row, Table
from benchmarks.harness.timing import interleaved_seconds
from fakelocator_zoo.hub import bundled_root
from fakelocator_zoo.hub.card import read_card_header
from fakelocator_zoo.hub.files import WEIGHTS
from fakelocator_zoo.zoo.models import model_table

SIDE, QUICK_SIDE = 512, 64
TIMES, QUICK_TIMES = 7, 1
COLUMNS = (
    "Name",
    "Parameters",
    "ms an image",
    "Regions, pixel AUC",
    "Regions, image AUC",
    "Whole images, image AUC",
    "License",
)
TEXT = (
    "Milliseconds are the median forward pass of one image of {side} x {side} pixels, {threads} thread(s), PyTorch. "
    "The AUCs are those of the cards: means over the validation generators of each recipe, which trained nothing, on "
    "images as they are. *Regions* are repainted parts of a photo, *whole images* are made by a generator all over. A "
    "dash: the recipe holds out no such generator. Models of other recipes have other validation generators."
)


def run(options: Options) -> Table:
    """A row for each bundled model."""
    side, times = (QUICK_SIDE, QUICK_TIMES) if options.quick else (SIDE, TIMES)
    cells = []
    models = {row["name"]: row for row in model_table() if row["parameters"] is not None}
    for name in models:
        settings = {"weights": files_digest([bundled_root() / name / WEIGHTS]), "side": side, "times": times}
        compute = partial(_time, name, options.device, side, times)
        cells.append(Cell(name, {**settings, "threads": options.threads}, compute))
    results = run_cells(options, "zoo", cells)
    rows = [_row(models[name], result) for name, result in results.items()]
    return Table("Zoo", TEXT.format(side=side, threads=options.threads), COLUMNS, rows)


def card_figures(header: Mapping[str, Any]) -> dict[str, float]:
    """Means over the validation generators of a card's front matter, of images as they are, by column."""
    found = validation_metrics(header)
    regions = [each for each in found.values() if "pixel AUC" in each]
    whole = [each for each in found.values() if "pixel AUC" not in each]
    columns = {
        COLUMNS[3]: [each["pixel AUC"] for each in regions],
        COLUMNS[4]: [each["image AUC"] for each in regions],
        COLUMNS[5]: [each["image AUC"] for each in whole],
    }
    return {name: float(np.mean(values)) for name, values in columns.items() if values}


def _time(name: str, device: str, side: int, times: int) -> dict[str, float]:
    model, images = load_model(name, device), torch.rand(1, 3, side, side, device=device)
    actions = {name: partial(model.predict, images)}
    seconds = interleaved_seconds(actions, budget=math.inf, rounds=times, device=device)[name]
    return {"milliseconds": 1000 * float(np.median(seconds))}


def _row(model: Mapping[str, Any], result: Mapping[str, Any]) -> Row:
    figures = card_figures(read_card_header(bundled_root() / model["name"]))
    return (
        f"`{model['name']}`",
        f"{model['parameters'] / 1e6:.2f} M",
        f"{result['milliseconds']:.0f}",
        *(f"{figures[column]:.2f}" if column in figures else "-" for column in COLUMNS[3:6]),
        model["license"],
    )
