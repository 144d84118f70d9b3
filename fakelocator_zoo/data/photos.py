"""Random crops of real photos, with random scaling and compression."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from fakelocator_zoo.images import read_image
from fakelocator_zoo.transforms.degradations import jpeg

_FILTERS = (
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
    Image.Resampling.HAMMING,
)


class PhotoCrops(Dataset[Tensor]):
    """Random square crops of real photos, scaled to one size.

    Each crop is compressed or not, resampled by a random scale and filter, and compressed or not again, so that no
    one processing distinguishes real photos.

    Args:
        paths: photo files; each is decoded once and kept in memory.
        size: side of a crop in pixels.
        length: crops an epoch.
        seed: crop ``i`` of epoch ``e`` depends on (seed, e, i) alone, whatever the number of workers.
        max_side: larger photos are reduced to this side, to save memory.
        weights: relative frequency of each photo; None draws all equally often.

    Yields float tensors (3, size, size) in [0, 1].

    Raises:
        ImageError: for a photo that cannot be read; the message names it.
        ValueError: where there is no photo, or not one weight for each.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size: int,
        length: int,
        *,
        seed: int = 0,
        max_side: int = 1024,
        weights: Sequence[float] | None = None,
    ) -> None:
        if not paths:
            raise ValueError("no photos given")
        self.size, self.length, self.seed, self.epoch = size, length, seed, 0
        self.photos = [reduced(read_image(path), max_side) for path in paths]
        if weights is not None and len(weights) != len(paths):
            raise ValueError(f"weights must be one for each of {len(paths)} photos, got {len(weights)}")
        self.sampling_weights = None if weights is None else np.asarray(weights, dtype=float) / np.sum(weights)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        photo = self.photos[rng.choice(len(self.photos), p=self.sampling_weights)]
        crop, _ = random_crop(photo, self.size, rng)
        return torch.from_numpy(crop).permute(2, 0, 1).float().div_(255)


def random_crop(
    photo: np.ndarray, size: int, rng: np.random.Generator, *, attention: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """A crop (size, size, 3) uint8 of a photo (H, W, 3) uint8 as in :class:`PhotoCrops`, and the crop of its attention.

    Args:
        attention: (h, w) uint8 of the whole photo; its crop is not rescaled.
    """
    shortest = min(photo.shape[:2])
    # Log-uniform: mostly reduced, as photos on the web are; sometimes a little enlarged.
    smallest = min(shortest, size * 0.8 if rng.random() < 0.1 else size)
    side = min(float(np.exp(rng.uniform(np.log(smallest), np.log(shortest)))), float(shortest))
    top = rng.uniform(0, photo.shape[0] - side)
    left = rng.uniform(0, photo.shape[1] - side)
    y0, x0 = int(top), int(left)
    y1, x1 = min(photo.shape[0], int(np.ceil(top + side))), min(photo.shape[1], int(np.ceil(left + side)))
    image = Image.fromarray(photo[y0:y1, x0:x1])
    if rng.random() < 0.4:
        image = Image.fromarray(_recompress(np.array(image), rng, 60, 96))
    box = (left - x0, top - y0, min(left - x0 + side, image.width), min(top - y0 + side, image.height))
    flipped = rng.random() < 0.5
    if flipped:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        box = (image.width - box[2], box[1], image.width - box[0], box[3])
    image = image.resize((size, size), _FILTERS[rng.integers(len(_FILTERS))], box=box)
    crop = np.array(image)
    if rng.random() < 0.25:
        crop = _recompress(crop, rng, 80, 98)
    if attention is not None:
        rows, columns = (a / b for a, b in zip(attention.shape, photo.shape[:2], strict=True))
        attended = attention[
            int(top * rows) : int(np.ceil((top + side) * rows)),
            int(left * columns) : int(np.ceil((left + side) * columns)),
        ]
        attention = np.ascontiguousarray(attended[:, ::-1] if flipped else attended)
    return crop, attention


def _recompress(image: np.ndarray, rng: np.random.Generator, low: int, high: int) -> np.ndarray:
    return jpeg(image, int(rng.integers(low, high)), subsampling=int(rng.integers(0, 3)))


def reduced(image: np.ndarray, max_side: int) -> np.ndarray:
    """The image (H, W, 3) uint8, at most ``max_side`` pixels wide and high; never enlarged."""
    photo = Image.fromarray(image)
    photo.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return np.asarray(photo)
