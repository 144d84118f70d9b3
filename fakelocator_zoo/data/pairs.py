"""Folders of pairs: a real photo and its manipulated version under the same name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from fakelocator_zoo.images import ImageError
from fakelocator_zoo.images.folders import IMAGE_SUFFIXES, files_by_name


class PairPaths(NamedTuple):
    """The files of one pair."""

    real: Path
    fake: Path


class PairSample(NamedTuple):
    """One crop of a pair; tensors of the same size."""

    real: Tensor  #: (3, size, size) in [0, 1]
    fake: Tensor  #: (3, size, size) in [0, 1]
    fakeness_map: Tensor  #: (1, size, size) in [0, 1]


def match_pairs(real: str | Path, fake: str | Path) -> tuple[list[PairPaths], list[Path]]:
    """Match the images of two folders by their path below each folder, without suffix.

    Returns:
        The pairs, sorted, and every image of either folder that has no partner.

    Raises:
        ImageError: where a folder is missing or holds no image.
        ValueError: where nothing matches, or one folder has two images of one name.
    """
    sides = []
    for folder in (Path(real), Path(fake)):
        by_name, rest = files_by_name(folder)
        if not by_name:
            raise ImageError(f"{folder} {'holds no image' if folder.is_dir() else 'does not exist'}; give it images")
        twice = [path for path in rest if path.suffix.lower() in IMAGE_SUFFIXES]
        if twice:
            other = by_name[twice[0].relative_to(folder).with_suffix("").as_posix()]
            raise ValueError(f"{twice[0]} and {other} have one name; a pair is matched by name")
        sides.append(by_name)
    names = sorted(sides[0].keys() & sides[1].keys())
    if not names:
        raise ValueError(f"no image of {fake} has the name of an image of {real}; a pair is matched by name")
    unmatched = [side[name] for side in sides for name in sorted(side.keys() - set(names))]
    return [PairPaths(sides[0][name], sides[1][name]) for name in names], unmatched


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
