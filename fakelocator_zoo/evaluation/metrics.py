"""Scores of one map against the truth, and the trivial maps that every score stands beside."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.metrics import mean_squared_error, structural_similarity

#: What :func:`psnr` gives for two equal maps, and at most: infinity would ruin every mean.
MAX_PSNR = 100.0
#: The side of SSIM's Gaussian window (sigma 1.5); smaller maps have no SSIM.
SSIM_WINDOW = 11


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
    _check_both_kinds("pixel AUC", predicted, mask)
    fake, real = _counts_from_the_top(predicted, mask)
    # Area under straight lines from threshold to threshold: a tie counts half.
    return float(np.diff(real) @ (fake[1:] + fake[:-1]) / (2 * fake[-1] * real[-1]))


def pixel_ap(predicted: np.ndarray, mask: np.ndarray) -> float:
    """Average precision over pixels, not interpolated; a map that says nothing gets the share of fake pixels.

    Args:
        predicted: (H, W).
        mask: (H, W) bool, True = fake.

    Raises:
        ValueError: where the mask is all fake or all real; such an image has no pixel AP.
    """
    _check_both_kinds("pixel AP", predicted, mask)
    fake, real = _counts_from_the_top(predicted, mask)
    precision = fake[1:] / (fake[1:] + real[1:])
    return float(np.diff(fake) @ precision / fake[-1])


def l1(predicted: np.ndarray, true: np.ndarray) -> float:
    """Mean absolute difference of two maps (H, W)."""
    _check_same(predicted, true)
    return float(np.abs(_flat(predicted) - _flat(true)).mean())


def psnr(predicted: np.ndarray, true: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two maps (H, W) in [0, 1], in dB; at most :data:`MAX_PSNR`."""
    _check_same(predicted, true)
    error = mean_squared_error(true, predicted)
    return float(min(MAX_PSNR, -10 * np.log10(error))) if error > 0 else MAX_PSNR


def ssim(predicted: np.ndarray, true: np.ndarray) -> float:
    """Structural similarity of two maps (H, W) in [0, 1], mean over the places where its Gaussian window fits.

    That is scikit-image's, and kornia's with padding "valid"; torchmetrics pads, and differs at the border.
    Two empty maps are alike and score 1.

    Raises:
        ValueError: where a side is below :data:`SSIM_WINDOW`.
    """
    _check_same(predicted, true)
    if min(true.shape) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs maps of at least {SSIM_WINDOW} x {SSIM_WINDOW} pixels, got {true.shape}")
    return float(
        structural_similarity(
            true.astype(np.float64),
            predicted.astype(np.float64),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def pixel_accuracy(predicted: np.ndarray, mask: np.ndarray) -> float:
    """Share of pixels on which two boolean masks (H, W), True = fake, agree; the threshold is the caller's."""
    _check_masks(predicted, mask)
    return float((predicted == mask).mean())


def iinc(predicted: np.ndarray, mask: np.ndarray) -> float:
    """Inverse intersection non-containment of two boolean masks (H, W), True = fake: 0 is best, 2/3 worst.

    ``c / (3 - U)`` where U is intersection over union and c is 0 if both masks are empty, 1 if one of them is,
    and otherwise ``2 - |I| / |predicted| - |I| / |mask|`` (Dang et al., CVPR 2020, with U read as a share).
    """
    _check_masks(predicted, mask)
    inside, found, painted = (predicted & mask).sum(), predicted.sum(), mask.sum()
    if not found and not painted:
        return 0.0
    share = inside / (found + painted - inside)
    apart = 2 - inside / found - inside / painted if found and painted else 1.0
    return float(apart / (3 - share))


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


def _counts_from_the_top(predicted: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fake and real pixels at or above each value of ``predicted``, from the highest down; both start with 0.

    scikit-learn's curves give the same, at three times the time; on photos that is where an evaluation's time goes.

    Raises:
        ValueError: where a value is NaN, which has no place in an order.
    """
    values = predicted.ravel()
    if np.isnan(values).any():
        raise ValueError("a map that is ranked must not hold NaN; find out where it comes from")
    order = np.argsort(values)[::-1]
    ordered = values[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(values) - 1)  # of each run of equal values
    fake = np.cumsum(mask.ravel()[order], dtype=np.int64)[last]
    return np.append(0, fake), np.append(0, last + 1 - fake)


def _check_both_kinds(what: str, predicted: np.ndarray, mask: np.ndarray) -> None:
    _check_same(predicted, mask)
    _check_boolean(mask)
    if mask.all() or not mask.any():
        raise ValueError(f"{what} needs both fake and real pixels; this mask has one kind only")


def _check_masks(predicted: np.ndarray, mask: np.ndarray) -> None:
    _check_same(predicted, mask)
    _check_boolean(predicted)
    _check_boolean(mask)


def _check_boolean(mask: np.ndarray) -> None:
    if mask.dtype != np.bool_:
        raise ValueError(f"the mask must be boolean, got {mask.dtype}; threshold it where it is read")


def _check_same(predicted: np.ndarray, true: np.ndarray) -> None:
    if predicted.shape != true.shape:
        raise ValueError(f"maps must have one size, got {predicted.shape} and {true.shape}")
