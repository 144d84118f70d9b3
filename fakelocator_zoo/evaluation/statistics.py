"""Bootstrap intervals over images, Wilson's interval of a share, and the statistics of a decision.

The unit that is drawn is the photo: where several fakes come from one photo, a draw takes all of them or none, since
they are not independent. Bootstrap intervals are percentiles; the same seed gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from fakelocator_zoo.evaluation.reliability import BINS

LEVEL, DRAWS = 0.95, 2000
#: The share of photos called fake at which :func:`true_positive_rate` is taken.
FALSE_POSITIVE_RATE = 0.01
_CHUNK = 250  # draws at once: 10,000 images then need 20 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic and its interval; NaN where it is undefined."""

    mean: float  #: the statistic of all images; of an AUC, the AUC
    low: float
    high: float
    count: int  #: values that went into it


#: ``statistic(real (N,), fake (M,), real_weights (D, N), fake_weights (D, M)) -> (D,)``: of fake probabilities
#: and of how often each image was drawn; NaN where a draw has no real image, or no fake.
DecisionStatistic = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def bootstrap_interval(values: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """The mean of one value an image, with its interval.

    Args:
        values: (N,), or (G, N) where row g holds the values of generator g on the same N images. NaN where there
            is none. Of G rows the mean is that of the row means; rows of NaN alone are left out.
        draws: resamplings.

    >>> bootstrap_interval(np.array([0.5, 0.5, np.nan]))
    Interval(mean=0.5, low=0.5, high=0.5, count=2)
    """
    rows = np.atleast_2d(np.asarray(values, np.float64))
    rows = rows[np.isfinite(rows).any(axis=1)]
    there = np.isfinite(rows)
    known = np.where(there, rows, 0)

    def mean(weights: np.ndarray) -> np.ndarray:
        return _ratio(weights @ known.T, weights @ there.T).mean(axis=1)

    if not len(rows):
        return Interval(np.nan, np.nan, np.nan, 0)
    return _interval(mean, (rows.shape[1],), int(there.sum()), draws, seed)


def proportion_interval(hits: int, count: int) -> Interval:
    """``hits`` of ``count`` as a share, with Wilson's interval, which is not empty where nothing or all was hit.

    Raises:
        ValueError: where ``hits`` lies outside 0..``count``.
    """
    if not 0 <= hits <= count:
        raise ValueError(f"hits must lie in 0..{count}, got {hits}")
    if not count:
        return Interval(np.nan, np.nan, np.nan, 0)
    low, high = binomtest(hits, count).proportion_ci(LEVEL, method="wilson")
    return Interval(hits / count, float(low), float(high), count)


def bootstrap_decision(
    statistic: DecisionStatistic,
    real_scores: np.ndarray,
    fake_scores: np.ndarray,
    *,
    paired: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """A statistic of the fake probabilities of real and fake images, with its interval.

    Args:
        statistic: :func:`auc`, :func:`accuracy`, :func:`true_positive_rate` or :func:`calibration_error`.
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
    known, there = np.isfinite(real), np.isfinite(rows)

    def mean(weights: np.ndarray) -> np.ndarray:
        of_real = weights[:, : len(real)]
        of_fake = of_real if paired else weights[:, len(real) :]
        of_each = [
            statistic(real[known], row[mask], of_real[:, known], of_fake[:, mask])
            for row, mask in zip(rows, there, strict=True)
        ]
        return np.mean(of_each, axis=0)

    groups = (len(real),) if paired else (len(real), rows.shape[1])
    return _interval(mean, groups, int(known.sum() + there.sum()), draws, seed)


def auc(real: np.ndarray, fake: np.ndarray, real_weights: np.ndarray, fake_weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: how often a fake scores above a real image, ties counted half."""
    order = np.argsort(real)
    drawn = np.pad(np.cumsum(real_weights[:, order], axis=1), ((0, 0), (1, 0)))
    below = np.searchsorted(real[order], fake, side="left")
    up_to = np.searchsorted(real[order], fake, side="right")
    won = (fake_weights * (drawn[:, below] + drawn[:, up_to])).sum(axis=1) / 2
    return _ratio(won, real_weights.sum(axis=1) * fake_weights.sum(axis=1))


def accuracy(
    real: np.ndarray,
    fake: np.ndarray,
    real_weights: np.ndarray,
    fake_weights: np.ndarray,
    threshold: float = 0.5,
) -> np.ndarray:
    """Share of images that are called what they are; from ``threshold`` on an image is called fake."""
    right = real_weights @ (real < threshold) + fake_weights @ (fake >= threshold)
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
    # The threshold is the real image at which this count is passed.
    allowed = np.floor(FALSE_POSITIVE_RATE * reals + 1e-9)
    first = np.argmax(np.cumsum(real_weights[:, falling], axis=1) > allowed[:, None], axis=1)
    rising = np.argsort(fake)
    not_above = np.searchsorted(fake[rising], real[falling], side="right")[first]
    drawn = np.pad(np.cumsum(fake_weights[:, rising], axis=1), ((0, 0), (1, 0)))
    found = fakes - np.take_along_axis(drawn, not_above[:, None], axis=1)[:, 0]
    return np.where(reals > 0, _ratio(found, fakes), np.nan)


def calibration_error(
    real: np.ndarray, fake: np.ndarray, real_weights: np.ndarray, fake_weights: np.ndarray
) -> np.ndarray:
    """Expected calibration error of :func:`~fakelocator_zoo.evaluation.reliability.reliability`.

    A bin's weight times the distance of its means is the sum of weight * (probability - label) over its images.
    """
    index = np.minimum((np.concatenate([real, fake]) * BINS).astype(int), BINS - 1)
    drawn = [each.sum(axis=1, keepdims=True) for each in (real_weights, fake_weights)]
    gaps = [_ratio(real_weights, drawn[0]) * real, _ratio(fake_weights, drawn[1]) * (fake - 1)]
    errors = np.abs(np.concatenate(gaps, axis=1) / 2 @ np.eye(BINS)[index]).sum(axis=1)
    return np.where((drawn[0] > 0) & (drawn[1] > 0), errors[:, None], np.nan)[:, 0]


def _interval(
    statistic: Callable[[np.ndarray], np.ndarray], groups: Sequence[int], count: int, draws: int, seed: int
) -> Interval:
    """``statistic`` takes weights (D, sum of groups), how often each image was drawn; groups are drawn apart."""
    value = float(statistic(np.ones((1, sum(groups))))[0])
    if not np.isfinite(value):
        return Interval(np.nan, np.nan, np.nan, count)
    rng = np.random.default_rng(seed)
    drawn = []
    for start in range(0, draws, _CHUNK):
        chunk = min(_CHUNK, draws - start)
        weights = [rng.multinomial(size, np.full(size, 1 / size), chunk) for size in groups if size]
        drawn.append(statistic(np.concatenate(weights, axis=1).astype(np.float64)))
    tail = 100 * (1 - LEVEL) / 2
    # A draw may take no image of a generator that has few: its statistic is undefined.
    low, high = np.nanpercentile(np.concatenate(drawn), [tail, 100 - tail])
    return Interval(value, float(low), float(high), count)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return part / whole
