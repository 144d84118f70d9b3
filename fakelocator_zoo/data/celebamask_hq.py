"""CelebAMask-HQ: real photos, and the parts of their faces.

Convention: ``CelebA-HQ-img/N.jpg`` and ``CelebAMask-HQ-mask-anno/{0..14}/NNNNN_<part>.png``, 2000 photos a folder.
"""

from __future__ import annotations

import re
from pathlib import Path

from fakelocator_zoo.data.index import REAL, DataIndex, IndexedSample, Unmatched, lacking
from fakelocator_zoo.images.folders import IMAGE_SUFFIXES, files_by_name, walk_files

PHOTOS, PARTS_FOLDER = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
_PART_SUFFIXES = {
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear"),
    *("mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
}
_TO_CELEBA, _PEOPLE = "CelebA-HQ-to-CelebA-mapping.txt", "identity_CelebA.txt"


def is_celebamask_hq(root: Path) -> bool:
    """Whether the folder is a CelebAMask-HQ."""
    return (root / PHOTOS).is_dir()


def index_celebamask_hq(root: str | Path) -> DataIndex:
    """Index the photos, which are all real; files of parts that are unknown or have no photo are unmatched.

    Identities come from CelebA's two lists (the mapping of the download, and identity_CelebA.txt) where ``root`` holds
    both; otherwise each photo is an identity.
    """
    root = Path(root)
    photos, rest = files_by_name(root / PHOTOS)
    unmatched = [Unmatched(path, "no photo, or a second of its name") for path in rest]
    with_parts: set[str] = set()
    for path in walk_files(root / PARTS_FOLDER):
        number, _, part = path.stem.partition("_")
        if path.suffix.lower() not in IMAGE_SUFFIXES or part not in _PART_SUFFIXES or not number.isdigit():
            unmatched.append(Unmatched(path, "not named <number>_<part>.png"))
        elif str(int(number)) not in photos:
            unmatched.append(Unmatched(path, f"no photo {int(number)}"))
        else:
            with_parts.add(str(int(number)))
    notes = lacking("photos with parts", sorted(photos.keys() - with_parts), len(photos))
    people = _read_people(root)
    if not people:
        notes.append(f"{_TO_CELEBA} or {_PEOPLE} is not there: every photo counts as a person of its own")
    samples = [
        IndexedSample(REAL, path, identities=(people.get(name, f"photo {name}"),))
        for name, path in sorted(photos.items(), key=lambda item: (len(item[0]), item[0]))
    ]
    return DataIndex("celebamask-hq", root, samples, unmatched, notes)


def _read_people(root: Path) -> dict[str, str]:
    """Photo -> person, empty where one of the two lists is missing."""
    if not (root / _TO_CELEBA).is_file() or not (root / _PEOPLE).is_file():
        return {}
    person_of = dict(re.findall(r"^(\S+\.jpg)\s+(\d+)", (root / _PEOPLE).read_text(encoding="utf-8"), re.M))
    # idx, orig_idx, orig_file
    rows = re.findall(r"^\s*(\d+)\s+\d+\s+(\S+\.jpg)", (root / _TO_CELEBA).read_text(encoding="utf-8"), re.M)
    return {photo: f"person {person_of[file]}" for photo, file in rows if file in person_of}
