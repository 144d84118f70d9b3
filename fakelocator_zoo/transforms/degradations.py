"""Degradations of arrays (H, W, 3) uint8: JPEG compression, blur, noise, downscaling, of the colour alone as well.

Evaluation applies the same degradation to real and fake images.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from fakelocator_zoo.images import read_image

Degradation = Callable[[np.ndarray], np.ndarray]


def jpeg(image: np.ndarray, quality: float, subsampling: int = 2) -> np.ndarray:
    """The image (H, W, 3) uint8 after JPEG compression.

    Args:
        quality: 1 to 100.
        subsampling: of the colours: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0, as most programs write.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"JPEG quality must lie in 1..100, got {quality}")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=round(quality), subsampling=subsampling)
    return read_image(buffer.getvalue())


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """The image (H, W, 3) uint8 under a Gaussian of ``sigma`` pixels; 0 changes nothing."""
    if sigma < 0:
        raise ValueError(f"the blur's sigma must not be negative, got {sigma}")
    return _uint8(gaussian_filter(image.astype(np.float32), (sigma, sigma, 0)))


def noise(image: np.ndarray, sigma: float, seed: int | None = None) -> np.ndarray:
    """The image (H, W, 3) uint8 with Gaussian noise of ``sigma`` levels out of 255.

    Args:
        seed: of the noise; None derives it from the pixels, so that an image always gets the same noise.
    """
    if sigma < 0:
        raise ValueError(f"the noise's sigma must not be negative, got {sigma}")
    rng = np.random.default_rng(zlib.crc32(image.tobytes()) if seed is None else seed)
    return _uint8(image + rng.normal(0, sigma, image.shape))


def downscale(image: np.ndarray, factor: float) -> np.ndarray:
    """The image (H, W, 3) uint8 at ``factor`` times its sides, at least one pixel, with a Lanczos filter."""
    if not 0 < factor <= 1:
        raise ValueError(f"the factor must lie in (0, 1], got {factor}")
    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def chroma(image: np.ndarray, factor: float) -> np.ndarray:
    """The image (H, W, 3) uint8 with its colour reduced to 1 / ``factor`` of the sides and enlarged again.

    JPEG 4:2:0 stores the colour so, at a factor of 2. The luma stays.
    """
    if factor < 1:
        raise ValueError(f"the colour's factor must be at least 1, got {factor}")
    luma, *colours = Image.fromarray(image).convert("YCbCr").split()
    size = max(1, round(luma.width / factor)), max(1, round(luma.height / factor))
    coarse = [each.resize(size, Image.Resampling.BOX).resize(luma.size, Image.Resampling.BILINEAR) for each in colours]
    return np.array(Image.merge("YCbCr", (luma, *coarse)).convert("RGB"))


#: Name -> function of an image and a strength.
DEGRADATIONS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "jpeg": jpeg,
    "blur": blur,
    "noise": noise,
    "downscale": downscale,
    "chroma": chroma,
}


def degradation(name: str, strength: float) -> Degradation:
    """A function that applies one of :data:`DEGRADATIONS` to an image at this strength.

    >>> degradation("downscale", 0.5)(np.zeros((8, 6, 3), np.uint8)).shape
    (4, 3, 3)

    Raises:
        ValueError: for an unknown name (the nearest is suggested), or a strength out of range.
    """
    if name not in DEGRADATIONS:
        close = get_close_matches(name, DEGRADATIONS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"take one of {', '.join(DEGRADATIONS)}"
        raise ValueError(f"unknown degradation {name!r}; {hint}")
    degrade = DEGRADATIONS[name]
    degrade(np.zeros((1, 1, 3), np.uint8), strength)  # raises for a strength out of range
    return partial(_degrade, degrade, strength)


def parse_degradation(text: str) -> tuple[str, float]:
    """What :func:`degradation` takes, from ``NAME=STRENGTH``.

    >>> parse_degradation("jpeg=75")
    ('jpeg', 75.0)

    Raises:
        ValueError: where the text is no such pair, or its strength no finite number; names and ranges are checked
            by :func:`degradation`.
    """
    name, equals, strength = (part.strip() for part in text.partition("="))
    if not equals:
        raise ValueError(f"{text!r} is no degradation with its strength; write it as {text or 'jpeg'}=STRENGTH")
    try:
        value = float(strength)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"the strength of {name!r} must be a number, got {strength!r}; write it like jpeg=75")
    return name, value


def _degrade(degrade: Callable[[np.ndarray, float], np.ndarray], strength: float, image: np.ndarray) -> np.ndarray:
    return degrade(image, strength)


def _uint8(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)
