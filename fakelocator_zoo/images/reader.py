"""Read an image of any common format as uint8 RGB, upright."""

from __future__ import annotations

import contextlib
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError, features

from fakelocator_zoo.images.sources import ImageError, ImageSource, open_source

#: Larger images are refused before they are decoded; a 100-megapixel camera still fits.
MAX_PIXELS = 128_000_000
# Named, since Pillow would otherwise try dozens of formats, some of which call other programs. MPO, which
# phones write as .jpg, comes with JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
# What Pillow's decoders raise on damaged files.
_DAMAGED = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, RuntimeError, ArithmeticError),
    *(struct.error, zlib.error),
)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(source: ImageSource) -> np.ndarray:
    """Read an image as uint8 RGB (H, W, 3), upright as its EXIF orientation says.

    JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF, and HEIC with the extra ``heic``. Transparent pixels are laid over white,
    16-bit values are scaled to 8 bits, the first frame of an animation is taken.

    Args:
        source: a path, an http(s) address, the bytes of an image file, or a binary file open for reading.

    Raises:
        ImageError: where the source is missing, empty, no image, damaged, larger than :data:`MAX_PIXELS`, of unknown
            value range, or HEIC without the extra.
    """
    with open_image(source) as (name, image):
        return to_rgb(image, name)


def to_rgb(image: Image.Image | np.ndarray, name: str = "the image") -> np.ndarray:
    """An image in memory as uint8 RGB (H, W, 3), with the conventions of :func:`read_image`.

    Args:
        image: an open PIL image of any mode, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): grey, RGB or
            RGBA, uint8, uint16 or bool. An array (H, W, 3) uint8 is returned as it is.
        name: of the image in messages.

    Raises:
        ImageError: for another shape, or values of unknown range (32-bit integers, floating point).
    """
    if isinstance(image, np.ndarray):
        values = _eight_bits(image, name)
        if values.ndim == 3 and values.shape[2] == 3:
            return values
        image = Image.fromarray(values)
    image = upright(image)
    if image.mode.startswith("I"):
        return np.repeat(_eight_bits(sixteen_bits(image, name), name)[..., None], 3, axis=2)
    if image.mode == "F":
        raise ImageError(f"{name} holds floating-point numbers of unknown range; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    elif image.mode == "LAB":
        raise ImageError(f"{name} holds LAB colours; save it as RGB")
    return np.array(image.convert("RGB"))


@contextlib.contextmanager
def open_image(source: ImageSource) -> Iterator[tuple[str, Image.Image]]:
    """Its name in messages, and the PIL image, not yet decoded; errors of Pillow inside become an ImageError.

    Raises:
        ImageError: as :func:`read_image`.
    """
    with open_source(source) as (name, file):
        formats = _formats(name, file)
        too_large = f"{name} has more than {MAX_PIXELS // 1_000_000} megapixels; crop it to the faces first"
        try:
            with warnings.catch_warnings():
                # Pillow warns from 89 megapixels on; our own limit is checked below.
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                image = Image.open(file, formats=formats)
            with image:
                if image.width * image.height > MAX_PIXELS:
                    raise ImageError(too_large)
                yield name, image
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError(
                f"{name} is not an image; give a JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF or HEIC file"
            ) from error
        except Image.DecompressionBombError as error:
            raise ImageError(too_large) from error
        except _DAMAGED as error:
            raise ImageError(f"{name} is damaged or cut off; copy or download it again") from error


def upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF orientation says."""
    image.load()
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow raises many kinds where EXIF is damaged; the pixels are sound all the same
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def sixteen_bits(image: Image.Image, name: str) -> np.ndarray:
    """The levels (H, W) uint16 of an image of integers (modes I, I;16 and the like).

    Raises:
        ImageError: where a value does not fit into 16 bits.
    """
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(f"{name} holds 32-bit numbers of unknown range; save it with 8 or 16 bits")
    return values.astype(np.uint16)


def heic_readable() -> bool:
    """Whether the extra ``heic`` is installed."""
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        return False
    return True


def check_same_size(first: np.ndarray, first_name: object, other: np.ndarray, other_name: object) -> None:
    """Raise ImageError, with both names and sizes, unless two images or masks (H, W, ...) have one size."""
    if first.shape[:2] != other.shape[:2]:
        raise ImageError(
            f"{first_name} is {first.shape[1]} x {first.shape[0]} pixels and {other_name} is "
            f"{other.shape[1]} x {other.shape[0]}; they must have one size"
        )


def _formats(name: str, file: BinaryIO) -> tuple[str, ...]:
    """The formats that Pillow is to try, with HEIC where the file is one."""
    head = file.read(64)
    file.seek(0)
    if head[4:8] != b"ftyp":
        return _FORMATS
    box = head[8 : int.from_bytes(head[:4], "big")]
    brands = {box[i : i + 4] for i in range(0, len(box), 4)}
    if brands & {b"avif", b"avis"}:
        if not features.check("avif"):
            raise ImageError(f"{name} is an AVIF photo, and this build of Pillow reads none; convert it to JPEG")
    elif brands & _HEIF_BRANDS:
        try:
            import pillow_heif
        except ImportError as error:
            raise ImageError(
                f"{name} is a HEIC photo, which needs the extra: pip install 'fakelocator-zoo[heic]'"
            ) from error
        pillow_heif.register_heif_opener()
        return (*_FORMATS, "HEIF")
    return _FORMATS


def _eight_bits(values: np.ndarray, name: str) -> np.ndarray:
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if not values.size or not (values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))):
        raise ImageError(f"{name} has shape {values.shape}; give an array (H, W), (H, W, 3) or (H, W, 4)")
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return np.rint(values / 257).astype(np.uint8)  # 65535 / 255 = 257
    if values.dtype != np.uint8:
        raise ImageError(f"{name} holds {values.dtype}, whose range is not known; give uint8 in [0, 255]")
    return values
