"""The training target: how much each pixel was changed, never thresholded (paper, section 3)."""

from __future__ import annotations

from pathlib import Path
from typing import overload

import numpy as np
import torch
from torch import Tensor

from fakelocator_zoo.images import check_same_size, read_image


@overload
def fakeness_map(real: Tensor, fake: Tensor) -> Tensor: ...
@overload
def fakeness_map(real: np.ndarray, fake: np.ndarray) -> np.ndarray: ...
@overload
def fakeness_map(real: str | Path, fake: str | Path) -> np.ndarray: ...
def fakeness_map(real: Tensor | np.ndarray | str | Path, fake: Tensor | np.ndarray | str | Path) -> Tensor | np.ndarray:
    """Mean over the colour channels of |real - fake|, in [0, 1]; 0 is untouched.

    Convention:
        - tensors: (..., C, H, W), uint8 in [0, 255] or float in [0, 1] -> float (..., 1, H, W)
        - arrays: (H, W, C) or (H, W), uint8 or float likewise -> float32 (H, W)
        - paths: image files, read by :func:`~fakelocator_zoo.images.read_image` -> float32 (H, W)

    Raises:
        ValueError: where sizes or dtypes of the two differ, values leave their range, or a file cannot be read.
        TypeError: where the two are not of one kind, or of none of these.

    >>> real = np.zeros((2, 2, 3), np.uint8)
    >>> fake = real.copy(); fake[0, 0] = (255, 0, 0)
    >>> fakeness_map(real, fake).astype(float).round(3).tolist()
    [[0.333, 0.0], [0.0, 0.0]]
    """
    if isinstance(real, Tensor) and isinstance(fake, Tensor):
        _check_alike(tuple(real.shape), tuple(fake.shape), real.dtype, fake.dtype)
        if real.ndim < 3:
            raise ValueError(f"tensors must be (..., C, H, W), got {tuple(real.shape)}")
        return (_unit_tensor(real) - _unit_tensor(fake)).abs().mean(dim=-3, keepdim=True)
    if isinstance(real, np.ndarray) and isinstance(fake, np.ndarray):
        _check_alike(real.shape, fake.shape, real.dtype, fake.dtype)
        if real.ndim not in (2, 3):
            raise ValueError(f"arrays must be (H, W, C) or (H, W), got {real.shape}")
        difference = np.abs(_unit_array(real) - _unit_array(fake))
        return difference if difference.ndim == 2 else difference.mean(axis=-1)
    if isinstance(real, str | Path) and isinstance(fake, str | Path):
        pixels = read_image(real), read_image(fake)
        check_same_size(pixels[0], real, pixels[1], fake)
        return fakeness_map(*pixels)
    raise TypeError(
        f"real and fake must both be tensors, arrays or paths, got {type(real).__name__} and {type(fake).__name__}"
    )


def _check_alike(
    real_shape: tuple[int, ...], fake_shape: tuple[int, ...], real_dtype: object, fake_dtype: object
) -> None:
    if real_shape != fake_shape:
        raise ValueError(f"real is {real_shape} and fake is {fake_shape}; a pair must have one size")
    if real_dtype != fake_dtype:
        raise ValueError(f"real is {real_dtype} and fake is {fake_dtype}; a pair must have one dtype")


def _unit_tensor(image: Tensor) -> Tensor:
    if image.dtype == torch.uint8:
        return image.float() / 255
    if not image.is_floating_point():
        raise ValueError(f"images must be uint8 or float, got {image.dtype}")
    return image


def _unit_array(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        return image.astype(np.float32) / 255
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"images must be uint8 or float, got {image.dtype}")
    if image.size and (image.min() < 0 or image.max() > 1):
        raise ValueError("float images must lie in [0, 1]; give uint8 for [0, 255]")
    return image.astype(np.float32)
