"""Metrics against hand-computed cases and independent implementations."""

import kornia.metrics
import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from fakelocator_zoo.evaluation import metrics


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((6, 5), np.float32), rng.random((6, 5), np.float32)


def test_coss_agrees_with_torch(maps):
    a, b = (torch.from_numpy(m).flatten()[None] for m in maps)
    assert metrics.coss(*maps) == pytest.approx(torch.nn.functional.cosine_similarity(a, b).item(), abs=1e-6)


def test_coss_of_empty_maps():
    empty, full = np.zeros((2, 2)), np.ones((2, 2))
    assert metrics.coss(empty, empty) == 1
    assert metrics.coss(empty, full) == metrics.coss(full, empty) == 0


def test_coss_ignores_scale(maps):
    assert metrics.coss(maps[0], maps[1]) == pytest.approx(metrics.coss(maps[0] * 0.01, maps[1]))


def test_pearson_agrees_with_numpy(maps):
    expected = np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1]
    assert metrics.pearson(*maps) == pytest.approx(expected, abs=1e-6)


def test_pearson_of_a_constant_is_zero(maps):
    assert metrics.pearson(np.ones((6, 5)), maps[0]) == 0


def test_pixel_auc_counts_pairs_and_halves_ties():
    predicted = np.array([[0.9, 0.5], [0.5, 0.1]])
    mask = np.array([[True, True], [False, False]])
    # pairs (fake, real): 0.9 > 0.5, 0.9 > 0.1, 0.5 = 0.5 (half), 0.5 > 0.1
    assert metrics.pixel_auc(predicted, mask) == pytest.approx(3.5 / 4)


def test_pixel_ap_by_hand():
    predicted = np.array([[0.9, 0.7], [0.5, 0.1]])
    mask = np.array([[True, False], [True, False]])
    # one of one at the first fake pixel, two of three at the second
    assert metrics.pixel_ap(predicted, mask) == pytest.approx((1 + 2 / 3) / 2)


def test_pixel_ap_of_a_constant_is_the_share_of_fake_pixels():
    mask = np.arange(20).reshape(4, 5) < 3
    assert metrics.pixel_ap(np.ones((4, 5)), mask) == pytest.approx(3 / 20)


@pytest.mark.parametrize("painted", [1, 1000, 4095])
@pytest.mark.parametrize("levels", [1, 2, 10, 10**6])  # of few levels many pixels are tied, and of one all
def test_pixel_scores_agree_with_scikit_learn(painted, levels):
    rng = np.random.default_rng(painted)
    predicted = (rng.random((64, 64)) * levels).round().astype(np.float32) / levels
    predicted = np.zeros_like(predicted) if levels == 1 else predicted
    mask = rng.permutation(4096).reshape(64, 64) < painted
    expected = roc_auc_score(mask.ravel(), predicted.ravel()), average_precision_score(mask.ravel(), predicted.ravel())
    assert (metrics.pixel_auc(predicted, mask), metrics.pixel_ap(predicted, mask)) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_ranks_nothing_to_the_last_digit(value):
    mask = np.arange(35).reshape(5, 7) < 3
    assert metrics.pixel_auc(np.full((5, 7), value, np.float32), mask) == 0.5


@pytest.mark.parametrize("metric", [metrics.pixel_auc, metrics.pixel_ap])
def test_a_map_with_nan_has_no_order(metric):
    with pytest.raises(ValueError, match="must not hold NaN"):
        metric(np.array([[0.5, np.nan]]), np.array([[True, False]]))


@pytest.mark.parametrize(
    ("metric", "predicted", "true", "expected"),
    [
        (metrics.coss, 0.2, 0.7, 1),  # one number points where another does
        (metrics.coss, 0.0, 0.7, 0),
        (metrics.coss, 0.0, 0.0, 1),
        (metrics.pearson, 0.2, 0.7, 0),  # one number varies with nothing
        (metrics.l1, 0.2, 0.7, 0.5),
        (metrics.psnr, 0.0, 0.1, 20),
        (metrics.psnr, 0.7, 0.7, metrics.MAX_PSNR),
        (metrics.iinc, True, True, 0),
        (metrics.iinc, True, False, 1 / 3),
        (metrics.iinc, False, False, 0),
        (metrics.pixel_accuracy, True, True, 1),
        (metrics.pixel_accuracy, True, False, 0),
    ],
)
def test_maps_of_one_pixel_by_hand(metric, predicted, true, expected):
    assert metric(np.array([[predicted]]), np.array([[true]])) == pytest.approx(expected)


def test_one_fake_pixel_by_hand():
    predicted = np.array([[0.1, 0.9], [0.8, 0.2]])
    mask = np.array([[False, False], [True, False]])
    assert metrics.pixel_auc(predicted, mask) == pytest.approx(2 / 3)  # above two of three
    assert metrics.pixel_ap(predicted, mask) == pytest.approx(1 / 2)  # the second from the top
    assert metrics.coss(predicted, mask) == pytest.approx(0.8 / np.sqrt(0.01 + 0.81 + 0.64 + 0.04))


def test_a_located_map_of_a_whole_fake_by_hand():
    everywhere, half = np.ones((12, 12)), np.full((12, 12), 0.5)
    assert metrics.coss(half, everywhere) == pytest.approx(1)  # not centred: any constant points there
    assert metrics.pearson(half, everywhere) == 0
    assert metrics.psnr(half, everywhere) == pytest.approx(10 * np.log10(4))
    c1 = 0.01**2  # SSIM's; without variance only its first term is left
    assert metrics.ssim(half, everywhere) == pytest.approx((2 * 0.5 + c1) / (0.25 + 1 + c1))
    assert metrics.iinc(half >= 0.5, everywhere >= 0.5) == 0
    assert metrics.pixel_accuracy(half >= 0.6, everywhere >= 0.6) == 0


@pytest.mark.parametrize("painted", [1, 7, 29])
def test_pixel_scores_agree_with_torchmetrics(maps, painted):
    functional = pytest.importorskip("torchmetrics.functional.classification")
    predicted = maps[0].round(1)  # with ties
    mask = np.random.default_rng(painted).permutation(30).reshape(6, 5) < painted
    scores, target = torch.from_numpy(predicted).flatten(), torch.from_numpy(mask).flatten().long()
    assert metrics.pixel_auc(predicted, mask) == pytest.approx(functional.binary_auroc(scores, target).item(), abs=1e-5)
    expected = functional.binary_average_precision(scores, target).item()
    assert metrics.pixel_ap(predicted, mask) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("metric", [metrics.pixel_auc, metrics.pixel_ap])
@pytest.mark.parametrize("mask", [np.ones((2, 2), bool), np.zeros((2, 2), bool)])
def test_ranking_pixels_of_one_kind_is_refused(metric, mask):
    with pytest.raises(ValueError, match="both fake and real"):
        metric(np.zeros((2, 2)), mask)


@pytest.mark.parametrize("metric", [metrics.pixel_auc, metrics.pixel_ap, metrics.iinc, metrics.pixel_accuracy])
def test_grey_masks_are_refused(metric):
    with pytest.raises(ValueError, match="boolean"):
        metric(np.zeros((2, 2), bool), np.full((2, 2), 0.5))


def test_l1_by_hand():
    assert metrics.l1(np.array([[0.0, 1.0]]), np.array([[0.5, 0.75]])) == pytest.approx(0.375)


def _noisy(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    true = rng.random(size, np.float32)
    return np.clip(true + rng.normal(0, 0.1, size).astype(np.float32), 0, 1), true


def test_psnr_agrees_with_torchmetrics():
    functional = pytest.importorskip("torchmetrics.functional.image")
    predicted, true = _noisy((16, 24))
    a, b = torch.from_numpy(predicted)[None, None], torch.from_numpy(true)[None, None]
    expected = functional.peak_signal_noise_ratio(a, b, data_range=1.0).item()
    assert metrics.psnr(predicted, true) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("size", [(11, 11), (16, 24)])
def test_ssim_agrees_with_kornia(size):
    predicted, true = _noisy(size)
    a, b = torch.from_numpy(predicted)[None, None], torch.from_numpy(true)[None, None]
    expected = kornia.metrics.ssim(a, b, 11, max_val=1.0, padding="valid").mean().item()
    assert metrics.ssim(predicted, true) == pytest.approx(expected, abs=1e-4)


def test_equal_maps_have_a_finite_psnr_and_full_ssim():
    for level in (0.0, 0.3, 1.0):
        flat = np.full((12, 12), level)
        assert metrics.psnr(flat, flat) == metrics.MAX_PSNR
        assert metrics.ssim(flat, flat) == pytest.approx(1)
    # and nothing that differs scores above them
    assert metrics.psnr(np.full((12, 12), 1e-9), np.zeros((12, 12))) == metrics.MAX_PSNR


def test_ssim_of_maps_below_its_window_is_refused():
    with pytest.raises(ValueError, match="11 x 11"):
        metrics.ssim(np.zeros((10, 40)), np.zeros((10, 40)))


def _mask(*pixels: int) -> np.ndarray:
    return np.isin(np.arange(6), pixels).reshape(2, 3)


@pytest.mark.parametrize(
    ("predicted", "mask", "expected"),
    [
        (_mask(), _mask(), 0),  # both empty
        (_mask(0, 1), _mask(), 1 / 3),  # one empty: 1 / (3 - 0)
        (_mask(), _mask(5), 1 / 3),
        (_mask(0, 1), _mask(0, 1), 0),  # equal
        (_mask(*range(6)), _mask(*range(6)), 0),  # all fake
        (_mask(0, 1), _mask(4), 2 / 3),  # apart: 2 / (3 - 0)
        (_mask(0, 1), _mask(1), 0.5 / 2.5),  # I = 1, U = 1 / 2: (2 - 1/2 - 1) / (3 - 1/2)
        (_mask(0, 1, 2), _mask(2, 3), (2 - 1 / 3 - 1 / 2) / (3 - 1 / 4)),
    ],
)
def test_iinc_by_hand(predicted, mask, expected):
    assert metrics.iinc(predicted, mask) == pytest.approx(expected)


def test_pixel_accuracy_by_hand():
    assert metrics.pixel_accuracy(_mask(0, 1, 2), _mask(2, 3)) == pytest.approx(3 / 6)
    assert metrics.pixel_accuracy(_mask(), _mask()) == 1


@pytest.mark.parametrize(
    "metric",
    [
        metrics.coss,
        metrics.pearson,
        metrics.l1,
        metrics.psnr,
        metrics.ssim,
        metrics.pixel_auc,
        metrics.pixel_ap,
        metrics.iinc,
        metrics.pixel_accuracy,
    ],
)
def test_sizes_must_match(metric):
    with pytest.raises(ValueError, match="one size"):
        metric(np.zeros((2, 2), bool), np.zeros((2, 3), bool))


def test_trivial_maps():
    assert metrics.constant_map(3, 4).tolist() == np.ones((3, 4)).tolist()
    gaussian = metrics.centred_gaussian_map(9, 9)
    assert gaussian.argmax() == 40 and gaussian[4, 4] == 1
    assert gaussian[4, 0] == pytest.approx(np.exp(-((4 / 9 / 0.25) ** 2) / 2))
    flat = np.full((32, 32, 3), 90, np.uint8)
    noisy = flat.copy()
    noisy[:, 16:] += np.random.default_rng(0).integers(0, 60, (32, 16, 3), dtype=np.uint8)
    energy = metrics.high_pass_map(noisy)
    assert metrics.high_pass_map(flat).max() == 0
    assert energy[:, 20:].mean() > 10 * energy[:, :8].mean()
