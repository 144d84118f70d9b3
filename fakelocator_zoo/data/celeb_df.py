"""Celeb-DF v2 (and v1): ``Celeb-real/``, ``YouTube-real/``, ``Celeb-synthesis/``, as videos or extracted frames.

Fake ``id0_id1_0003`` was made from the real ``id0_0003`` with the face of id1. There are no masks.
"""

from __future__ import annotations

import re
from pathlib import Path

from fakelocator_zoo.data.clips import Clips, read_clips
from fakelocator_zoo.data.index import REAL, DataIndex, IndexedSample, Unmatched, lacking
from fakelocator_zoo.images.folders import subfolders

TEST_LIST = "List_of_testing_videos.txt"
_METHOD = "Celeb-synthesis"
_FOLDERS = ("Celeb-real", "YouTube-real", _METHOD)
_NAMES = {"Celeb-real": r"(id\d+)_\d+", "YouTube-real": r"(\d+)", _METHOD: r"(id\d+)_(id\d+)_(\d+)"}


def is_celeb_df(root: Path) -> bool:
    """Whether the folder is a Celeb-DF, whole or in part."""
    return bool(_folders(root).keys() & {"Celeb-real", _METHOD})


def index_celeb_df(root: str | Path) -> DataIndex:
    """Index a Celeb-DF, whole or in part.

    The official list names the test videos only. A video belongs to ``train`` if nobody in it is in a test video;
    other videos of those people belong to no split.

    Raises:
        ValueError: for a line of the list that is not ``<1 or 0> <folder>/<video>.mp4``.
    """
    root = Path(root)
    folders = _folders(root)
    clips = {name: read_clips(folders[name]) if name in folders else Clips({}, False, [], []) for name in _FOLDERS}
    notes = [f"{name}: none there" for name in _FOLDERS if not clips[name].by_name]
    unmatched: list[Unmatched] = []
    for found in clips.values():
        unmatched += found.unmatched
        notes += found.notes
    aligned = not any(found.cropped for found in clips.values())
    placed: list[tuple[str, IndexedSample]] = []
    for folder, found in clips.items():
        for name, path in found.by_name.items():
            parts = re.fullmatch(_NAMES[folder], name)
            if parts is None:
                unmatched.append(Unmatched(path, f"not named as a video of {folder}"))
                continue
            if folder != _METHOD:
                identity = parts[1] if folder == "Celeb-real" else f"youtube {parts[1]}"
                placed.append((f"{folder}/{name}", IndexedSample(REAL, real=path, identities=(identity,))))
                continue
            partner = f"{parts[1]}_{parts[3]}"
            real = clips["Celeb-real"].by_name.get(partner) if aligned else None
            if aligned and real is None:
                unmatched.append(Unmatched(path, f"its real video {partner} is not there"))
            placed.append((f"{folder}/{name}", IndexedSample(_METHOD, real, path, identities=(parts[1], parts[2]))))
    unknown = sum(not sample.usable for _, sample in placed)
    if unknown:
        notes.append(
            f"{_METHOD}: {unknown} fakes have no real video to compare with and are not used; there are no masks"
        )

    list_file = root / TEST_LIST
    if not list_file.is_file():
        notes.append(f"{TEST_LIST} is not there: no video is in an official split")
        return DataIndex("celeb-df", root, [sample for _, sample in placed], unmatched, notes)
    listed = _read_test_list(list_file)
    here = {name for name, _ in placed}
    notes += lacking("test videos", [name for name in listed if name not in here], len(listed))
    tested = {person for name, sample in placed if name in listed for person in sample.identities}
    samples = []
    for name, sample in placed:
        split = "test" if name in listed else None if tested & set(sample.identities) else "train"
        samples.append(sample._replace(split=split))
    held = sum(sample.split is None for sample in samples)
    if held:
        notes.append(f"{held} videos show people of the test list: in no split, so that nobody is in two")
    return DataIndex("celeb-df", root, samples, unmatched, notes)


def _folders(root: Path) -> dict[str, Path]:
    # Some copies say Youtube-real.
    known = {name.lower(): name for name in _FOLDERS}
    return {known[name.lower()]: path for name, path in subfolders(root).items() if name.lower() in known}


def _read_test_list(path: Path) -> set[str]:
    """``folder/video`` of every line. In the file 1 means real; a label that contradicts its folder is an error."""
    names = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        found = re.fullmatch(r"([01])\s+([\w-]+)/(\S+)\.\w+\s*", line)
        folder = next((name for name in _FOLDERS if found and name.lower() == found[2].lower()), None)
        if found is None or folder is None:
            raise ValueError(f"{path}, line {number}: {line!r} is not such as '1 Celeb-real/id1_0007.mp4'")
        if (found[1] == "1") == (folder == _METHOD):
            raise ValueError(f"{path}, line {number}: {line!r} contradicts its folder; in this list 1 means real")
        names.add(f"{folder}/{found[3]}")
    return names
