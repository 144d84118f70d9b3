"""Labelled faces read into memory, reduced: folders of CelebAMask-HQ, and scenery to put around them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fakelocator_zoo.face_parsing.parts import PARTS

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


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
        FileNotFoundError: no photo, or a photo without labels.
        ValueError: labels outside the 19 parts, for example an RGB picture of labels.
    """
    files = sorted(p for p in Path(images).iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
    files = files[-last:] if last else files[: max(len(files) - skip_last, 0)]
    if not files:
        raise FileNotFoundError(f"no photos in {images}")
    photos, labels = [], []
    for file in files:
        mask = Path(masks) / f"{file.stem}.png"
        if not mask.is_file():
            raise FileNotFoundError(f"no labels for {file.name} in {masks}")
        with Image.open(mask) as picture:
            if picture.mode not in ("P", "L"):
                raise ValueError(f"{mask} holds colours, not part numbers: a palette or grey PNG is needed")
            index = np.array(picture.resize((side, side), Image.Resampling.NEAREST))
        if index.max() >= len(PARTS):
            raise ValueError(f"{mask} holds label {index.max()}: there are {len(PARTS)} parts, numbered from 0")
        labels.append(index)
        photos.append(read_photo(file, side))
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
        pictures = [Image.fromarray(getattr(data, name)()) for name in names]
    else:
        pictures = [Image.open(p) for p in sorted(Path(folder).iterdir()) if p.suffix.lower() in PHOTO_SUFFIXES]
    reduced = [p.convert("RGB").resize((side, side), Image.Resampling.LANCZOS) for p in pictures]
    return torch.from_numpy(np.stack([np.asarray(p) for p in reduced])).permute(0, 3, 1, 2).contiguous()


def read_photo(file: Path, side: int) -> np.ndarray:
    """A photo reduced to (side, side, 3) uint8."""
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS))


def stack_faces(photos: Sequence[np.ndarray], labels: Sequence[np.ndarray], files: Sequence[Path]) -> LabelledFaces:
    """Photos (H, W, 3) and labels (H, W), all of one size, as tensors."""
    images = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).contiguous()
    return LabelledFaces(images, torch.from_numpy(np.stack(labels)), [file.name for file in files])
