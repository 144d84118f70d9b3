"""Image files in and out: every photo becomes uint8 RGB, every failure one sentence."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

#: Larger images are refused before they are decoded; a 100-megapixel camera still fits.
MAX_PIXELS = 128_000_000
# Named, since Pillow would otherwise try dozens of formats, some of which call other programs. MPO, which
# phones write as .jpg, comes with JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
# What Pillow's decoders raise on damaged files.
_DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
    OverflowError,
)


class ImageError(ValueError):
    """An image or a folder of images that cannot be read or written; the message is one clear sentence."""


def read_image(path: str | Path) -> np.ndarray:
    """Read a photo as uint8 RGB (H, W, 3), upright as its EXIF orientation says.

    Transparent pixels are laid over white, 16-bit values are scaled to 8 bits, of an animation the first
    frame is taken.

    Raises:
        ImageError: where the file is missing, empty, no image, damaged or over :data:`MAX_PIXELS`.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder; give a photo")
        if path.stat().st_size == 0:
            raise ImageError(f"{path} is an empty file; copy or download it again")
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; our own limit is checked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_FORMATS)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(f"{path} does not exist; check its spelling") from error
    except PermissionError as error:
        raise ImageError(f"{path} may not be read; check its permissions") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not an image; give a JPEG, PNG, WebP, BMP, TIFF or GIF file") from error
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(path)) from error
    except ImageError:
        raise
    except _DAMAGED as error:
        raise ImageError(_damaged(path)) from error
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise ImageError(_too_large(path))
        try:
            return to_rgb(image)
        except ImageError as error:
            raise ImageError(f"{path} {error}") from error
        except _DAMAGED as error:
            raise ImageError(_damaged(path)) from error


def to_rgb(image: Image.Image) -> np.ndarray:
    """An open PIL image of any mode -> uint8 RGB (H, W, 3), treated as :func:`read_image` says.

    Raises:
        ImageError: for pixel values without a known range (32-bit integers, floating point).
    """
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        values = np.asarray(upright).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError("holds 32-bit numbers of unknown range; save it with 8 or 16 bits")
        grey = np.rint(values / 257).astype(np.uint8)  # 65535 / 255 = 257
        return np.repeat(grey[..., None], 3, axis=2)
    if upright.mode == "F":
        raise ImageError("holds floating-point numbers of unknown range; save it with 8 or 16 bits")
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return np.array(Image.alpha_composite(white, rgba).convert("RGB"))
    return np.array(upright.convert("RGB"))


def collect_images(path: str | Path) -> list[Path]:
    """The image files below a folder, sorted; a path to a file is taken as it is.

    Raises:
        ImageError: where the path does not exist, or is a folder without images.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    from fakelocator_zoo.data.photos import list_images  # imports torch

    try:
        return list_images([path])
    except FileNotFoundError as error:
        raise ImageError(str(error)) from error
    except OSError as error:
        raise ImageError(f"{path} may not be read ({error.strerror}); check its permissions") from error


def make_folder(folder: str | Path) -> Path:
    """Create the folder where needed and make sure that files can be written there.

    Raises:
        ImageError: where that is not possible.
    """
    folder = Path(folder)
    probe = folder / _temporary_name("probe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ImageError(f"cannot write into {folder} ({error.strerror}); give another output folder") from error
    return folder


def write_map(path: str | Path, values: np.ndarray) -> None:
    """Write a map (H, W) in [0, 1] as a 16-bit grey PNG (65535 is 1), whole or not at all.

    Raises:
        ValueError: where ``values`` is not a map (H, W).
        ImageError: where the file cannot be written.
    """
    if values.ndim != 2:
        raise ValueError(f"a map is (H, W), got {values.shape}")
    levels = np.rint(np.clip(values, 0, 1) * 65535.0).astype(np.uint16)
    _write(Path(path), Image.fromarray(levels))


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Write a picture (H, W, 3) uint8 as a PNG, whole or not at all.

    Raises:
        ValueError: where ``image`` is not (H, W, 3) uint8.
        ImageError: where the name does not end in .png, or the file cannot be written.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a picture is (H, W, 3) uint8, got {image.shape} {image.dtype}")
    _write(Path(path), Image.fromarray(image))


def _write(path: Path, image: Image.Image) -> None:
    if path.suffix.lower() != ".png":
        raise ImageError(f"{path} would not be a PNG; give a name that ends in .png")
    temporary = path.with_name(_temporary_name(path.name))
    try:
        image.save(temporary, "PNG", compress_level=4)
        temporary.replace(path)
    except OSError as error:
        raise ImageError(f"cannot write {path} ({error.strerror or error}); give another place") from error
    finally:
        # After a failure or an interrupt nothing half-written stays behind.
        with contextlib.suppress(OSError):  # where the folder itself is out of reach, nothing is left there
            temporary.unlink(missing_ok=True)


def _temporary_name(name: str) -> str:
    return f".{name}.{os.getpid()}-{threading.get_ident()}.tmp"


def _too_large(path: Path) -> str:
    return f"{path} has more than {MAX_PIXELS // 1_000_000} megapixels; crop it to the faces first"


def _damaged(path: Path) -> str:
    return f"{path} is damaged or cut off; copy or download it again"
