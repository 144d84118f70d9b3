"""Labelled faces read into memory, reduced: folders of CelebAMask-HQ, and scenery to put around them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fakelocator_zoo.images import list_images, read_image, read_labels, to_rgb

#: Background and the 18 parts of CelebAMask-HQ, as :data:`fakelocator_zoo.face_parsing.parts.PARTS` names them.
PART_COUNT = 19


class LabelledFaces(NamedTuple):
    """Photos (N, 3, H, W) uint8, labels (N, H, W) uint8 (indexes into the part names), file names."""

    images: Tensor
    labels: Tensor
    names: list[str]


def read_celebamask(images: Path, masks: Path, side: int = 288, last: int = 0, skip_last: int = 0) -> LabelledFaces:
    """Read a folder of photos and a folder of palette PNGs of the same names, sorted by file name.

    Args:
        side: photos and labels are reduced to side x side (labels to the nearest).
        last: read the last so many alone (0: all); skip_last: leave the last so many out.

    Raises:
        ImageError: where there is no photo, one cannot be read, or labels are stored as colours.
        FileNotFoundError: where a photo has no labels.
        ValueError: for a label outside the 19 parts.
    """
    files = list_images([images])
    files = files[-last:] if last else files[: max(len(files) - skip_last, 0)]
    photos, labels = [], []
    for file in files:
        mask = Path(masks) / f"{file.stem}.png"
        if not mask.is_file():
            raise FileNotFoundError(f"no labels for {file.name} in {masks}")
        index = read_labels(mask)
        if index.max() >= PART_COUNT:
            raise ValueError(f"{mask} holds label {index.max()}: there are {PART_COUNT} parts, numbered from 0")
        labels.append(np.array(Image.fromarray(index).resize((side, side), Image.Resampling.NEAREST)))
        photos.append(_reduced(read_image(file), side))
    return stack_faces(photos, labels, files)


def read_scenery(folder: Path | None = None, side: int = 256) -> Tensor:
    """Pictures without people, (N, 3, side, side) uint8: a folder's, by default those inside scikit-image."""
    if folder is None:
        from skimage import data

        names = (
            "brick",
            "chelsea",
            "coffee",
            "coins",
            "grass",
            "gravel",
            "hubble_deep_field",
            "moon",
            "page",
            "rocket",
        )
        pictures = [to_rgb(getattr(data, name)()) for name in names]
    else:
        pictures = [read_image(path) for path in list_images([folder])]
    return torch.from_numpy(np.stack([_reduced(p, side) for p in pictures])).permute(0, 3, 1, 2).contiguous()


def stack_faces(photos: Sequence[np.ndarray], labels: Sequence[np.ndarray], files: Sequence[Path]) -> LabelledFaces:
    """Photos (H, W, 3) and labels (H, W), all of one size, as tensors."""
    images = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).contiguous()
    return LabelledFaces(images, torch.from_numpy(np.stack(labels)), [file.name for file in files])


def _reduced(photo: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).resize((side, side), Image.Resampling.LANCZOS))
