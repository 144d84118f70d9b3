"""Results of the table `cross-attribute` put together: means over parts, seeds and what lies off the diagonal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import ttest_1samp

from benchmarks.harness.evaluations import UNDEFINED
from benchmarks.harness.part_fakes import MANIPULATED
from benchmarks.harness.part_tests import FIGURES

DIAGONAL, OFF_DIAGONAL = "the part trained on", "the other parts"
#: Figures by network and test set.
Scores = dict[str, dict[str, dict[str, float | None]]]
#: Differences from the same model with attention off, ``{"mean", "low", "high"}``, by name, test set and figure.
Gains = Mapping[str, Mapping[str, Mapping[str, Mapping[str, float | None]]]]


def trained_parts(trained: Sequence[Mapping[str, Any]]) -> list[str]:
    """The parts trained on, in order."""
    return list(dict.fromkeys(result["part"] for result in trained))


def matrix(trained: Sequence[Mapping[str, Any]], network: str, figure: str) -> np.ndarray:
    """(trained parts, tested parts), mean over the seeds."""
    return np.array(
        [
            [
                np.mean(_values([r for r in trained if r["part"] == part], network, (tested,), figure))
                for tested in MANIPULATED
            ]
            for part in trained_parts(trained)
        ]
    )


def _values(trained: Sequence[Mapping[str, Any]], network: str, tests: Sequence[str], figure: str) -> list[float]:
    found = [
        result["scores"][network][test].get(figure)
        for result in trained
        if network in result["scores"]
        for test in tests
        if test in result["scores"][network]
    ]
    return [value for value in found if value is not None] or [np.nan]


def _tests_of(part: str, where: str) -> tuple[str, ...]:
    if where == DIAGONAL:
        return (part,)
    return tuple(other for other in MANIPULATED if other != part) if where == OFF_DIAGONAL else (where,)


def _by_seed(trained: Sequence[Mapping[str, Any]], where: str, network: str, figure: str) -> np.ndarray:
    """A value a seed: the mean over the parts trained on and what each is tested on."""
    means = []
    for seed in sorted({result["seed"] for result in trained}):
        values: list[float] = []
        for result in trained:
            if result["seed"] == seed and network in result["scores"]:
                values += _values([result], network, _tests_of(result["part"], where), figure)
        means.append(np.mean(values) if values else np.nan)
    return np.array(means)


def network_row(trained: Sequence[Mapping[str, Any]], where: str, network: str, baseline: str) -> tuple[str, ...]:
    """Figures of a network trained here and their differences from ``baseline``, as a row of the table.

    Args:
        where: OFF_DIAGONAL, DIAGONAL or the name of a test.
    """
    shown = [_number(np.mean(_by_seed(trained, where, network, figure))) for figure in FIGURES]
    differences = []
    for figure in FIGURES:
        by_seed = _by_seed(trained, where, network, figure) - _by_seed(trained, where, baseline, figure)
        differences.append(UNDEFINED if network == baseline else _with_interval(by_seed))
    return (where, network, *shown, *differences)


def given_row(given: Scores, gains: Gains, where: str, name: str) -> tuple[str, ...]:
    """Figures of what was not trained here, as a row of the table; OFF_DIAGONAL is the mean over all parts."""
    # Off the diagonal every part is tested on equally often.
    tests = MANIPULATED if where == OFF_DIAGONAL else (where,)
    values = {figure: [given[name].get(test, {}).get(figure) for test in tests] for figure in FIGURES}
    shown = [
        UNDEFINED if None in each else _number(float(np.mean([value for value in each if value is not None])))
        for each in values.values()
    ]
    gained = gains.get(name, {}).get(where, {})
    return (where, name, *shown, *(_gain(gained.get(figure)) for figure in FIGURES))


def _gain(interval: Mapping[str, float | None] | None) -> str:
    if interval is None or interval["mean"] is None:
        return UNDEFINED
    if interval["low"] is None or interval["low"] == interval["high"]:
        return f"{interval['mean']:+.3f}"
    return f"{interval['mean']:+.3f} [{interval['low']:+.3f}, {interval['high']:+.3f}]"


def _with_interval(by_seed: np.ndarray) -> str:
    mean = float(np.mean(by_seed))
    if len(by_seed) < 2 or not np.isfinite(by_seed).all() or np.ptp(by_seed) == 0:
        return UNDEFINED if np.isnan(mean) else f"{mean:+.3f}"
    interval = ttest_1samp(by_seed, 0.0).confidence_interval(0.95)
    return f"{mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _number(value: float) -> str:
    return UNDEFINED if np.isnan(value) else f"{value:.3f}"
