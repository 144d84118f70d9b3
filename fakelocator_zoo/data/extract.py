"""Frames extracted from the videos of a data set once: decoding videos for every crop is slow."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from fakelocator_zoo.data.frames import is_video, read_frames, shared_frames
from fakelocator_zoo.data.index import DataIndex


def extract_frames(
    index: DataIndex, out: str | Path, *, frames_per_video: int = 8, report: Callable[[str], None] = print
) -> list[str]:
    """Write evenly spaced whole frames as PNG into ``out``, laid out as the data set is: ``frames/NAME/010.png``.

    Real, fake and mask get frames of the same numbers. Lists of splits are copied. Videos whose frames exist are
    skipped, so a killed run goes on.

    Returns:
        A sentence for each sample or video that could not be read.

    Raises:
        ValueError: where the data set holds no videos, or ``out`` is its own folder.
    """
    out = Path(out)
    if out.resolve() == index.root.resolve():
        raise ValueError(f"{out} is the data set itself; give another folder for the frames")
    wanted: dict[Path, set[int]] = {}
    failures: list[str] = []
    for sample in index.samples:
        if not sample.usable or not any(map(is_video, sample.files)):
            continue
        try:
            numbers = shared_frames(sample.files, frames_per_video)
        except (ValueError, OSError) as error:
            failures.append(str(error))
            continue
        for path in filter(is_video, sample.files):
            wanted.setdefault(path, set()).update(numbers)
    if not wanted:
        raise ValueError(failures[0] if failures else f"{index.root} holds no videos to extract frames from")
    out.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.json", "splits/*.json", "*.txt"):
        for path in index.root.glob(pattern):
            target = out / path.relative_to(index.root)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
    for done, (path, numbers_of) in enumerate(wanted.items(), 1):
        try:
            _write_frames(path, sorted(numbers_of), out / _frames_folder(path.relative_to(index.root)))
        except (ValueError, OSError) as error:
            failures.append(str(error))
        if done % 100 == 0 or done == len(wanted):
            report(f"{done} of {len(wanted)} videos")
    return list(dict.fromkeys(failures))


def _frames_folder(video: Path) -> Path:
    """``a/videos/000.mp4`` or ``a/000.mp4`` -> ``a/frames/000``."""
    parent = video.parent.parent if video.parent.name == "videos" else video.parent
    return parent / "frames" / video.stem


def _write_frames(video: Path, numbers: list[int], folder: Path) -> None:
    """The frames of one video, in a folder that appears whole or not at all."""
    if folder.exists():
        return
    draft = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        for number, frame in zip(numbers, read_frames(video, numbers), strict=True):
            Image.fromarray(frame).save(draft / f"{number:03d}.png", compress_level=1)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
