"""Features of images by a model, and the identity of that model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from fakelocator_zoo.images import ImageError
from fakelocator_zoo.inference.prepare import Source, as_image

if TYPE_CHECKING:
    from fakelocator_zoo.models.fakelocator import FakeLocator

_WAITING = 4  # most batches of images in memory


class Features(NamedTuple):
    """Features of the M of N images that could be read."""

    values: np.ndarray  #: (M, C) float32
    rows: np.ndarray  #: (M,) int64, ascending: which image each is
    failures: dict[int, str]  #: {image: why it could not be read, one sentence}


def extract_features(
    model: FakeLocator, sources: Iterable[Source], *, crop: int | None = 512, batch_size: int = 16
) -> Features:
    """``model.encode`` of images, for :class:`~fakelocator_zoo.SingleSampleClustering`.

    Images are not resized, since that destroys the texture of fakes. Larger ones are cropped around their centre;
    images of one size share a batch.

    Args:
        model: put into eval mode; it stays on its device.
        sources: as for a :class:`~fakelocator_zoo.Localizer`.
        crop: longest side in pixels; None does not crop.
        batch_size: images of one size that go through at once.

    Raises:
        ValueError: for bad options, and where no image can be read.
    """
    if crop is not None and crop < 32:
        raise ValueError(f"crop must be 32 pixels or more, or None; got {crop}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}")
    model = model.eval()
    found: dict[int, np.ndarray] = {}
    failures: dict[int, str] = {}
    waiting: dict[tuple[int, ...], dict[int, np.ndarray]] = {}
    for index, source in enumerate(sources):
        try:
            # Copied, so that no large photo is kept for its crop.
            image = centre_crop(as_image(source), crop).copy()
        except ImageError as error:
            failures[index] = str(error)
            continue
        waiting.setdefault(image.shape, {})[index] = image
        fullest = max(waiting, key=lambda shape: len(waiting[shape]))
        if len(waiting[fullest]) == batch_size or sum(map(len, waiting.values())) == _WAITING * batch_size:
            found |= _encode(model, waiting.pop(fullest))
    for batch in waiting.values():
        found |= _encode(model, batch)
    if not found:
        first = f": {failures[min(failures)]}" if failures else ""
        raise ValueError(f"no image could be read{first}")
    rows = sorted(found)
    return Features(np.stack([found[row] for row in rows]), np.array(rows, np.int64), failures)


def model_identity(model: torch.nn.Module) -> dict[str, str]:
    """The SHA-256 of a model's weights, on any device, and its config as JSON: equal models have equal features."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    config = getattr(model, "config", {})
    return {"weights": digest.hexdigest(), "config": json.dumps(config, sort_keys=True)}


def centre_crop(image: np.ndarray, side: int | None) -> np.ndarray:
    """The centre of an image (H, W, 3), at most ``side`` in height and width; a smaller side stays as it is."""
    if side is None:
        return image
    height, width = image.shape[:2]
    # On multiples of 8: JPEG codes blocks of 8 pixels, counted from the photo's corner.
    top, left = max(0, height - side) // 16 * 8, max(0, width - side) // 16 * 8
    return image[top : top + side, left : left + side]


@torch.inference_mode()
def _encode(model: FakeLocator, images: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    reference = next(model.parameters())
    batch = torch.from_numpy(np.stack(list(images.values()))).permute(0, 3, 1, 2).to(reference.device)
    values = model.encode(batch.to(reference.dtype) / 255).float().cpu().numpy()
    return dict(zip(images, values, strict=True))
