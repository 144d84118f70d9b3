"""What comes before the model: a photo read, its faces found. Imports no torch, so that worker processes are light."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from fakelocator_zoo.images import ImageError, ImageSource, read_image, to_rgb
from fakelocator_zoo.inference.faces import DetectedFace

if TYPE_CHECKING:
    from torch import Tensor

    #: What a user has: a path, an http(s) address, the bytes of an image file, a binary file open for reading, a PIL
    #: image, an array (H, W), (H, W, 3) or (H, W, 4), or a float tensor (3, H, W) in [0, 1].
    Source = ImageSource | Image.Image | np.ndarray | Tensor
else:
    Source = Any  # torch is not imported


class Prepared(NamedTuple):
    """A photo that is ready for the model; can be sent from process to process."""

    name: str  #: its path or address, or "image" where it came without
    image: np.ndarray  #: (H, W, 3) uint8 RGB, upright
    faces: tuple[DetectedFace, ...] | None  #: largest first; None where they were not looked for


def prepare(source: Source, find_faces: bool = True) -> Prepared:
    """Read a photo and find its faces.

    Raises:
        ImageError: where the photo cannot be read, or an array or a tensor has another shape or range.
    """
    image = as_image(source)
    name = source_name(source)
    if not find_faces:
        return Prepared(name, image, None)
    from fakelocator_zoo.inference import faces

    return Prepared(name, image, tuple(faces.find_faces(image)))


def as_image(source: Source) -> np.ndarray:
    """Any source as an array (H, W, 3) uint8 RGB, upright.

    Raises:
        ImageError: where the photo cannot be read, or an array or a tensor has another shape or range.
    """
    if isinstance(source, Image.Image | np.ndarray):
        return to_rgb(source)
    if hasattr(source, "is_floating_point"):  # a tensor, recognised without importing torch
        return _from_tensor(source)
    if isinstance(source, str | bytes | os.PathLike) or hasattr(source, "read"):
        return read_image(source)
    raise ImageError(
        f"a photo is a path, bytes, a file, a PIL image, an array or a tensor, got {type(source).__name__}"
    )


def source_name(source: Source) -> str:
    """The path or address of a source; "image" for one without."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "filename", None) or getattr(source, "name", None)
    return name if isinstance(name, str) and name else "image"


def _from_tensor(tensor: Any) -> np.ndarray:
    if tensor.ndim != 3 or tensor.shape[0] != 3 or tensor.numel() == 0 or not tensor.is_floating_point():
        raise ImageError(f"a tensor must be float (3, H, W), got {tensor.dtype} {tuple(tensor.shape)}")
    # Written so that nan fails as well.
    if not (tensor.min() >= 0 and tensor.max() <= 1):
        raise ImageError("a tensor must lie in [0, 1]; divide 8-bit values by 255")
    values = (tensor.detach().float().cpu().numpy() * 255).round().astype(np.uint8)
    return np.ascontiguousarray(values.transpose(1, 2, 0))
