"""Write PNG files: whole or not at all, and never over a file that this module did not write."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fakelocator_zoo.images.sources import ImageError

# The text chunk `Software` of every PNG that is written here.
_SOFTWARE = "fakelocator-zoo"
_HEADER = 33  # bytes: the signature and the chunk IHDR of a PNG


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a picture (H, W, 3) uint8 as a PNG.

    Raises:
        ValueError: where ``image`` is not (H, W, 3) uint8.
        ImageError: where the name does not end in .png, the file cannot be written, or a file of that name is no
            result of this module.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a picture is (H, W, 3) uint8, got {image.shape} {image.dtype}")
    _write(Path(path), image)


def write_map(path: str | Path, values: np.ndarray) -> None:
    """Write a map (H, W) in [0, 1] as a 16-bit grey PNG (65535 is 1).

    Raises:
        ValueError: where ``values`` is not a map (H, W).
        ImageError: as :func:`write_image`.
    """
    if values.ndim != 2:
        raise ValueError(f"a map is (H, W), got {values.shape}")
    _write(Path(path), np.rint(np.clip(values, 0, 1) * 65535.0).astype(np.uint16))


def write_labels(path: str | Path, labels: np.ndarray, colours: np.ndarray) -> None:
    """Write labels (H, W) uint8 as a palette PNG: the index is the label, ``colours`` (N, 3) uint8 shows it.

    Raises:
        ImageError: as :func:`write_image`.
    """
    image = Image.fromarray(labels).convert("L")
    image.putpalette(colours.ravel().tolist())
    _write(Path(path), image)


def is_result(path: str | Path) -> bool:
    """Whether the file is a PNG that this module wrote."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(256)
    except OSError:
        return False
    return head.startswith(b"\x89PNG") and f"Software\0{_SOFTWARE}".encode() in head


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


def _write(path: Path, image: Image.Image | np.ndarray) -> None:
    if path.suffix.lower() != ".png":
        raise ImageError(f"{path} would not be a PNG; give a name that ends in .png")
    if path.exists() and not is_result(path):
        raise ImageError(f"{path} is there already and no result of {_SOFTWARE}, so it is kept; give another place")
    temporary = path.with_name(_temporary_name(path.name))
    try:
        temporary.write_bytes(_as_png(image))
        temporary.replace(path)
    except OSError as error:
        raise ImageError(f"cannot write {path} ({error.strerror or error}); give another place") from error
    finally:
        # After a failure or an interrupt nothing half-written stays behind.
        with contextlib.suppress(OSError):  # where the folder itself is out of reach, nothing is left there
            temporary.unlink(missing_ok=True)


def _as_png(image: Image.Image | np.ndarray) -> bytes:
    """With the text chunk that :func:`is_result` looks for."""
    if isinstance(image, np.ndarray):
        with contextlib.suppress(ImportError):
            import cv2  # takes half of Pillow's time

            encoded = cv2.imencode(".png", image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
            text = b"tEXtSoftware\0" + _SOFTWARE.encode()
            chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
            return encoded[:_HEADER].tobytes() + chunk + encoded[_HEADER:].tobytes()
        image = Image.fromarray(image)
    said = PngInfo()
    said.add_text("Software", _SOFTWARE)
    content = io.BytesIO()
    image.save(content, "PNG", compress_level=1, pnginfo=said)
    return content.getvalue()


def _temporary_name(name: str) -> str:
    return f".{name}.{os.getpid()}-{threading.get_ident()}.tmp"
