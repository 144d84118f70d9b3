"""FaceForensics++ and DeepFakeDetection, which share folders: videos, or frames extracted from them.

Convention: ``original_sequences/{youtube,actors}/<compression>/videos/000.mp4`` and
``manipulated_sequences/<method>/<compression>/videos/000_003.mp4``: the face of 003 in the video 000. Masks, white
where fake, in ``manipulated_sequences/<method>/masks/``; the official splits in train.json, val.json and test.json.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from fakelocator_zoo.data.clips import Clips, read_clips
from fakelocator_zoo.data.index import REAL, DataIndex, IndexedSample, Unmatched, lacking
from fakelocator_zoo.images.folders import subfolders

#: The first that is there is used: most papers report c23.
COMPRESSIONS = ("c23", "raw", "c40")
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
_ACTORS_METHOD = "DeepFakeDetection"
_VIDEO_COUNT = 1000


#: Kind of video -> pattern of its name; of its groups, the name of the real video and the people.
_NAMES = {
    "youtube": (r"(\d{3})", r"\1", (r"\1",)),
    "youtube fake": (r"(\d{3})_(\d{3})", r"\1", (r"\1", r"\2")),
    "actors": (r"((\d{2})__.+)", r"\1", (r"actor \2",)),
    "actors fake": (r"(\d{2})_(\d{2})__(.+)__\w{8}", r"\1__\3", (r"actor \1", r"actor \2")),
}


def is_faceforensics(root: Path) -> bool:
    """Whether the folder is a FaceForensics++, whole or in part."""
    return (root / "original_sequences").is_dir() or (root / "manipulated_sequences").is_dir()


def index_faceforensics(root: str | Path, compression: str | None = None) -> DataIndex:
    """Index a FaceForensics++, whole or in part.

    Args:
        compression: ``c23``, ``raw`` or ``c40``; None takes the first of these that is there.

    Raises:
        ValueError: a compression that is not there, or a list of splits that is not one.
    """
    root = Path(root)
    sources = subfolders(root / "original_sequences") | subfolders(root / "manipulated_sequences")
    present = [level for level in COMPRESSIONS if any((folder / level).is_dir() for folder in sources.values())]
    if not present or (compression is not None and compression not in present):
        wanted = compression or " or ".join(COMPRESSIONS)
        found = f"it has {', '.join(present)}" if present else "expected such as original_sequences/youtube/c23/videos"
        raise ValueError(f"{root} holds nothing of compression {wanted}; {found}")
    level = compression or present[0]
    split_of, notes = _read_splits(root)
    if len(present) > 1:
        notes.append(f"compression {level} is used; {', '.join(present)} are there")

    samples: list[IndexedSample] = []
    unmatched: list[Unmatched] = []
    reals: dict[str, Clips] = {}
    for source in ("youtube", "actors"):
        reals[source] = clips = read_clips(root / "original_sequences" / source / level)
        unmatched += clips.unmatched
        notes += clips.notes
        for name, path in clips.by_name.items():
            parsed = _parse(source, name)
            if parsed is None:
                unmatched.append(Unmatched(path, f"not named as a video of {source}"))
            else:
                split = split_of.get(name)
                samples.append(IndexedSample(REAL, real=path, split=split, identities=parsed[1]))
    for method, folder in subfolders(root / "manipulated_sequences").items():
        source = "actors" if method == _ACTORS_METHOD else "youtube"
        fakes = _read_method(folder, level, f"{source} fake", reals[source], split_of)
        samples += fakes.samples
        unmatched += fakes.unmatched
        notes += fakes.notes
    return DataIndex("faceforensics", root, samples, unmatched, notes + _missing(samples, set(split_of)))


def _read_method(folder: Path, level: str, kind: str, reals: Clips, split_of: dict[str, str]) -> DataIndex:
    method = folder.name
    clips = read_clips(folder / level)
    unmatched, notes = list(clips.unmatched), list(clips.notes)
    masks = _read_masks(folder, level, clips)
    samples: list[IndexedSample] = []
    for name, path in clips.by_name.items():
        parsed = _parse(kind, name)
        if parsed is None:
            unmatched.append(Unmatched(path, f"not named as a fake of {method}"))
            continue
        real_name, people = parsed
        real = None
        if not clips.cropped and not reals.cropped:
            real = reals.by_name.get(real_name)
            if real is None:
                unmatched.append(Unmatched(path, f"its real video {real_name} is not there"))
        # Both people of a swap are in one official split; where a copy differs, identity_leaks reports it.
        split = next((split_of[person] for person in people if person in split_of), None)
        samples.append(IndexedSample(method, real, path, masks.pop(name, None), split, people))
    unmatched += [Unmatched(path, f"a mask, but {method} has no fake of this name") for path in masks.values()]
    unknown = sum(not sample.usable for sample in samples)
    if unknown:
        notes.append(f"{method}: {unknown} fakes have neither their real video nor a mask, and are not used")
    return DataIndex("faceforensics", folder, samples, unmatched, notes)


def _read_masks(folder: Path, level: str, clips: Clips) -> dict[str, Path]:
    """Masks by the name of the fake; those beside frames are cropped as the frames are."""
    beside = subfolders(folder / level / "masks")
    if clips.cropped:
        return beside
    whole = read_clips(folder / "masks").by_name
    cropped_too = (folder / level / "landmarks").is_dir()
    return whole if cropped_too else whole | {name: path for name, path in beside.items() if name in clips.by_name}


def _read_splits(root: Path) -> tuple[dict[str, str], list[str]]:
    """Video -> split by the official lists, and a note where a list is missing."""
    split_of: dict[str, str] = {}
    absent = []
    for split in ("train", "val", "test"):
        path = next((p for p in (root / f"{split}.json", root / "splits" / f"{split}.json") if p.is_file()), None)
        if path is None:
            absent.append(f"{split}.json")
            continue
        try:
            pairs = json.loads(path.read_text(encoding="utf-8"))
            names = [str(name) for first, second in pairs for name in (first, second)]
        except (ValueError, TypeError) as error:
            raise ValueError(f'{path} is no list of pairs such as [["953", "974"], ...] ({error})') from None
        for name in names:
            if split_of.setdefault(name, split) != split:
                raise ValueError(f"{path} lists video {name}, which {split_of[name]}.json lists too")
    notes = [f"{' and '.join(absent)} not there: the official lists, part of the download"] if absent else []
    return split_of, notes


def _missing(samples: list[IndexedSample], listed: set[str]) -> list[str]:
    """What a whole copy has in addition; by name where the official lists are there."""
    notes = []
    here: dict[str, set[str]] = {}
    for sample in samples:
        here.setdefault(sample.method, set()).add(sample.identities[0])
    reals = {name for name in here.get(REAL, set()) if len(name) == 3}
    total = len(listed) or _VIDEO_COUNT
    everything = {method: here.get(method, set()) for method in METHODS} | {REAL: reals}
    for method, targets in everything.items():
        if not targets:
            notes.append(f"{method}: none there")
        elif listed:
            notes += lacking(method, sorted(listed - targets), total)
        elif len(targets) < total:
            notes.append(f"{method}: {len(targets)} of {total} there")
    return notes


def _parse(kind: str, name: str) -> tuple[str, tuple[str, ...]] | None:
    """The real video and the people that the name of a video stands for."""
    pattern, real, people = _NAMES[kind]
    found = re.fullmatch(pattern, name)
    return None if found is None else (found.expand(real), tuple(map(found.expand, people)))
