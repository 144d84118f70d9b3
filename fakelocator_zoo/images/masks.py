"""Read masks, in which 1 is fake, and label images."""

from __future__ import annotations

import numpy as np
from PIL import Image

from fakelocator_zoo.images.reader import open_image, sixteen_bits, upright
from fakelocator_zoo.images.sources import ImageError, ImageSource

# JPEG turns a grey mask that was saved in colour into one of which the channels differ a little.
_GREY_TOLERANCE = 24


def read_mask(source: ImageSource) -> np.ndarray:
    """Read a mask as float32 (H, W) in [0, 1]: 1 is fake, values between are graded. Upright, as images are.

    Convention:
        - grey of 8 or 16 bits: level / highest level; where the levels are 0 and 1 alone, 1 is fake
        - palette with colours, such as those of PASCAL VOC: every index but 0 is fake
        - transparency over one colour: the alpha channel is the mask, opaque is fake
        - floating point in [0, 1]: as it is

    Raises:
        ImageError: as :func:`~fakelocator_zoo.images.read_image`, for an image of colours, and where nothing is fake.
    """
    with open_image(source) as (name, image):
        mask = _levels(upright(image), name)
    if not mask.any():
        raise ImageError(f"{name} is an empty mask, black all over; paint what is fake white, or leave its image out")
    return mask


def read_labels(source: ImageSource) -> np.ndarray:
    """Read the labels of a palette or grey image as uint8 (H, W): the index of each pixel, never its colour.

    Raises:
        ImageError: as :func:`~fakelocator_zoo.images.read_image`, and for an image of colours.
    """
    with open_image(source) as (name, image):
        if image.mode not in ("P", "L"):
            raise ImageError(f"{name} holds colours, not part numbers: a palette or grey PNG is needed")
        return np.array(upright(image))


def mask_of_frame(frame: np.ndarray, name: str) -> np.ndarray:
    """The mask (H, W) float32 in [0, 1] in a video's frame (H, W, 3) uint8.

    Raises:
        ImageError: where nothing in it is fake.
    """
    mask = _unit(frame.mean(axis=-1, dtype=np.float32), 255)
    if not mask.any():
        raise ImageError(f"{name} has a frame that is an empty mask, black all over")
    return mask


def _levels(image: Image.Image, name: str) -> np.ndarray:
    if image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):  # also where a value is nan
            raise ImageError(f"{name} holds floating-point numbers outside [0, 1]; save the mask with 8 or 16 bits")
        return values.astype(np.float32)
    if image.mode.startswith("I"):
        values = sixteen_bits(image, name)
        # Also 8-bit black and white in a 16-bit file.
        return (values > 0).astype(np.float32) if set(np.unique(values)) <= {0, 255} else _unit(values, 65535)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        alpha = rgba[..., 3]
        if alpha.min() < 255:
            visible = rgba[alpha > 0][:, :3]
            if visible.size and np.ptp(visible, axis=0).max() > _GREY_TOLERANCE:
                raise ImageError(
                    f"{name} has colours and transparency, and either may be the mask; save it as grey, 255 where fake"
                )
            return _unit(alpha, 255)
    if image.mode == "P" and not _is_grey(np.array(image.getpalette("RGB")).reshape(-1, 3)):
        return (np.asarray(image) != 0).astype(np.float32)
    rgb = np.asarray(image.convert("RGB"))
    if not _is_grey(rgb):
        raise ImageError(f"{name} holds colours, not how fake a pixel is; save the mask as grey, 255 where fake")
    return _unit(rgb.mean(axis=-1, dtype=np.float32).round(), 255)


def _unit(values: np.ndarray, highest: int) -> np.ndarray:
    """Levels in [0, 1]; where the only levels are 0 and 1, they are black and white."""
    scale = 1 if values.max() <= 1 else highest
    return values.astype(np.float32) / scale


def _is_grey(colours: np.ndarray) -> bool:
    return bool(np.ptp(colours.astype(np.int16), axis=-1).max() <= _GREY_TOLERANCE)
