"""A video of pictures with the sound of another video."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from fakelocator_zoo.data.frames import opened_video, start_seconds
from fakelocator_zoo.images import ImageError

#: Sound that players expect in an MP4; any other goes into a Matroska file.
_MP4_SOUND = {"aac", "ac3", "alac", "eac3", "mp3", "opus"}
_CLOCK = 90_000  # ticks a second, so that frames keep their times whatever the frame rate
_COMMENT = "fakelocator-zoo"


def suffix_for(clip: Path) -> str:
    """``.mp4``, or ``.mkv`` where the sound of ``clip`` fits no MP4.

    Raises:
        ValueError, ImportError: as :func:`~fakelocator_zoo.data.frames.opened_video`.
    """
    with opened_video(clip) as container:
        return ".mp4" if all(_codec(stream) in _MP4_SOUND for stream in container.streams.audio) else ".mkv"


def is_written_video(path: Path) -> bool:
    """Whether :func:`video_writer` wrote the file."""
    try:
        with opened_video(path) as container:
            return bool({key.lower(): text for key, text in container.metadata.items()}.get("comment") == _COMMENT)
    except (ValueError, OSError):
        return False


@contextmanager
def video_writer(path: Path, clip: Path) -> Iterator[Callable[[float, np.ndarray], None]]:
    """A function that adds a picture (H, W, 3) uint8 RGB at a time in seconds; the file appears when all went well.

    The video is H.264; times are those of ``clip``, and its sound is copied as it is. Pictures of another size than
    the first are resized to it.

    Args:
        path: a name that ends in :func:`suffix_for`; a file of that name is replaced.
        clip: whose sound is copied, up to where it is damaged; sound that fits no Matroska file is left out.

    Raises:
        ImageError: where the file cannot be written.
        ImportError: where PyAV has no H.264 encoder.
    """
    import av

    if "libx264" not in av.codecs_available:
        raise ImportError("this PyAV has no H.264 encoder (libx264); pip install --force-reinstall av")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    container_format = "mp4" if path.suffix == ".mp4" else "matroska"
    try:
        with opened_video(clip) as source, _one_sentence(path), av.open(str(temporary), "w", container_format) as made:
            made.metadata["comment"] = _COMMENT
            writer = _Writer(made, source)
            yield writer.add
            writer.finish()
        with _one_sentence(path):
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class _Writer:
    def __init__(self, made: Any, source: Any) -> None:
        self.made, self.source = made, source
        self.stream: Any = None
        self.sounds: dict[int, Any] = {}
        self.ticks = -1
        self.packets = _sound(source)
        self.packet: Any = None

    def add(self, time: float, picture: np.ndarray) -> None:
        import av

        if self.stream is None:
            self._start(*picture.shape[:2])
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = frame.reformat(self.stream.width, self.stream.height, "yuv420p")
        self.ticks = max(self.ticks + 1, round(time * _CLOCK))
        frame.pts, frame.time_base = self.ticks, Fraction(1, _CLOCK)
        self._copy_sound(time)
        self.made.mux(self.stream.encode(frame))

    def finish(self) -> None:
        if self.stream is not None:
            self._copy_sound(float("inf"))
            self.made.mux(self.stream.encode())

    def _start(self, height: int, width: int) -> None:
        options = {"crf": "18", "preset": "veryfast"}
        rate = self.source.streams.video[0].average_rate or 25
        self.stream = self.made.add_stream("libx264", rate=rate, options=options)
        self.stream.codec_context.time_base = Fraction(1, _CLOCK)
        # Colours are stored for blocks of two by two pixels.
        self.stream.width, self.stream.height = max(2, width - width % 2), max(2, height - height % 2)
        self.stream.pix_fmt = "yuv420p"
        for stream in self.source.streams.audio:
            if _codec(stream) in self.made.supported_codecs:
                self.sounds[stream.index] = self.made.add_stream_from_template(stream)

    def _copy_sound(self, until: float) -> None:
        """Copy the packets that are heard before a time, so that sound and pictures lie side by side in the file."""
        start = start_seconds(self.source)
        if self.packet is None:
            self.packet = next(self.packets, None)
        while self.packet is not None and float(self.packet.dts * self.packet.time_base) - start <= until:
            stream = self.sounds.get(self.packet.stream.index)
            if stream is not None:
                shift = round(start / self.packet.time_base)
                self.packet.pts = (self.packet.dts if self.packet.pts is None else self.packet.pts) - shift
                self.packet.dts -= shift
                self.packet.stream = stream
                self.made.mux(self.packet)
            self.packet = next(self.packets, None)


def _sound(source: Any) -> Iterator[Any]:
    import av

    streams = source.streams.audio
    try:
        if streams:
            yield from (packet for packet in source.demux(streams) if packet.size and packet.dts is not None)
    except av.FFmpegError:  # damaged from here on, which the reader of the pictures tells
        return


def _codec(stream: Any) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "unknown"


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    import av

    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise ImageError(f"cannot write {path} ({error.strerror or error}); give another place") from error
