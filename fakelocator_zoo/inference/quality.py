"""Whether an image can be judged: face size, JPEG quality and halftones, estimated from pixels alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.fft import dctn

#: Limits of a model without ``limits`` of its own: below the first two no decision is given.
DEFAULT_LIMITS: Mapping[str, float] = {
    "smallest_face": 64,  # pixels of the shorter side of the face, hairline to chin
    "lowest_jpeg_quality": 50,
    "unsure": 0.1,  # from so far below the threshold on the verdict is "unsure"
}

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# The luminance table of ITU-T T.81, annex K.1, which libjpeg scales by the quality: its first three rows and columns.
_TABLE = {(0, 1): 11, (1, 0): 12, (1, 1): 12, (0, 2): 10, (2, 0): 14, (1, 2): 14, (2, 1): 13}
_QUALITIES = np.arange(5, 96)
_BLOCKS = 1024  # at most so many blocks are transformed
_MIN_COEFFICIENTS = 100
_MIN_FIT = 0.4  # mean cosine; coefficients that were never quantised reach 0.15
_WINDOW = 12  # pixels; halftone cells are smaller
# Contrasts of dots: photos stay below 0.6, dots as they were set reach 0.8, smoothed ones 0.35 to 0.5 everywhere.
_DOTS, _SMOOTHED_DOTS, _EVENNESS = 0.65, 0.33, 0.91
_MIN_LEVELS = 8


def limits_of(model: Any) -> dict[str, float]:
    """``model.limits`` over :data:`DEFAULT_LIMITS`.

    Raises:
        ValueError: for a limit of an unknown name.
    """
    own = getattr(model, "limits", None) or {}
    if unknown := set(own) - set(DEFAULT_LIMITS):
        raise ValueError(f"limits: {', '.join(sorted(unknown))} is none of {', '.join(DEFAULT_LIMITS)}")
    return {**DEFAULT_LIMITS, **own}


def jpeg_quality(image: np.ndarray) -> int | None:
    """The quality, 5 to 95, at which an image (H, W, 3) uint8 was last saved as JPEG, whatever its format is now.

    For each quality the libjpeg quantisation steps are known; DCT coefficients that were quantised lie on multiples of
    them. The grid of blocks may start anywhere. None where no quality fits: never a JPEG, a quality above about 92,
    resized since, or too flat.
    """
    luma = _centre(image, 1024).astype(np.float32) @ _LUMA
    offsets = {(_grid_offset(luma.T), _grid_offset(luma)), (0, 0)}
    fits = np.stack([_table_fit(luma[top:, left:]) for top, left in offsets]).max(axis=0)
    best = int(fits.argmax())
    return int(_QUALITIES[best]) if fits[best] >= _MIN_FIT else None


def is_halftone(image: np.ndarray) -> bool:
    """Whether an image (H, W, 3) uint8 is no photograph: 1-bit, dithered, printed in dots, or of a few flat colours.

    Dots have a high contrast, or, smoothed by a scanner or a reduction, a contrast that is the same in all mid-tones;
    that of a photo's own texture is low or comes and goes.
    """
    image = _centre(image, 512)
    luma = image.astype(np.float32) @ _LUMA
    if np.count_nonzero(np.bincount(np.rint(luma).astype(np.uint8).ravel())) < _MIN_LEVELS:
        return True
    # Dots of several inks show in each colour.
    for channel in (luma, *np.moveaxis(image, 2, 0)):
        low, usual = dot_contrast(channel)
        if usual > _DOTS or (low > _SMOOTHED_DOTS and low > _EVENNESS * usual):
            return True
        if channel is luma and usual < _SMOOTHED_DOTS / 2:
            return False
    return False


def dot_contrast(channel: np.ndarray) -> tuple[float, float]:
    """How far the mid-tones of a channel (H, W) are made of black and white dots, each 0 to 1.

    Pixels that are black or white alone, with mean m (0 to 1) in a window, have the standard deviation
    sqrt(m (1 - m)), and no other pixels have a larger one. Percentiles 5 and 25 of the share that is reached, over
    windows of mid-tones; 0 where there are hardly any.
    """
    black, white = np.percentile(channel, (1, 99))
    if white - black < 16:
        return 0.0, 0.0
    values = np.clip((channel.astype(np.float32) - black) / (white - black), 0, 1)
    mean, square = _window_means(values), _window_means(values * values)
    middle = (mean > 0.15) & (mean < 0.85)
    if middle.sum() < max(4, 0.02 * middle.size):
        return 0.0, 0.0
    variance = np.maximum(square - mean * mean, 0)[middle]
    low, usual = np.percentile(np.sqrt(variance / (mean * (1 - mean))[middle]), (5, 25))
    return float(low), float(usual)


def _centre(image: np.ndarray, side: int) -> np.ndarray:
    """At most ``side`` pixels high and wide: enough to tell, and time and memory are bounded."""
    top, left = (max(0, length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def _window_means(values: np.ndarray) -> np.ndarray:
    height, width = (length // _WINDOW * _WINDOW for length in values.shape)
    return values[:height, :width].reshape(height // _WINDOW, _WINDOW, width // _WINDOW, _WINDOW).mean(axis=(1, 3))


def _grid_offset(luma: np.ndarray) -> int:
    """The column, 0 to 7, at which the first block of 8 begins: steps between blocks stand out."""
    steps = np.diff(luma, axis=1)
    edges = np.abs(2 * steps[:, 1:-1] - steps[:, :-2] - steps[:, 2:]).mean(axis=0)
    count = len(edges) // 8 * 8
    # edges[i] lies between columns i + 1 and i + 2.
    return (int(edges[:count].reshape(-1, 8).mean(axis=0).argmax()) + 2) % 8 if count else 0


def _table_fit(luma: np.ndarray) -> np.ndarray:
    """Mean of cos(2 pi coefficient / step) over the coefficients that are not rounded to 0, for each quality."""
    height, width = (length // 8 * 8 for length in luma.shape)
    blocks = luma[:height, :width].reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    # Clipping at black and white moves coefficients off their multiples.
    blocks = blocks[(blocks.max(axis=(1, 2), initial=0) < 254) & (blocks.min(axis=(1, 2), initial=255) > 1)]
    blocks = blocks[:: max(1, -(-len(blocks) // _BLOCKS))]
    coefficients = dctn(blocks, axes=(1, 2), norm="ortho") if len(blocks) else blocks
    scale = np.where(_QUALITIES < 50, 5000 / _QUALITIES, 200 - 2 * _QUALITIES)
    total, count = np.zeros(len(_QUALITIES)), np.zeros(len(_QUALITIES), int)
    for (row, column), step_at_50 in _TABLE.items():
        steps = np.clip((step_at_50 * scale + 50) // 100, 1, 255).astype(np.float32)
        values = np.abs(coefficients[:, row, column])
        for index, step in enumerate(steps):
            # Most coefficients are rounded to 0 by most steps; the cosines of the others take the time.
            used = values[values > step / 2]
            total[index] += np.cos(np.float32(2 * np.pi) / step * used).sum()
            count[index] += len(used)
    return np.where(count >= _MIN_COEFFICIENTS, total / np.maximum(count, 1), 0)


def poor_compression(image: np.ndarray, limits: Mapping[str, float]) -> str | None:
    """Why a photo (H, W, 3) uint8 is too compressed to judge, or None."""
    found, lowest = jpeg_quality(image), limits["lowest_jpeg_quality"]
    if found is None or found >= lowest:
        return None
    return f"heavily compressed: JPEG quality about {found}, at least {lowest:.0f} is needed"


def poor_region(region: np.ndarray, face_size: int, limits: Mapping[str, float]) -> str | None:
    """Why a face (h, w, 3) uint8, of ``face_size`` pixels from hairline to chin, or a whole photo cannot be judged."""
    if is_halftone(region):
        return "not a photograph: 1-bit or halftone"
    if face_size < limits["smallest_face"]:
        return f"too small to judge: {face_size} px, at least {limits['smallest_face']:.0f} px are needed"
    return None
