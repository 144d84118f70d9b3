"""Metrics against hand-computed cases and independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import average_precision_score, roc_auc_score

from fakelocator_zoo.evaluation import metrics


def maps(*size: int) -> tuple[np.ndarray, np.ndarray]:
    """A random true map and a noisy prediction of it."""
    rng = np.random.default_rng(0)
    true = rng.random(size, np.float32)
    return np.clip(true + rng.normal(0, 0.1, size).astype(np.float32), 0, 1), true


def mask(*pixels: int) -> np.ndarray:
    return np.isin(np.arange(6), pixels).reshape(2, 3)


@pytest.mark.parametrize("painted", [1, 1000, 4095])
@pytest.mark.parametrize("levels", [1, 2, 10, 10**6])  # of few levels many pixels are tied, and of one all
def test_one_sort_gives_scikit_learns_auc_and_average_precision(painted: int, levels: int) -> None:
    rng = np.random.default_rng(painted)
    predicted = np.floor(rng.random((64, 64)) * levels).astype(np.float32) / levels
    labels = rng.permutation(4096).reshape(64, 64) < painted
    expected = (
        roc_auc_score(labels.ravel(), predicted.ravel()),
        average_precision_score(labels.ravel(), predicted.ravel()),
    )
    assert metrics.ranking(predicted, labels) == pytest.approx(expected)
    assert metrics.pooled_ranking(metrics.pixel_counts(predicted, labels)) == pytest.approx(expected, abs=2e-4)


def test_pixels_of_many_images_are_pooled_by_adding_counts() -> None:
    rng = np.random.default_rng(0)
    predicted, labels = rng.random((3, 20, 30)) ** 8, rng.random((3, 20, 30)) < 0.2  # most values near 0
    counts = sum(metrics.pixel_counts(a, b) for a, b in zip(predicted, labels, strict=True))
    assert metrics.pooled_ranking(counts).auc == pytest.approx(
        roc_auc_score(labels.ravel(), predicted.ravel()), abs=1e-3
    )


def test_ties_count_half_and_a_constant_ranks_nothing() -> None:
    predicted, labels = np.array([[0.9, 0.5], [0.5, 0.1]]), np.array([[True, True], [False, False]])
    assert metrics.pixel_auc(predicted, labels) == pytest.approx(3.5 / 4)
    assert metrics.ranking(np.full((5, 7), 0.3), np.arange(35).reshape(5, 7) < 7) == pytest.approx((0.5, 0.2))


@pytest.mark.parametrize("labels", [np.ones((2, 2), bool), np.zeros((2, 2), bool)])
def test_pixels_of_one_kind_have_no_ranking(labels: np.ndarray) -> None:
    assert np.isnan(metrics.ranking(np.zeros((2, 2)), labels)).all()


def test_a_map_with_nan_has_no_order() -> None:
    with pytest.raises(ValueError, match="NaN"):
        metrics.ranking(np.array([[0.5, np.nan]]), np.array([[True, False]]))


def test_similarities_agree_with_other_libraries() -> None:
    predicted, true = maps(16, 24)
    a, b = (torch.from_numpy(each).flatten()[None] for each in (predicted, true))
    assert metrics.coss(predicted, true) == pytest.approx(torch.cosine_similarity(a, b).item(), abs=1e-6)
    assert metrics.pearson(predicted, true) == pytest.approx(np.corrcoef(predicted.ravel(), true.ravel())[0, 1])
    assert metrics.psnr(predicted, true) == pytest.approx(peak_signal_noise_ratio(true, predicted, data_range=1))
    expected = structural_similarity(
        true, predicted, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert metrics.ssim(predicted, true) == pytest.approx(expected, abs=1e-5)


def test_coss_ignores_scale_and_pearson_the_level() -> None:
    predicted, true = maps(6, 5)
    assert metrics.coss(0.01 * predicted, true) == pytest.approx(metrics.coss(predicted, true))
    assert metrics.pearson(0.5 * predicted + 0.2, true) == pytest.approx(metrics.pearson(predicted, true))
    assert metrics.pearson(np.ones((6, 5)), true) == 0


@pytest.mark.parametrize(
    ("metric", "predicted", "true", "expected"),
    [
        (metrics.coss, 0.2, 0.7, 1),  # one number points where another does
        (metrics.coss, 0.0, 0.7, 0),
        (metrics.coss, 0.0, 0.0, 1),
        (metrics.l1, 0.2, 0.7, 0.5),
        (metrics.psnr, 0.0, 0.1, 20),
        (metrics.psnr, 0.7, 0.7, metrics.MAX_PSNR),
    ],
)
def test_maps_of_one_pixel_by_hand(metric, predicted: float, true: float, expected: float) -> None:
    assert metric(np.array([[predicted]]), np.array([[true]])) == pytest.approx(expected)


def test_equal_maps_have_full_ssim_and_small_maps_none() -> None:
    assert metrics.ssim(np.full((12, 12), 0.3), np.full((12, 12), 0.3)) == pytest.approx(1)
    assert np.isnan(metrics.ssim(np.zeros((10, 40)), np.zeros((10, 40))))


def test_the_level_is_that_inside_the_mask() -> None:
    true = np.array([[0.4, 0.2], [0.0, 0.0]])
    assert metrics.map_level(np.array([[0.1, 0.05], [0.9, 0.9]]), true, true > 0) == pytest.approx(1 / 4)
    assert np.isnan(metrics.map_level(true, np.zeros((2, 2)), true > 0))
    assert np.isnan(metrics.map_level(true, true, true > 1))


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [
        (mask(), mask(), 0),  # both empty
        (mask(0, 1), mask(), 1 / 3),  # one empty: 1 / (3 - 0)
        (mask(), mask(5), 1 / 3),
        (mask(*range(6)), mask(*range(6)), 0),
        (mask(0, 1), mask(4), 2 / 3),  # apart: 2 / (3 - 0)
        (mask(0, 1), mask(1), 0.5 / 2.5),  # I = 1, U = 1 / 2: (2 - 1/2 - 1) / (3 - 1/2)
        (mask(0, 1, 2), mask(2, 3), (2 - 1 / 3 - 1 / 2) / (3 - 1 / 4)),
    ],
)
def test_iinc_by_hand(predicted: np.ndarray, true: np.ndarray, expected: float) -> None:
    assert metrics.iinc(predicted, true) == pytest.approx(expected)


def test_pixel_accuracy_by_hand() -> None:
    assert metrics.pixel_accuracy(mask(0, 1, 2), mask(2, 3)) == pytest.approx(3 / 6)


@pytest.mark.parametrize("metric", [metrics.pixel_auc, metrics.iinc, metrics.pixel_accuracy])
def test_grey_masks_are_refused(metric) -> None:
    with pytest.raises(ValueError, match="bool"):
        metric(np.zeros((2, 2), bool), np.full((2, 2), 0.5))


@pytest.mark.parametrize("name", ["coss", "pearson", "l1", "psnr", "ssim", "pixel_auc", "iinc", "pixel_accuracy"])
def test_sizes_must_match(name: str) -> None:
    with pytest.raises(ValueError, match="one size"):
        getattr(metrics, name)(np.zeros((2, 2), bool), np.zeros((2, 3), bool))


def test_trivial_maps() -> None:
    gaussian = metrics.centred_gaussian_map(9, 9)
    assert gaussian.argmax() == 40 and gaussian[4, 4] == 1
    assert gaussian[4, 0] == pytest.approx(np.exp(-((4 / 9 / 0.25) ** 2) / 2))
    flat = np.full((32, 32, 3), 90, np.uint8)
    noisy = flat.copy()
    noisy[:, 16:] += np.random.default_rng(0).integers(0, 60, (32, 16, 3), dtype=np.uint8)
    energy = metrics.high_pass_map(noisy)
    assert metrics.high_pass_map(flat).max() == 0
    assert energy[:, 20:].mean() > 10 * energy[:, :8].mean()
