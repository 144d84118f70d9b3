"""Frames by number: of a video, of a folder of extracted frames, or of an image, which has only frame 0."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fakelocator_zoo.images import read_image, read_mask
from fakelocator_zoo.images.folders import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from fakelocator_zoo.images.masks import mask_of_frame

_NUMBER = re.compile(r"(\d+)$")
#: A video that ends this much before its stated duration is cut off.
_MISSING_SECONDS = 1.0


def is_video(path: Path) -> bool:
    """Whether the name is that of a video file."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def frame_numbers(path: Path) -> list[int]:
    """The frames that a video, a folder of frames or an image has, ascending.

    Raises:
        ValueError: a damaged video, or a folder without numbered frames.
        ImportError: a video, and PyAV is not installed.
    """
    if path.is_dir():
        return sorted(_frame_files(path))
    return list(range(video_length(path))) if is_video(path) else [0]


def video_length(path: Path) -> int:
    """How many frames a video has; they are counted, not decoded.

    Raises:
        ValueError: a damaged video.
        ImportError: PyAV is not installed.
    """
    return len(_video_times(path).times)


def shared_frames(paths: Sequence[Path], count: int) -> list[int]:
    """``count`` evenly spaced numbers of frames that all the paths have; all of them where there are fewer.

    Raises:
        ValueError: where they have no frame in common, and as :func:`frame_numbers`.
    """
    shared = sorted(set.intersection(*(set(frame_numbers(path)) for path in paths)))
    if not shared:
        raise ValueError(f"{' and '.join(map(str, paths))} have no frame of the same number")
    return [shared[i] for i in evenly_spaced(len(shared), count)]


def evenly_spaced(total: int, count: int) -> list[int]:
    """The middles of ``count`` equal parts of range(total); all of it where ``count`` is larger.

    >>> evenly_spaced(100, 4)
    [12, 37, 62, 87]
    """
    if count >= total:
        return list(range(total))
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


def read_frames(path: Path, numbers: Sequence[int]) -> list[np.ndarray]:
    """Frames as uint8 RGB (H, W, 3), upright, in the order of ``numbers``; a video is decoded only as far as needed.

    Raises:
        ValueError: a damaged file, or a number that it does not have.
        ImportError: a video, and PyAV is not installed.
    """
    if is_video(path):
        decoded = _decode(path, numbers)
        return [decoded[number] for number in numbers]
    return [read_image(file) for file in _image_files(path, numbers)]


def read_masks(path: Path, numbers: Sequence[int]) -> list[np.ndarray]:
    """Masks as float32 (H, W) in [0, 1], with the conventions of :func:`~fakelocator_zoo.images.read_mask`.

    Raises:
        ValueError, ImportError: as :func:`read_frames`, and where nothing in a mask is fake.
    """
    if is_video(path):
        return [mask_of_frame(frame, str(path)) for frame in read_frames(path, numbers)]
    return [read_mask(file) for file in _image_files(path, numbers)]


def _image_files(path: Path, numbers: Sequence[int]) -> list[Path]:
    if not path.is_dir():
        return [path for _ in numbers]
    files = _frame_files(path)
    for number in numbers:
        if number not in files:
            raise ValueError(f"{path} has no frame {number}")
    return [files[number] for number in numbers]


def _frame_files(folder: Path) -> dict[int, Path]:
    found = {}
    for path in folder.iterdir():
        number = _NUMBER.search(path.stem)
        if number and path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            found[int(number[1])] = path
    if not found:
        raise ValueError(f"{folder} holds no frames such as 010.png")
    return found


class _VideoTimes(NamedTuple):
    times: list[int]  #: presentation time of each frame, ascending; its number where the file has no times
    key_times: list[int]  #: times of the key frames, at which decoding can start; empty without times


@contextmanager
def opened_video(path: Path) -> Iterator[Any]:
    """The PyAV container of a video that has pictures; an error of PyAV inside becomes one sentence.

    Raises:
        ValueError: where it cannot be read or decoded, or has no pictures.
        ImportError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError(f"videos need the extra: pip install 'fakelocator-zoo[video]' ({error})") from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError(f"{path} holds no pictures; give a video")
            if container.streams.video[0].codec_context is None:
                raise ValueError(f"{path} is of a codec that PyAV cannot decode; convert it to H.264")
            yield container
    except av.FFmpegError as error:
        raise ValueError(f"{path} is damaged or no video ({error.strerror}); copy or download it again") from None


class VideoFrame(NamedTuple):
    """One frame of a video."""

    number: int  #: from 0
    time: float  #: seconds from the start of the file
    image: np.ndarray  #: (H, W, 3) uint8 RGB, upright


def stream_frames(path: Path, every: int = 1) -> Iterator[VideoFrame]:
    """Every ``every``-th frame of a video, in order; each is decoded when it is asked for.

    Raises:
        ValueError: for ``every`` below 1, and for a file that is no video or has no frames. Where it is damaged or cut
            off, after the frames before that.
        ImportError: PyAV is not installed.
    """
    if every < 1:
        raise ValueError(f"every must be 1 or more, got {every}")
    number, ended = -1, 0.0
    with opened_video(path) as container:
        stream = container.streams.video[0]
        start, rate = start_seconds(container), float(stream.average_rate or 25)
        for number, frame in enumerate(container.decode(stream)):
            time = number / rate if frame.time is None else frame.time - start
            ended = max(ended, time + (float(frame.duration * frame.time_base) if frame.duration else 0.0))
            if number % every == 0:
                yield VideoFrame(number, time, _upright(frame))
        if number < 0:
            raise ValueError(f"{path} holds no frames; copy or download it again")
        if ended + _MISSING_SECONDS < (length := _seconds(stream)):
            raise ValueError(f"{path} is cut off after {ended:.1f} of {length:.1f} s; copy or download it again")


def start_seconds(container: Any) -> float:
    """The time at which a container starts, which is the zero of :attr:`VideoFrame.time`."""
    return (container.start_time or 0) / 1_000_000  # in microseconds


def _seconds(stream: Any) -> float:
    """The duration of a stream; 0 where the file does not state it."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    # Matroska tells the length of a stream in a tag, such as 00:01:12.480000000.
    hours, minutes, seconds = (
        [float(part) for part in re.findall(r"[\d.]+", stream.metadata.get("DURATION", ""))] + [0.0] * 3
    )[:3]
    return 3600 * hours + 60 * minutes + seconds


@lru_cache(maxsize=512)
def _video_times(path: Path) -> _VideoTimes:
    # Packets are read, not decoded: exact for any frame rate, where the count in the header may be wrong.
    with opened_video(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size and not packet.is_discard]
        if not packets:
            raise ValueError(f"{path} holds no frames; copy or download it again")
        if any(packet.pts is None for packet in packets):
            return _VideoTimes(list(range(len(packets))), [])
        return _VideoTimes(
            sorted(packet.pts for packet in packets), sorted(packet.pts for packet in packets if packet.is_keyframe)
        )


def _decode(path: Path, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    times, key_times = _video_times(path)
    for number in numbers:
        if not 0 <= number < len(times):
            raise ValueError(f"{path} has no frame {number}; it has {len(times)}")
    if key_times:
        found = _decode_from_key_frames(path, sorted(set(numbers)), times, key_times)
        if found is not None:
            return found
    return _decode_in_order(path, set(numbers))


def _decode_from_key_frames(
    path: Path, numbers: Sequence[int], times: Sequence[int], key_times: Sequence[int]
) -> dict[int, np.ndarray] | None:
    """The frames, or None where seeking misses them."""
    found: dict[int, np.ndarray] = {}
    with opened_video(path) as container:
        stream = container.streams.video[0]
        frames, position = None, None
        for number in numbers:
            start = key_times[max(0, bisect_right(key_times, times[number]) - 1)]
            if frames is None or position is None or start > position:
                container.seek(start, stream=stream)
                frames = container.decode(stream)
            for frame in frames:
                position = frame.pts
                if position is None or position >= times[number]:
                    break
            if position != times[number]:
                return None
            found[number] = _upright(frame)
    return found


def _upright(frame: Any) -> np.ndarray:
    """The pixels (H, W, 3) uint8, turned by the rotation in the metadata: phones store portraits as landscapes."""
    quarter_turns = round(frame.rotation / 90)  # counter-clockwise, as numpy counts
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns))


def _decode_in_order(path: Path, numbers: set[int]) -> dict[int, np.ndarray]:
    found: dict[int, np.ndarray] = {}
    with opened_video(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in numbers:
                found[number] = _upright(frame)
                if len(found) == len(numbers):
                    return found
    raise ValueError(f"{path} is cut off before frame {max(numbers)}; copy or download it again")
