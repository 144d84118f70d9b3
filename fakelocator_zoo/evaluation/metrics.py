"""Metrics of a predicted map against the truth, of fake probabilities, and the maps that need no model.

Convention: maps are (H, W) in [0, 1], masks (H, W) bool, True = fake. Every function raises ValueError where the
two shapes differ.
"""

from __future__ import annotations

from typing import NamedTuple

import kornia.metrics
import numpy as np
import sklearn.metrics
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

#: :func:`psnr` of two equal maps, and its upper limit: infinity would ruin every mean.
MAX_PSNR = 100.0
#: Side of SSIM's Gaussian window (sigma 1.5) in pixels; smaller maps have no SSIM.
SSIM_WINDOW = 11
#: Bits of float32 that :func:`pixel_counts` drops: 11 bits of mantissa stay, so levels are .05 % apart.
_DROPPED_BITS = 12
_LEVELS = (int(np.float32(1).view(np.int32)) >> _DROPPED_BITS) + 1


class Ranking(NamedTuple):
    """How well scores rank fake above real; NaN where one of the two is missing."""

    auc: float  #: area under the ROC curve, ties counted half
    average_precision: float  #: not interpolated


def ranking(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> Ranking:
    """AUC and average precision of any scores, pixels or images, from one sort by scikit-learn.

    Args:
        scores: any shape.
        labels: bool of the same shape, True = fake.
        weights: how often each score counts; None counts each once.

    Raises:
        ValueError: for NaN among the scores, or labels that are not bool.
    """
    _check(scores, labels, masks=(labels,))
    labels, scores = labels.ravel(), scores.ravel()
    share = float(np.average(labels, weights=weights)) if labels.size else 0.0
    if share in (0.0, 1.0):
        return Ranking(float("nan"), float("nan"))
    fpr, tpr, _ = sklearn.metrics.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    precision = tpr[1:] * share / (tpr[1:] * share + fpr[1:] * (1 - share))
    return Ranking(float(sklearn.metrics.auc(fpr, tpr)), float(np.diff(tpr) @ precision))


def pixel_auc(predicted: np.ndarray, mask: np.ndarray) -> float:
    """Area under the ROC curve over pixels; NaN where the mask is all fake or all real."""
    return ranking(predicted, mask).auc


def pixel_counts(predicted: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Real and fake pixels (2, levels) int64 at each level of the map; those of many images add up."""
    _check(predicted, mask, masks=(mask,))
    # The bits of a positive float, read as an integer, are in the order of the floats.
    levels = np.ascontiguousarray(predicted, np.float32).view(np.int32) >> _DROPPED_BITS
    return np.stack([np.bincount(levels[mask == fake], minlength=_LEVELS) for fake in (False, True)])


def pooled_ranking(counts: np.ndarray) -> Ranking:
    """:func:`ranking` of all pixels behind :func:`pixel_counts` together, levels within .05 % taken as ties."""
    used = np.flatnonzero(counts.any(axis=0))
    labels = np.repeat([False, True], len(used))
    return ranking(np.tile(used.astype(float), 2), labels, counts[:, used].ravel())


def coss(predicted: np.ndarray, true: np.ndarray) -> float:
    """Cosine similarity of two maps; not centred, so a constant map scores well. Two empty maps score 1."""
    a, b = _flat(predicted, true)
    norms = np.linalg.norm(a), np.linalg.norm(b)
    return float(a @ b / (norms[0] * norms[1])) if all(norms) else float(norms[0] == norms[1])


def pearson(predicted: np.ndarray, true: np.ndarray) -> float:
    """Pearson correlation of two maps; 0 where one of them is constant."""
    a, b = _flat(predicted, true)
    a, b = a - a.mean(), b - b.mean()
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / scale) if scale > 1e-12 else 0.0


def l1(predicted: np.ndarray, true: np.ndarray) -> float:
    """Mean absolute difference of two maps."""
    a, b = _flat(predicted, true)
    return float(np.abs(a - b).mean())


def map_level(predicted: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """Mean of the predicted map inside the mask over that of the true map: 1 is right, NaN where that is 0."""
    _check(predicted, true, masks=(mask,))
    truth = float(true[mask].mean()) if mask.any() else 0.0
    return float(predicted[mask].mean()) / truth if truth > 0 else float("nan")


def psnr(predicted: np.ndarray, true: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, at most :data:`MAX_PSNR`."""
    _check(predicted, true)
    return min(MAX_PSNR, float(kornia.metrics.psnr(_tensor(predicted), _tensor(true), 1.0)))


def ssim(predicted: np.ndarray, true: np.ndarray) -> float:
    """Structural similarity, mean over the places where its window fits; NaN for a side below the window."""
    _check(predicted, true)
    if min(true.shape) < SSIM_WINDOW:
        return float("nan")
    return float(kornia.metrics.ssim(_tensor(predicted), _tensor(true), SSIM_WINDOW, padding="valid").mean())


def pixel_accuracy(predicted: np.ndarray, mask: np.ndarray) -> float:
    """Share of pixels on which two masks agree."""
    _check(predicted, mask, masks=(predicted, mask))
    return float((predicted == mask).mean())


def iinc(predicted: np.ndarray, mask: np.ndarray) -> float:
    """Inverse intersection non-containment of two masks: 0 is best, 2/3 worst.

    ``c / (3 - U)`` where U is intersection over union and c is 0 if both masks are empty, 1 if one of them is,
    and otherwise ``2 - |I| / |predicted| - |I| / |mask|`` (Dang et al., CVPR 2020, with U read as a share).
    """
    _check(predicted, mask, masks=(predicted, mask))
    inside, found, painted = (predicted & mask).sum(), predicted.sum(), mask.sum()
    if not found and not painted:
        return 0.0
    union = found + painted - inside
    apart = 2 - inside / found - inside / painted if found and painted else 1.0
    return float(apart / (3 - inside / union))


def constant_map(height: int, width: int) -> np.ndarray:
    """Ones (H, W): "fake" everywhere alike."""
    return np.ones((height, width), np.float32)


def centred_gaussian_map(height: int, width: int) -> np.ndarray:
    """A Gaussian (H, W) at the centre, sigma a quarter of each side: what the place of a face is worth."""
    y = (np.arange(height, dtype=np.float32) + 0.5) / height - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) / width - 0.5
    return np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * 0.25**2))


def high_pass_map(image: np.ndarray) -> np.ndarray:
    """Local high-frequency energy of an image (H, W, 3) uint8 -> (H, W) in [0, 1]."""
    grey = image.astype(np.float32).mean(axis=-1) / 255
    energy = gaussian_filter(np.abs(grey - gaussian_filter(grey, 1.0)), 4.0)
    return np.clip(energy / 0.05, 0, 1)


def _flat(*maps: np.ndarray) -> list[np.ndarray]:
    _check(*maps)
    return [values.astype(np.float64).ravel() for values in maps]


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float64))[None, None]


def _check(*maps: np.ndarray, masks: tuple[np.ndarray, ...] = ()) -> None:
    shapes = [each.shape for each in (*maps, *masks)]
    if len(set(shapes)) > 1:
        raise ValueError(f"maps must have one size, got {' and '.join(map(str, shapes))}")
    if any(mask.dtype != np.bool_ for mask in masks):
        raise ValueError("a mask must be bool; threshold it where it is read")
