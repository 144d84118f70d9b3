"""Training crops of a pair: a real photo and its manipulated version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor


class PairSample(NamedTuple):
    """One crop of a pair; tensors of the same size."""

    real: Tensor  #: (3, size, size) in [0, 1]
    fake: Tensor  #: (3, size, size) in [0, 1]
    fakeness_map: Tensor  #: (1, size, size) in [0, 1]


def crop_alike(
    images: Sequence[np.ndarray], size: int, rng: np.random.Generator, *, around: tuple[int, int] | None = None
) -> list[np.ndarray]:
    """The same random square of every image, mirrored or not.

    Args:
        images: (H, W) or (H, W, C), all of one height and width; smaller ones are mirrored at their border to ``size``.
        around: row and column of a pixel that the square holds.
    """
    rows, columns = (max(0, size - side) for side in images[0].shape[:2])
    if rows or columns:
        images = [np.pad(i, ((0, rows), (0, columns), (0, 0))[: i.ndim], mode="symmetric") for i in images]
    lows, highs = [0, 0], [side - size for side in images[0].shape[:2]]
    if around is not None:
        lows = [max(0, place - size + 1) for place in around]
        highs = [min(high, place) for high, place in zip(highs, around, strict=True)]
    top, left = (int(rng.integers(low, high + 1)) for low, high in zip(lows, highs, strict=True))
    crops = [image[top : top + size, left : left + size] for image in images]
    return [crop[:, ::-1] for crop in crops] if rng.random() < 0.5 else crops
