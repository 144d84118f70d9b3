"""What the page allows: how large an upload may be, how long a call may take, and what a browser may load."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fakelocator_zoo.images import ImageError, to_rgb
from fakelocator_zoo.images.reader import open_image

MAX_BYTES = 20 * 2**20  #: of an upload
MAX_PIXELS = 24_000_000  #: of a photo
MAX_FRAMES = 100  #: of a video that are scored, evenly spaced
MAX_VIDEO_FRAMES = 9000  #: of a video
MAX_FRAME_PIXELS = 9_000_000  #: of a video's frame
MAX_PHOTOS = 100  #: that are clustered at once
MAX_SECONDS = 120.0  #: of a call, its wait for the one before included
MAX_WAITING = 32  #: calls that wait; the next is told that the page is busy
KEEP_SECONDS = 600  #: after which uploads and results are deleted

#: Everything comes from the page itself. Gradio builds functions from strings and styles in place.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "form-action 'self'; frame-ancestors 'self'"
)

T = TypeVar("T")
Message = MutableMapping[str, Any]


class Busy(ValueError):
    """Nothing was computed: the calls before took all of the time."""


def check_photo(path: str | Path | None) -> Path:
    """The path of an uploaded photo whose file and header keep the limits; its pixels are not read.

    Raises:
        ImageError: where there is none, no image, or one over :data:`MAX_BYTES` or :data:`MAX_PIXELS`. The sentence
            has the file's name, never its folder.
    """
    if path is None:
        raise ImageError("no photo was given; drop, paste or take one first")
    path = Path(path)
    try:
        size = path.stat().st_size
    except OSError:
        raise ImageError(f"{path.name} is not here any more; upload it again") from None
    if size > MAX_BYTES:
        raise ImageError(f"{path.name} has more than {MAX_BYTES // 2**20} megabytes; give a smaller file")
    try:
        with open_image(path) as (_, image):
            pixels = image.width * image.height
    except ImageError as error:
        raise without_folder(error, path) from None
    if pixels > MAX_PIXELS:
        raise ImageError(
            f"{path.name} has {pixels / 1e6:.0f} megapixels, and {MAX_PIXELS // 1_000_000} are allowed here; "
            "crop it to the faces (do not shrink it: that removes the traces)"
        )
    return path


def read_photo(path: str | Path | None) -> np.ndarray:
    """An uploaded photo as uint8 RGB (H, W, 3), upright.

    Raises:
        ImageError: as :func:`check_photo`, and where the photo is damaged.
    """
    path = check_photo(path)
    try:
        with open_image(path) as (name, image):
            return to_rgb(image, name)
    except ImageError as error:
        raise without_folder(error, path) from None


def check_video(path: str | Path | None) -> tuple[Path, int]:
    """The path of an uploaded video that keeps the limits, and the n for which every n-th frame is scored.

    Raises:
        ImageError: where there is none, no video, or one over a limit. The sentence has no folder.
        ImportError: where PyAV is missing.
    """
    from fakelocator_zoo.data.frames import is_video, opened_video, video_length

    if path is None:
        raise ImageError("no video was given; drop one first")
    path = Path(path)
    if not path.is_file():
        raise ImageError(f"{path.name} is not here any more; upload it again")
    if path.stat().st_size > MAX_BYTES:
        raise ImageError(f"{path.name} has more than {MAX_BYTES // 2**20} megabytes; cut it to the part in question")
    if not is_video(path):
        raise ImageError(f"{path.name} is no video; give an MP4, MOV, MKV, WebM or AVI file")
    try:
        with opened_video(path) as container:
            stream = container.streams.video[0]
            pixels = stream.width * stream.height
        frames = video_length(path)
    except ValueError as error:
        raise without_folder(error, path) from None
    if pixels > MAX_FRAME_PIXELS or frames > MAX_VIDEO_FRAMES:
        raise ImageError(
            f"{path.name} has {frames} frames of {pixels / 1e6:.1f} megapixels, and {MAX_VIDEO_FRAMES} frames of "
            f"{MAX_FRAME_PIXELS // 1_000_000} are allowed here; cut it to the part in question"
        )
    return path, max(1, -(-frames // MAX_FRAMES))


def without_folder(error: ValueError, path: Path) -> ImageError:
    """The error with the file's name in place of its path, which is no user's business."""
    return ImageError(str(error).replace(str(path), path.name))


class Worker:
    """Runs one call after the other on a thread of its own.

    Args:
        seconds: that a call may take, its wait for the one before included.
    """

    def __init__(self, seconds: float = MAX_SECONDS) -> None:
        self.seconds = seconds
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="page")

    def run(self, function: Callable[[], T]) -> T:
        """What ``function`` returns.

        Raises:
            Busy: where its turn did not come in time.
            ImageError: where it took too long. It runs to its end all the same, and holds up the next one.
        """
        future = self._executor.submit(function)
        try:
            return future.result(self.seconds)
        except OutOfTime:
            if future.cancel():
                raise Busy("the page is busy; try again in a minute") from None
            if future.done():
                return future.result()
            raise ImageError(
                f"this takes longer than {self.seconds:.0f} seconds; give smaller or fewer photos"
            ) from None


class ContentPolicy:
    """ASGI middleware: the browser is told to load nothing from elsewhere (:data:`CONTENT_POLICY`)."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Pass a request on, and add the header to its answer."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", CONTENT_POLICY.encode())
                message["headers"] = [*message.get("headers", ()), policy, (b"referrer-policy", b"no-referrer")]
            await send(message)

        await self.app(scope, receive, send_with_policy)
