"""Sources of image bytes: a file, bytes in memory, an open binary file, or an http(s) address."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: A path, an http(s) address, the bytes of an image file, or a binary file open for reading.
ImageSource = str | os.PathLike[str] | bytes | BinaryIO

#: Limits of a download, and of what is read from an open file.
MAX_BYTES = 128 * 2**20
MAX_SECONDS = 30.0


class ImageError(ValueError):
    """An image or a folder of images that cannot be read or written; the message is one clear sentence."""


@contextlib.contextmanager
def open_source(source: ImageSource) -> Iterator[tuple[str, BinaryIO]]:
    """The name of the source in messages, and its bytes as a seekable binary file.

    Raises:
        ImageError: where there is nothing to read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        name, content = "the image in memory", bytes(source)
    elif isinstance(source, str) and is_address(source):
        name, content = source, _download(source)
    elif isinstance(source, str | os.PathLike):
        with _open_file(os.fspath(source)) as file:
            yield str(source), file
        return
    else:
        given: object = getattr(source, "name", None)
        name = given if isinstance(given, str) else "the open file"
        content = source.read(MAX_BYTES + 1)
        if not isinstance(content, bytes):
            raise ImageError(f"{name} is open as text; open it with mode 'rb'")
        _check_length(name, len(content))
    if not content:
        raise ImageError(f"{name} is empty; give the bytes of an image file")
    yield name, io.BytesIO(content)


def is_address(text: str) -> bool:
    """Whether the text is an http(s) address."""
    return re.match(r"https?://", text, re.IGNORECASE) is not None


def _open_file(name: str) -> BinaryIO:
    path = Path(name)
    try:
        if path.is_dir():
            raise ImageError(f"{name} is a folder; give an image")
        if path.exists() and not path.is_file():
            raise ImageError(f"{name} is no regular file; give an image")
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(f"{name} does not exist; check its spelling") from error
    except PermissionError as error:
        raise ImageError(f"{name} may not be read; check its permissions") from error
    except OSError as error:
        raise ImageError(f"{name} cannot be read ({error.strerror or error}); check its name and its disk") from error
    if os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise ImageError(f"{name} is an empty file; copy or download it again")
    return file


def _download(address: str) -> bytes:
    deadline = time.monotonic() + MAX_SECONDS
    content = bytearray()
    try:
        request = urllib.request.Request(address, headers={"User-Agent": "fakelocator-zoo"})
        with urllib.request.urlopen(request, timeout=MAX_SECONDS) as answer:
            while block := answer.read1(1 << 16):
                content += block
                _check_length(address, len(content))
                if time.monotonic() > deadline:
                    raise TimeoutError(f"it took more than {MAX_SECONDS:.0f} seconds")
    except ImageError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        raise ImageError(f"{address} answers {error.code} {error.reason}; check the address") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise ImageError(f"{address} cannot be downloaded ({reason}); check the address and the connection") from error
    return bytes(content)


def _check_length(name: str, length: int) -> None:
    if length > MAX_BYTES:
        raise ImageError(f"{name} has more than {MAX_BYTES // 2**20} megabytes; give a smaller image file")
