"""Intervals by bootstrap over images, that of a share, and the statistics of a decision.

An image is drawn as a whole: where several fakes come from one photo, a draw takes all of them or none, so that
their likeness does not pass for certainty. Bootstrap intervals are percentiles; the same seed gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from fakelocator_zoo.models.output import DECISION_THRESHOLD

LEVEL, DRAWS = 0.95, 2000
#: The share of photos called fake at which :func:`true_positive_rate` is taken.
FALSE_POSITIVE_RATE = 0.01
_CHUNK = 250  # draws at once: 10,000 images then need 20 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic and its bootstrap interval; NaN where nothing defines it."""

    mean: float  #: the statistic of all images; of an AUC, the AUC
    low: float
    high: float
    count: int  #: values that went into it


#: ``statistic(real (N,), fake (M,), real_weights (D, N), fake_weights (D, M)) -> (D,)``: of fake probabilities
#: and of how often each image was drawn; NaN where a draw has no real image, or no fake.
DecisionStatistic = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def bootstrap_interval(values: np.ndarray, *, level: float = LEVEL, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The mean of one value an image, with its interval.

    Args:
        values: (N,), or (G, N) where row g holds the values of generator g on the same N images. NaN where there
            is none. Of G rows the mean is that of the row means; rows of NaN alone are left out.
        level: of the interval.
        draws: resamplings.

    >>> bootstrap_interval(np.array([0.5, 0.5, np.nan]))
    Interval(mean=0.5, low=0.5, high=0.5, count=2)
    """
    rows = np.atleast_2d(np.asarray(values, np.float64))
    rows = rows[np.isfinite(rows).any(axis=1)]
    there = np.isfinite(rows)
    known = np.where(there, rows, 0)

    def mean(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return ((weights @ known.T) / (weights @ there.T)).mean(axis=1)

    if not len(rows):
        return Interval(np.nan, np.nan, np.nan, 0)
    return _interval(mean, (rows.shape[1],), int(there.sum()), level, draws, seed)


def proportion_interval(hits: int, count: int, *, level: float = LEVEL) -> Interval:
    """``hits`` of ``count`` as a share, with Wilson's interval, which is not empty where nothing or all was hit.

    Raises:
        ValueError: where ``hits`` lies outside 0..``count``.
    """
    if not 0 <= hits <= count:
        raise ValueError(f"hits must lie in 0..{count}, got {hits}")
    if not count:
        return Interval(np.nan, np.nan, np.nan, 0)
    low, high = binomtest(hits, count).proportion_ci(level, method="wilson")
    return Interval(hits / count, float(low), float(high), count)


def paired_difference(
    a: np.ndarray, b: np.ndarray, *, level: float = LEVEL, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """The mean of a - b over the same images, with its interval; where 0 lies outside, the two differ.

    Args:
        a, b: values of two predictors, both (N,) or both (G, N) as in :func:`bootstrap_interval`.

    Raises:
        ValueError: where the shapes differ.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"a paired difference needs values of the same images, got {a.shape} and {b.shape}")
    return bootstrap_interval(a - b, level=level, draws=draws, seed=seed)


def bootstrap_decision(
    statistic: DecisionStatistic,
    real_scores: np.ndarray,
    fake_scores: np.ndarray,
    *,
    paired: bool = False,
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """A statistic of the fake probabilities of real and fake images, with its interval.

    Args:
        statistic: :func:`auc`, :func:`accuracy` or :func:`true_positive_rate`.
        real_scores: (N,), NaN where there is none.
        fake_scores: (M,), or (G, M) for G generators, NaN where there is none; of G generators the result is the
            mean of the statistic of each.
        paired: fake m was made from photo m (so M is N), and the two are drawn together.

    Raises:
        ValueError: where ``paired`` and the numbers differ.
    """
    real, rows = np.asarray(real_scores, np.float64), np.atleast_2d(np.asarray(fake_scores, np.float64))
    if paired and rows.shape[1] != len(real):
        raise ValueError(f"{len(real)} photos and {rows.shape[1]} fakes are no pairs; give paired=False")
    if not len(rows):
        return Interval(np.nan, np.nan, np.nan, 0)
    count = int(np.isfinite(real).sum() + np.isfinite(rows).sum())
    groups = (len(real),) if paired else (len(real), rows.shape[1])
    return _interval(_mean_over_rows(statistic, real, rows, paired), groups, count, level, draws, seed)


def paired_decision_difference(
    statistic: DecisionStatistic,
    a: tuple[np.ndarray, np.ndarray],
    b: tuple[np.ndarray, np.ndarray],
    *,
    paired: bool = False,
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """A statistic of predictor a less that of b, of the same images, with its interval.

    Args:
        a, b: real and fake scores as in :func:`bootstrap_decision`; an image that one of the two lacks is left out.
        paired: as there.

    Raises:
        ValueError: where the shapes differ.
    """
    sides = [(np.asarray(real, np.float64), np.atleast_2d(np.asarray(fake, np.float64))) for real, fake in (a, b)]
    (real_a, fake_a), (real_b, fake_b) = sides
    if real_a.shape != real_b.shape or fake_a.shape != fake_b.shape or (paired and fake_a.shape[1] != len(real_a)):
        raise ValueError(
            f"a paired difference needs scores of the same images, got {real_a.shape} and {fake_a.shape}, "
            f"{real_b.shape} and {fake_b.shape}"
        )
    real = np.isfinite(real_a) & np.isfinite(real_b)
    fake = np.isfinite(fake_a) & np.isfinite(fake_b)
    first, second = (
        _mean_over_rows(statistic, np.where(real, of_real, np.nan), np.where(fake, of_fake, np.nan), paired)
        for of_real, of_fake in sides
    )
    groups = (len(real_a),) if paired else (len(real_a), fake_a.shape[1])
    return _interval(
        lambda weights: first(weights) - second(weights), groups, int(real.sum() + fake.sum()), level, draws, seed
    )


def bootstrap_auc(
    real_scores: np.ndarray,
    fake_scores: np.ndarray,
    *,
    paired: bool = False,
    level: float = LEVEL,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """:func:`bootstrap_decision` of :func:`auc`."""
    return bootstrap_decision(auc, real_scores, fake_scores, paired=paired, level=level, draws=draws, seed=seed)


def auc(real: np.ndarray, fake: np.ndarray, real_weights: np.ndarray, fake_weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: how often a fake scores above a real image, ties counted half."""
    order = np.argsort(real)
    drawn = np.pad(np.cumsum(real_weights[:, order], axis=1), ((0, 0), (1, 0)))
    below = np.searchsorted(real[order], fake, side="left")
    up_to = np.searchsorted(real[order], fake, side="right")
    won = (fake_weights * (drawn[:, below] + drawn[:, up_to])).sum(axis=1) / 2
    return _ratio(won, real_weights.sum(axis=1) * fake_weights.sum(axis=1))


def accuracy(real: np.ndarray, fake: np.ndarray, real_weights: np.ndarray, fake_weights: np.ndarray) -> np.ndarray:
    """Share of images that are called what they are at :data:`DECISION_THRESHOLD`."""
    right = real_weights @ (real < DECISION_THRESHOLD) + fake_weights @ (fake >= DECISION_THRESHOLD)
    reals, fakes = real_weights.sum(axis=1), fake_weights.sum(axis=1)
    return np.where((reals > 0) & (fakes > 0), _ratio(right, reals + fakes), np.nan)


def true_positive_rate(
    real: np.ndarray, fake: np.ndarray, real_weights: np.ndarray, fake_weights: np.ndarray
) -> np.ndarray:
    """Share of fakes above the lowest threshold at which at most 1 % of the real images are called fake.

    With fewer than 100 real images that is a threshold above all of them.
    """
    reals, fakes = real_weights.sum(axis=1), fake_weights.sum(axis=1)
    if not len(real) or not len(fake):
        return np.full(len(reals), np.nan)
    falling = np.argsort(-real)
    # A false alarm too many comes with the real image at which this count is passed.
    allowed = np.floor(FALSE_POSITIVE_RATE * reals + 1e-9)
    first = np.argmax(np.cumsum(real_weights[:, falling], axis=1) > allowed[:, None], axis=1)
    rising = np.argsort(fake)
    not_above = np.searchsorted(fake[rising], real[falling], side="right")[first]
    drawn = np.pad(np.cumsum(fake_weights[:, rising], axis=1), ((0, 0), (1, 0)))
    found = fakes - np.take_along_axis(drawn, not_above[:, None], axis=1)[:, 0]
    return np.where(reals > 0, _ratio(found, fakes), np.nan)


def _mean_over_rows(
    statistic: DecisionStatistic, real: np.ndarray, rows: np.ndarray, paired: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Weights (D, images) -> the mean over the rows (G, M) of the statistic against ``real`` (N,); NaN is left out."""
    known, there = np.isfinite(real), np.isfinite(rows)

    def mean(weights: np.ndarray) -> np.ndarray:
        of_real = weights[:, : len(real)]
        of_fake = of_real if paired else weights[:, len(real) :]
        of_each = [
            statistic(real[known], row[mask], of_real[:, known], of_fake[:, mask])
            for row, mask in zip(rows, there, strict=True)
        ]
        return np.mean(of_each, axis=0)

    return mean


def _interval(
    statistic: Callable[[np.ndarray], np.ndarray],
    groups: Sequence[int],
    count: int,
    level: float,
    draws: int,
    seed: int,
) -> Interval:
    """``statistic`` takes weights (D, sum of groups), how often each image was drawn; groups are drawn apart."""
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"level must lie in (0, 1) and draws be at least 1, got {level} and {draws}")
    value = float(statistic(np.ones((1, sum(groups))))[0])
    if not np.isfinite(value):
        return Interval(np.nan, np.nan, np.nan, count)
    rng = np.random.default_rng(seed)
    drawn = []
    for start in range(0, draws, _CHUNK):
        chunk = min(_CHUNK, draws - start)
        weights = [rng.multinomial(size, np.full(size, 1 / size), chunk) for size in groups if size]
        drawn.append(statistic(np.concatenate(weights, axis=1).astype(np.float64)))
    tail = 100 * (1 - level) / 2
    # A draw may take no image of a generator that has few: it says nothing.
    low, high = np.nanpercentile(np.concatenate(drawn), [tail, 100 - tail])
    return Interval(value, float(low), float(high), count)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return part / whole
