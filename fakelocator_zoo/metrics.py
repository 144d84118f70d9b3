"""Scores of one map against the truth, and the trivial maps that every score stands beside."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score


def coss(predicted: np.ndarray, true: np.ndarray) -> float:
    """Cosine similarity of two grey maps (H, W), flattened; not centred, so a constant map scores well.

    Two empty maps agree and score 1; one empty map against another scores 0.
    """
    a, b = _flat(predicted), _flat(true)
    _check_same(predicted, true)
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    if norm_a == 0 or norm_b == 0:
        return float(norm_a == norm_b)
    return float(a @ b / (norm_a * norm_b))


def pearson(predicted: np.ndarray, true: np.ndarray) -> float:
    """Correlation of two grey maps (H, W); 0 where one of them is constant."""
    _check_same(predicted, true)
    a, b = _flat(predicted), _flat(true)
    a, b = a - a.mean(), b - b.mean()
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / scale) if scale > 1e-12 else 0.0


def pixel_auc(predicted: np.ndarray, mask: np.ndarray) -> float:
    """Area under the ROC curve over pixels: predicted (H, W), boolean mask (H, W), True = fake.

    Raises:
        ValueError: where the mask is all fake or all real; such an image has no pixel AUC.
    """
    _check_same(predicted, mask)
    if mask.dtype != np.bool_:
        raise ValueError(f"the mask must be boolean, got {mask.dtype}; threshold it where it is read")
    if mask.all() or not mask.any():
        raise ValueError("pixel AUC needs both fake and real pixels; this mask has one kind only")
    return float(roc_auc_score(mask.ravel(), predicted.ravel()))


def constant_map(height: int, width: int) -> np.ndarray:
    """The map that says "fake" everywhere alike: ones (H, W)."""
    return np.ones((height, width), np.float32)


def centred_gaussian_map(height: int, width: int) -> np.ndarray:
    """A Gaussian at the centre, sigma a quarter of each side: what knowing where faces sit is worth."""
    y = (np.arange(height, dtype=np.float32) + 0.5) / height - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) / width - 0.5
    return np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * 0.25**2))


def high_pass_map(image: np.ndarray) -> np.ndarray:
    """Local high-frequency energy of an image (H, W, 3) uint8 -> (H, W) in [0, 1]."""
    grey = image.astype(np.float32).mean(axis=-1) / 255
    energy = gaussian_filter(np.abs(grey - gaussian_filter(grey, 1.0)), 4.0)
    return np.clip(energy / 0.05, 0, 1)


def _flat(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64).ravel()


def _check_same(predicted: np.ndarray, true: np.ndarray) -> None:
    if predicted.shape != true.shape:
        raise ValueError(f"maps must have one size, got {predicted.shape} and {true.shape}")
