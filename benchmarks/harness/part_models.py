"""Published models in the table `cross-attribute`: what attention is worth to them, off against on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness.part_fakes import MANIPULATED
from benchmarks.harness.part_summary import OFF_DIAGONAL, Scores
from benchmarks.harness.part_tests import (
    MAP_FIGURES,
    PartTest,
    Scored,
    image_auc,
    map_figures,
    run,
    times_attention,
)
from benchmarks.harness.part_training import FACE, attended_parts
from fakelocator_zoo.evaluation.statistics import paired_difference
from fakelocator_zoo.models.attention import AttentionMode
from fakelocator_zoo.models.fakelocator import FakeLocator


class Factor(NamedTuple):
    """What a map is weighed by afterwards."""

    attention: str  #: FACE or PART
    mode: AttentionMode

    def applied(self, scored: Scored, test: PartTest) -> Scored:
        """The maps of ``scored``, weighed."""
        return times_attention(scored, test, attended_parts(self.attention, test.parts) or (), self.mode)


#: Besides a model's own attention: to all five parts, hair among them.
OTHERS: Mapping[str, Factor] = {
    "face and hair, residual": Factor(FACE, "residual"),
    "face and hair, multiply": Factor(FACE, "multiply"),
}


def score_model(name: str, model: FakeLocator, tests: Sequence[PartTest]) -> dict[str, Any]:
    """Figures of a model with its own attention, without it and with others, and what each gains.

    A model without attention has one row. The others of :data:`OTHERS` weigh the map that it makes without attention.

    Returns:
        ``scores`` as in :data:`Scores`, and ``gains``: the differences from attention off, over the mean of all parts
        and over each test made elsewhere, with a 95 % bootstrap interval over people.
    """
    shown: dict[str, dict[str, Scored]] = {}
    if model.attention_parts is None:
        shown[name] = {test.name: run(model, test, None) for test in tests}
    else:
        off = {test.name: run(model, test, None, off=True) for test in tests}
        shown[f"{name}, attention off"] = off
        shown[name] = {test.name: run(model, test, None) for test in tests}
        for other, factor in OTHERS.items():
            shown[f"{name}, {other}"] = {test.name: factor.applied(off[test.name], test) for test in tests}
    values = {each: {test.name: map_figures(found[test.name], test) for test in tests} for each, found in shown.items()}
    decided = {each: {test.name: image_auc(found[test.name]) for test in tests} for each, found in shown.items()}
    scores: Scores = {
        each: {
            test: {"image_auc": decided[each][test], **{figure: _mean(value) for figure, value in figures.items()}}
            for test, figures in found.items()
        }
        for each, found in values.items()
    }
    baseline = next(iter(values))
    gains = {
        each: _gains(found, values[baseline], decided[each], decided[baseline], tests)
        for each, found in values.items()
        if each != baseline
    }
    return {"scores": scores, "gains": gains}


def _gains(
    found: Mapping[str, Mapping[str, np.ndarray]],
    base: Mapping[str, Mapping[str, np.ndarray]],
    decided: Mapping[str, float],
    base_decided: Mapping[str, float],
    tests: Sequence[PartTest],
) -> dict[str, dict[str, dict[str, float | None]]]:
    painted = [test for test in tests if test.name in MANIPULATED]
    wheres = {OFF_DIAGONAL: painted} if painted else {}
    wheres |= {test.name: [test] for test in tests if test.name not in MANIPULATED}
    gains: dict[str, dict[str, dict[str, float | None]]] = {}
    for where, those in wheres.items():
        difference = float(np.mean([decided[test.name] - base_decided[test.name] for test in those]))
        gains[where] = {"image_auc": {"mean": difference, "low": None, "high": None}}
        for figure in MAP_FIGURES:
            ours, theirs = (by_person([values[test.name][figure] for test in those], those) for values in (found, base))
            interval = paired_difference(ours, theirs)
            gains[where][figure] = {
                key: None if np.isnan(value) else value
                for key, value in (("mean", interval.mean), ("low", interval.low), ("high", interval.high))
            }
    return gains


def by_person(values: Sequence[np.ndarray], tests: Sequence[PartTest]) -> np.ndarray:
    """Values an image of T tests -> (T, people), NaN where a test has no image of someone."""
    count = 1 + max(int(test.people.max()) for test in tests)
    table = np.full((len(tests), count), np.nan)
    for row, each, test in zip(table, values, tests, strict=True):
        row[test.people.numpy()] = each
    return table


def _mean(values: np.ndarray) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None
