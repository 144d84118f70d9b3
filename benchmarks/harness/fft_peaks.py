"""A map without a model: peaks that upsampling leaves in the spectrum of small patches."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

PATCH, STEP = 32, 16
#: Peak over median magnitude that counts as certain.
FULL_PEAK = 40.0


def fft_peaks_map(image: np.ndarray) -> np.ndarray:
    """Where the spectrum has the peaks of 2- and 4-fold upsampling: (H, W, 3) uint8 -> (H, W) in [0, 1].

    Of each 32 x 32 patch of the high-pass residual, windowed: the largest magnitude at the multiples of a quarter
    of the sampling rate over the median magnitude, on a logarithmic scale.
    """
    height, width = image.shape[:2]
    grey = image.astype(np.float32).mean(axis=-1)
    residual = grey - gaussian_filter(grey, 1.0)
    residual = np.pad(residual, ((0, max(0, PATCH - height)), (0, max(0, PATCH - width))), mode="symmetric")
    patches = np.lib.stride_tricks.sliding_window_view(residual, (PATCH, PATCH))[::STEP, ::STEP]
    window = np.outer(np.hanning(PATCH), np.hanning(PATCH))
    spectra = np.abs(np.fft.fft2(patches * window))
    quarters = range(0, PATCH, PATCH // 4)
    grid = np.zeros((PATCH, PATCH), bool)
    grid[np.ix_(quarters, quarters)] = True
    grid[0, 0] = False
    peaks = spectra[..., grid].max(axis=-1) / (np.median(spectra, axis=(-2, -1)) + 1e-6)
    strength = np.clip(np.log(np.maximum(peaks, 1)) / np.log(FULL_PEAK), 0, 1)
    return np.asarray(
        Image.fromarray(strength.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    ).clip(0, 1)
