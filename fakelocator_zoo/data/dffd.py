"""DFFD, the Diverse Fake Face Dataset: as it is downloaded, or as the loader of its baseline wants it.

Convention: ``<generator>/<train|validation|test>/``, with masks of the same names in a folder that has "mask" in its
name; or ``<train|eval|test>/{Real,Fake,Mask}/``. Masks are grey and white where fake. Whole fakes need none. Real and
fake are not paired.
"""

from __future__ import annotations

from pathlib import Path

from fakelocator_zoo.data.index import REAL, SPLITS, DataIndex, IndexedSample, Unmatched
from fakelocator_zoo.images.folders import IMAGE_SUFFIXES, subfolders, walk_files

REALS = ("ffhq", "celeba", "youtube")
WHOLE = ("pggan_v1", "pggan_v2", "stylegan_celeba", "stylegan_ffhq")
PARTIAL = ("faceapp", "stargan")
_BASELINE = {"real": REAL, "fake": "fake"}


def is_dffd(root: Path) -> bool:
    """Whether the folder is a DFFD of one of the two layouts, whole or in part."""
    folders = subfolders(root)
    if folders.keys() & {*WHOLE, *PARTIAL}:
        return True
    return any({"Real", "Fake", "Mask"} <= subfolders(path).keys() for name, path in folders.items() if name in SPLITS)


def index_dffd(root: str | Path) -> DataIndex:
    """Index a DFFD, whole or in part."""
    root = Path(root)
    unmatched: list[Unmatched] = []
    found: list[tuple[str, str, str, Path]] = []  # source, split, name below the split, file
    masks: dict[tuple[str, str, str], Path] = {}
    for path in walk_files(root):
        *folders, _ = path.relative_to(root).parts
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            unmatched += [Unmatched(path, "no image")] if folders else []  # readme.txt and the like
            continue
        parts = [_without_mask(folder) for folder in folders]
        split = next((SPLITS[part] for part in parts if part in SPLITS), None)
        named = [part for part in parts if part and part not in SPLITS]
        if split is None or not named:
            unmatched.append(Unmatched(path, "not in a folder <generator>/<train|validation|test>"))
            continue
        source, inside = named[0], named[1:]
        name = "/".join([*inside, path.stem])
        if any("mask" in folder.lower() for folder in folders):
            # The baseline's folder Mask stands beside Fake and belongs to it.
            masks[source, split, name] = path
        else:
            found.append((source, split, name, path))

    samples: list[IndexedSample] = []
    for source, split, name, path in found:
        method = _BASELINE.get(source, REAL if source in REALS else source)
        identity = (f"{source}/{split}/{name}",)  # photos of strangers: each is a person of its own
        if method == REAL:
            samples.append(IndexedSample(REAL, real=path, split=split, identities=identity))
        elif method in (*WHOLE, *PARTIAL, "fake"):
            mask = masks.pop((source, split, name), None)
            samples.append(
                IndexedSample(method, fake=path, mask=mask, split=split, identities=identity, whole=method in WHOLE)
            )
        else:
            unmatched.append(Unmatched(path, f"{source} is no part of DFFD"))
    unmatched += [Unmatched(path, "a mask, but there is no fake of this name") for path in masks.values()]
    return DataIndex("dffd", root, samples, unmatched, _notes(samples))


def _without_mask(folder: str) -> str:
    """``faceapp_masks`` -> ``faceapp``, ``mask`` -> nothing, ``Mask`` beside ``Fake`` -> ``fake``."""
    if folder == "Mask":
        return "fake"
    name = folder.lower()
    for word in ("_masks", "_mask", "masks", "mask"):
        name = name.removesuffix(word)
    return name


def _notes(samples: list[IndexedSample]) -> list[str]:
    methods = {sample.method for sample in samples}
    expected = () if "fake" in methods else (REAL, *PARTIAL, *WHOLE)
    notes = [f"{method}: none there" for method in expected if method not in methods]
    for method in sorted(methods):
        unknown = sum(sample.method == method and not sample.usable for sample in samples)
        if unknown:
            notes.append(f"{method}: {unknown} fakes have no mask and are not used")
    return notes
