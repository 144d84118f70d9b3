"""Metrics against hand-computed cases and independent implementations."""

import numpy as np
import pytest
import torch

from fakelocator_zoo import metrics


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


@pytest.mark.parametrize("mask", [np.ones((2, 2), bool), np.zeros((2, 2), bool)])
def test_pixel_auc_of_one_kind_is_refused(mask):
    with pytest.raises(ValueError, match="both fake and real"):
        metrics.pixel_auc(np.zeros((2, 2)), mask)


def test_grey_masks_are_refused():
    with pytest.raises(ValueError, match="boolean"):
        metrics.pixel_auc(np.zeros((2, 2)), np.full((2, 2), 0.5))


def test_sizes_must_match():
    with pytest.raises(ValueError, match="one size"):
        metrics.coss(np.zeros((2, 2)), np.zeros((2, 3)))


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
