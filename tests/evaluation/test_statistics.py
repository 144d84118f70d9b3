"""Intervals and decisions against scipy, scikit-learn and hand-computed cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import accuracy_score, roc_auc_score, roc_curve

from fakelocator_zoo.evaluation.statistics import (
    accuracy,
    auc,
    bootstrap_decision,
    bootstrap_interval,
    proportion_interval,
    true_positive_rate,
)


def scores(real: int, fake: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Fake probabilities with ties."""
    rng = np.random.default_rng(seed)
    return rng.beta(2, 4, real).round(2), rng.beta(4, 3, fake).round(2)


def unweighted(statistic, real, fake) -> float:
    return float(statistic(real, fake, np.ones((1, len(real))), np.ones((1, len(fake))))[0])


@pytest.mark.parametrize(("hits", "count"), [(0, 20), (3, 50), (7, 7)])
def test_the_interval_of_a_share_is_wilsons(hits: int, count: int) -> None:
    interval = proportion_interval(hits, count)
    z, share = scipy.stats.norm.ppf(0.975), hits / count
    # The ends are the shares whose own normal approximation just reaches what was observed.
    for end in (interval.low, interval.high):
        assert (share - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / count, abs=1e-9)
    assert (interval.mean, interval.count) == (share, count) and interval.low <= share <= interval.high
    assert interval.low < interval.high


def test_a_share_of_nothing_is_undefined_and_more_than_all_is_refused() -> None:
    assert np.isnan(proportion_interval(0, 0).mean)
    with pytest.raises(ValueError, match=r"hits must lie in 0\.\.3, got 4"):
        proportion_interval(4, 3)


def test_the_interval_of_a_mean_is_that_of_scipy():
    values = np.random.default_rng(0).gamma(2, 1, 60)
    ours = bootstrap_interval(values, draws=20_000)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert ours.count == 60


def test_the_same_seed_gives_the_same_numbers():
    values = np.random.default_rng(0).random(20)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


@pytest.mark.parametrize("values", [np.array([]), np.array([np.nan, np.nan]), np.empty((0, 5))])
def test_no_value_has_no_mean(values):
    interval = bootstrap_interval(values)
    assert np.isnan([interval.mean, interval.low, interval.high]).all() and interval.count == 0


def test_over_generators_each_counts_alike_whatever_its_number_of_images():
    values = np.array([[1.0, np.nan, np.nan, np.nan], [0.0, 0.0, 0.0, 0.0]])
    interval = bootstrap_interval(values)
    assert interval.mean == 0.5 and interval.count == 5


def test_fakes_of_one_photo_are_drawn_together():
    # Two generators that say the same of a photo are no more evidence than one.
    values = np.random.default_rng(0).random(40)
    one, two = bootstrap_interval(values), bootstrap_interval(np.stack([values, values]))
    assert (two.low, two.high) == pytest.approx((one.low, one.high))
    apart = np.full((2, 80), np.nan)
    apart[0, :40], apart[1, 40:] = values, values
    width = [each.high - each.low for each in (one, bootstrap_interval(apart))]
    assert width[1] < 0.85 * width[0]  # two independent sets: 1 / sqrt(2)


@pytest.mark.parametrize(("real", "fake"), [(1, 1), (7, 30), (150, 40), (400, 400)])
def test_decisions_agree_with_scikit_learn(real, fake):
    of_real, of_fake = scores(real, fake)
    labels, both = np.repeat([0, 1], (real, fake)), np.concatenate([of_real, of_fake])
    false_positives, true_positives, _ = roc_curve(labels, both, drop_intermediate=False)
    assert unweighted(auc, of_real, of_fake) == pytest.approx(roc_auc_score(labels, both))
    assert unweighted(accuracy, of_real, of_fake) == pytest.approx(accuracy_score(labels, both >= 0.5))
    expected = true_positives[false_positives <= 0.01].max()
    assert unweighted(true_positive_rate, of_real, of_fake) == pytest.approx(expected)


@pytest.mark.parametrize("statistic", [auc, accuracy, true_positive_rate])
def test_a_weight_is_a_repetition(statistic):
    real, fake = scores(120, 50)
    rng = np.random.default_rng(2)
    of_real, of_fake = rng.integers(0, 4, (3, 120)), rng.integers(0, 4, (3, 50))
    weighted = statistic(real, fake, of_real.astype(float), of_fake.astype(float))
    repeated = [
        unweighted(statistic, np.repeat(real, a), np.repeat(fake, b)) for a, b in zip(of_real, of_fake, strict=True)
    ]
    assert weighted == pytest.approx(repeated)


def test_at_one_percent_one_photo_of_a_hundred_may_be_called_fake():
    real = np.linspace(0, 0.5, 100)
    real[0] = 0.99
    fake = np.array([0.6, 0.7, 0.2])
    assert unweighted(true_positive_rate, real, fake) == pytest.approx(2 / 3)
    assert unweighted(true_positive_rate, real[:99], fake) == 0  # one of 99 is more than 1 %


@pytest.mark.parametrize("statistic", [auc, accuracy, true_positive_rate])
@pytest.mark.parametrize(("real", "fake"), [([], [0.5]), ([0.5], []), ([0.5], [np.nan])])
def test_a_decision_needs_both_kinds(statistic, real, fake):
    assert np.isnan(bootstrap_decision(statistic, np.array(real), np.array(fake), draws=10).mean)


def test_the_auc_of_a_constant_is_a_half_for_certain():
    interval = bootstrap_decision(auc, np.full(20, 0.5), np.full(20, 0.5))
    assert (interval.mean, interval.low, interval.high, interval.count) == (0.5, 0.5, 0.5, 40)


def test_the_interval_of_an_auc_is_that_of_a_plain_bootstrap():
    real, fake = scores(60, 40)
    rng = np.random.default_rng(3)
    reals, fakes = rng.choice(real, (1500, 1, 60)), rng.choice(fake, (1500, 40, 1))
    drawn = ((fakes > reals) + (fakes == reals) / 2).mean(axis=(1, 2))  # how often a fake scores above a real image
    ours = bootstrap_decision(auc, real, fake, draws=4000)
    assert (ours.low, ours.high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.01)


def test_the_auc_over_generators_is_the_mean_of_theirs():
    real, fake = scores(30, 30)
    rows = np.stack([fake, fake - 0.3])
    rows[1, 10:] = np.nan
    expected = np.mean([bootstrap_decision(auc, real, fake).mean, bootstrap_decision(auc, real, fake[:10] - 0.3).mean])
    interval = bootstrap_decision(auc, real, rows, paired=True)
    assert interval.mean == pytest.approx(expected) and interval.count == 70
    assert interval.low < interval.mean < interval.high


def test_pairs_need_as_many_fakes_as_photos():
    with pytest.raises(ValueError, match="no pairs"):
        bootstrap_decision(auc, np.zeros(3), np.zeros(4), paired=True)
