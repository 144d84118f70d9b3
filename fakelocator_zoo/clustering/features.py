"""The encoder's features of many photos, which are clustered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from fakelocator_zoo.images import ImageError, read_image
from fakelocator_zoo.inference.features import centre_crop
from fakelocator_zoo.models.fakelocator import FakeLocator

_WAITING = 64  # photos of all sizes that wait for a full batch


class Features(NamedTuple):
    """Features of those photos that could be read."""

    values: np.ndarray  #: (M, C) float32
    paths: tuple[Path, ...]  #: (M,), in the order given
    failures: dict[Path, str]  #: one sentence for each photo that could not be read


def encode_photos(
    model: FakeLocator,
    paths: Sequence[Path],
    *,
    crop: int | None = 512,
    batch_size: int = 16,
    progress: Callable[[int], None] = lambda done: None,
) -> Features:
    """``model.encode`` of photos; larger ones are cropped around their centre, never resized.

    Args:
        model: it stays on its device, and is put into eval mode.
        paths: image files; photos of one size share a batch.
        crop: longer sides are cut to so many pixels; None keeps them.
        batch_size: photos that go through together.
        progress: called with the number of photos read so far.
    """
    found: dict[int, np.ndarray] = {}
    failures: dict[Path, str] = {}
    waiting: dict[tuple[int, ...], dict[int, np.ndarray]] = {}
    for index, path in enumerate(paths):
        try:
            image = centre_crop(read_image(path), crop).copy()
        except ImageError as error:
            failures[path] = str(error)
        else:
            waiting.setdefault(image.shape, {})[index] = image
        fullest = max(waiting, key=lambda shape: len(waiting[shape]), default=())
        if len(waiting.get(fullest, ())) == batch_size or sum(map(len, waiting.values())) >= _WAITING:
            found |= _encode(model, waiting.pop(fullest))
        progress(index + 1)
    for batch in waiting.values():
        found |= _encode(model, batch)
    rows = sorted(found)
    values = np.stack([found[row] for row in rows]) if rows else np.empty((0, 0), np.float32)
    return Features(values, tuple(paths[row] for row in rows), failures)


def encode_image(model: FakeLocator, image: np.ndarray, crop: int | None) -> np.ndarray:
    """Features (1, C) of an image (H, W, 3) uint8, as :func:`encode_photos` has them."""
    return np.stack(list(_encode(model, {0: centre_crop(image, crop)}).values()))


@torch.inference_mode()
def _encode(model: FakeLocator, images: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    device = next(model.parameters()).device
    batch = torch.from_numpy(np.stack(list(images.values()))).permute(0, 3, 1, 2).to(device).float() / 255
    return dict(zip(images, model.eval().encode(batch).float().cpu().numpy(), strict=True))
