"""Folders of pairs, matched by name, and of whole fakes.

Convention: ``real/NAME.png`` and ``fake/NAME.png`` or ``fake/<generator>/NAME.png``, with masks, white where fake, in
``mask/`` under either name; in the folder itself or in each of ``train/``, ``val/``, ``test/``. ``original/`` and
``altered/`` are other names for ``real/`` and ``fake/``.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from fakelocator_zoo.data.index import REAL, SPLITS, DataIndex, IndexedSample, Unmatched, lacking
from fakelocator_zoo.images.folders import files_by_name, subfolders

_SIDE_NAMES = (("real", "original"), ("fake", "altered"))


class _Sides(NamedTuple):
    split: str | None
    real: Path
    fake: Path
    mask: Path


def has_sides(root: Path) -> bool:
    """Whether there are folders of real and of fake images."""
    return bool(_sides(root))


def shares_names(root: Path) -> bool:
    """Whether some fake has the name of a real image."""
    return any(sample.real is not None and sample.fake is not None for sample in index_pairs(root).samples)


def index_pairs(root: str | Path) -> DataIndex:
    """Index folders of pairs; every file without a partner is unmatched."""
    root = Path(root)
    samples: list[IndexedSample] = []
    unmatched: list[Unmatched] = []
    notes: list[str] = []
    for sides in _sides(root):
        reals, other = files_by_name(sides.real)
        fakes, other_fakes = files_by_name(sides.fake)
        masks, other_masks = files_by_name(sides.mask)
        unmatched += [
            Unmatched(path, "no image, or a second of its name") for path in other + other_fakes + other_masks
        ]
        made_from: dict[str, list[str]] = {}
        used: set[str] = set()
        pairs: list[IndexedSample] = []
        for below, path in fakes.items():
            generator, _, name = below.partition("/")
            method = "fake" if below in reals or not name else generator
            name = name if method == generator else below
            mask = next((each for each in (below, name) if each in masks), None)
            used |= {mask} if mask else set()
            real = reals.get(name)
            if real is None:
                unmatched.append(Unmatched(path, f"no real image {name}"))
            else:
                made_from.setdefault(method, []).append(name)
            identities = (_identity(real or path, name, sides.split),)
            pairs.append(IndexedSample(method, real, path, masks.get(mask or ""), sides.split, identities))
        paired = {name for names in made_from.values() for name in names}
        unmatched += [Unmatched(reals[name], "no fake of this name") for name in reals if name not in paired]
        unmatched += [Unmatched(masks[name], "a mask, but no fake has its name") for name in masks if name not in used]
        for method, names in sorted(made_from.items()):
            notes += lacking(method, sorted(paired - set(names)), len(paired))
        samples += _reals(reals, sides.split) + pairs
    return DataIndex("pairs", root, samples, unmatched, notes)


def index_whole(root: str | Path) -> DataIndex:
    """Index ``real/`` and ``fake/`` whose images are not paired; the true map of a fake is 1 everywhere."""
    root = Path(root)
    samples: list[IndexedSample] = []
    unmatched: list[Unmatched] = []
    for sides in _sides(root):
        reals, other = files_by_name(sides.real)
        fakes, other_fakes = files_by_name(sides.fake)
        unmatched += [Unmatched(path, "no image, or a second of its name") for path in other + other_fakes]
        samples += _reals(reals, sides.split)
        for name, path in fakes.items():
            method = name.partition("/")[0] if "/" in name else "fake"
            identity = _identity(path, f"fake/{name}", sides.split)
            samples.append(IndexedSample(method, fake=path, split=sides.split, identities=(identity,), whole=True))
    counts = Counter("real" if sample.fake is None else "fake" for sample in samples)
    notes = [f"{side}: none there" for side in ("real", "fake") if not counts[side]]
    return DataIndex("whole", root, samples, unmatched, notes)


def _sides(root: Path) -> list[_Sides]:
    found = []
    for split, folder in [(None, root), *((SPLITS[n], path) for n, path in subfolders(root).items() if n in SPLITS)]:
        inside = subfolders(folder)
        real, fake = (next((inside[n] for n in names if n in inside), None) for names in _SIDE_NAMES)
        if real and fake:
            found.append(_Sides(split, real, fake, inside.get("masks", folder / "mask")))
    return found


def _reals(by_name: dict[str, Path], split: str | None) -> list[IndexedSample]:
    return [
        IndexedSample(REAL, path, split=split, identities=(_identity(path, name, split),))
        for name, path in by_name.items()
    ]


def _identity(path: Path, name: str, split: str | None) -> str:
    """The photo itself stands for the unknown person in it.

    Names often start anew in every split, so photos of two splits are the same if name and file size are equal.
    """
    return name if split is None else f"{name} of {path.stat().st_size} bytes"
