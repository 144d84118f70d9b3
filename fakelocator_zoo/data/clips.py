"""The videos of one folder, as FaceForensics++ and Celeb-DF are stored: files, or frames extracted from them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fakelocator_zoo.data.index import Unmatched
from fakelocator_zoo.images.folders import VIDEO_SUFFIXES, subfolders


class Clips(NamedTuple):
    """Videos or folders of frames by name."""

    by_name: dict[str, Path]
    cropped: bool  #: to the face, in each video by itself, so that the pixels of a pair do not correspond
    unmatched: list[Unmatched]
    notes: list[str]


def read_clips(folder: Path) -> Clips:
    """``videos/NAME.mp4`` or NAME.mp4 itself, and ``frames/NAME/`` in its place where frames were extracted.

    DeepfakeBench crops the frames of each video to its face, and leaves ``landmarks/`` next to them. Such frames are
    used only where there are no videos.
    """
    inside = folder / "videos" if (folder / "videos").is_dir() else folder
    videos: dict[str, Path] = {}
    unmatched: list[Unmatched] = []
    for path in sorted(inside.iterdir()) if inside.is_dir() else []:
        if path.name.startswith(".") or path.is_dir():
            continue
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            unmatched.append(Unmatched(path, "no video"))
        elif path.stem in videos:
            unmatched.append(Unmatched(path, f"{videos[path.stem].name} has the same name"))
        else:
            videos[path.stem] = path
    frames = subfolders(folder / "frames")
    if not (frames and (folder / "landmarks").is_dir()):
        return Clips(videos | frames, False, unmatched, [])
    if videos:
        note = f"{folder / 'frames'} is cropped to faces, and videos are there: the videos are used"
        return Clips(videos, False, unmatched, [note])
    note = f"{folder / 'frames'} is cropped to faces in each video apart: not paired, masks alone tell what is fake"
    return Clips(frames, True, unmatched, [note])
