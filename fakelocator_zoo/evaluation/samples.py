"""Folders of real photos and labelled fakes, read one image at a time."""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from fakelocator_zoo.data.index import Unmatched
from fakelocator_zoo.data.pair_folders import index_pairs
from fakelocator_zoo.images import ImageError, check_same_size, list_images, read_image, read_mask
from fakelocator_zoo.images.folders import IMAGE_SUFFIXES, files_by_name
from fakelocator_zoo.transforms.degradations import Degradation
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from fakelocator_zoo.transforms.regions import off_centre_mask

T = TypeVar("T")

#: The generator's name where the fakes are directly in ``fake/``.
ONE_GENERATOR = "fake"


@dataclass(frozen=True, eq=False)
class LabelledFake:
    """A fake and its true map; H x W is the size before degradation, at which maps are scored."""

    name: str  #: path below its folder, without suffix
    real: np.ndarray | None  #: (h, w, 3) uint8, degraded like the fake; None without a partner
    fake: np.ndarray  #: (h, w, 3) uint8, degraded; after downscaling smaller than the true map
    true_map: np.ndarray  #: (H, W) float32 in [0, 1], |real - fake| before degradation; ones for a whole fake
    mask: np.ndarray | None  #: (H, W) float32 in [0, 1], the blending weight of the fake, or None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.true_map.shape[0], self.true_map.shape[1]

    def fake_pixels(self, threshold: float) -> np.ndarray:
        """(H, W) bool: mask > 0.5, or without a mask true map >= ``threshold``."""
        return self.true_map >= threshold if self.mask is None else self.mask > 0.5


@dataclass(frozen=True)
class FakeFiles:
    """The files of one fake."""

    name: str
    fake: Path
    real: Path | None = None
    mask: Path | None = None
    off_centre: int | None = None  #: seed of a generated mask, together with ``name``

    def read(self, degrade: Degradation | None = None) -> LabelledFake:
        """Read and degrade; with a mask the fake becomes real + mask * (fake - real), rounded to 8 bits.

        Raises:
            ImageError: where a file cannot be read, sizes differ, a mask is empty, or real and fake are equal inside a
                generated mask.
        """
        fake, real, mask = read_image(self.fake), None, None
        if self.real is not None:
            real = read_photo(self.real)
            check_same_size(real, self.real, fake, self.fake)
        if self.mask is not None:
            mask = read_mask(self.mask)
            check_same_size(mask, self.mask, fake, self.fake)
        elif self.off_centre is not None:
            seed = zlib.crc32(f"{self.off_centre}/{self.name}".encode())
            mask = off_centre_mask(fake.shape[0], fake.shape[1], seed).numpy()
        if real is not None and mask is not None:
            fake = (real + mask[..., None].astype(np.float64) * (fake.astype(np.float64) - real)).round()
            fake = fake.clip(0, 255).astype(np.uint8)
            if self.off_centre is not None and np.array_equal(fake, real):
                raise ImageError(
                    f"{self.fake} equals {self.real} inside its generated mask; generated masks need fakes that "
                    "differ from their photo everywhere"
                )
        true_map = np.ones(fake.shape[:2], np.float32) if real is None else fakeness_map(real, fake)
        if degrade is not None:
            fake, real = degrade(fake), None if real is None else degrade(real)
        return LabelledFake(self.name, real, fake, true_map, mask)


class Fakes(Sequence[LabelledFake]):
    """The fakes of one generator; an index reads the files."""

    def __init__(self, files: Sequence[FakeFiles], degrade: Degradation | None = None) -> None:
        self.files, self.degrade = tuple(files), degrade

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> LabelledFake:  # type: ignore[override]
        return self.files[index].read(self.degrade)


class Photos(Sequence[np.ndarray]):
    """Real photos (h, w, 3) uint8 by name; an index reads the file."""

    def __init__(self, files: Mapping[str, Path], degrade: Degradation | None = None) -> None:
        self.names, self.paths, self.degrade = tuple(files), tuple(files.values()), degrade

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]
        photo = read_photo(self.paths[index])
        return photo if self.degrade is None else self.degrade(photo)


@dataclass(frozen=True)
class EvaluationSet:
    """Real photos and the fakes of each generator; either may be empty. In a paired set a fake has its photo's name."""

    photos: Photos
    generators: Mapping[str, Fakes]
    paired: bool
    unmatched: tuple[Unmatched, ...] = ()  #: files without a partner, which are left out

    def __len__(self) -> int:
        """Photos and fakes together."""
        return len(self.photos) + sum(len(fakes) for fakes in self.generators.values())


def read_paired(
    folder: str | Path,
    *,
    masks: str | Path | None = None,
    off_centre: int | None = None,
    limit: int | None = None,
    degrade: Degradation | None = None,
) -> EvaluationSet:
    """Pairs of equal names in ``real/`` and ``fake/<generator>/``, or in ``real/`` and ``fake/``.

    Args:
        folder: holds ``real`` and ``fake``, and perhaps ``mask``.
        masks: folder of masks of the same names, by which fakes are blended in; None takes ``folder/mask``, if any.
        off_centre: seed of masks generated away from the centre, in place of those on disk, so that position is no
            evidence. The fakes must differ from their photos everywhere.
        limit: pairs of each generator, spread evenly over the names; None takes all.
        degrade: applied to real and fake after blending.

    Raises:
        FileNotFoundError: where a folder is missing.
        ValueError: where nothing matches, ``limit`` is below 1, or both ``masks`` and ``off_centre`` are given.
    """
    folder = Path(folder)
    if masks is not None and off_centre is not None:
        raise ValueError("masks are either read or generated; give masks or off_centre")
    for side in (folder / "real", folder / "fake"):
        if not side.is_dir():
            raise FileNotFoundError(f"{side} does not exist; give a folder with real/ and fake/")
    masked = off_centre is None and (masks is not None or any((folder / each).is_dir() for each in ("mask", "masks")))
    mask_of = {} if masks is None else files_by_name(Path(masks))[0]
    index = index_pairs(folder)
    unmatched = list(index.unmatched)
    files: dict[str, list[FakeFiles]] = {}
    for sample in index.samples:
        if sample.fake is None or sample.real is None or sample.split is not None:
            continue
        name = _name(sample.real, folder / "real")
        mask = None if not masked else sample.mask if masks is None else mask_of.get(name)
        if masked and mask is None:
            unmatched += [Unmatched(path, "no mask of its name") for path in (sample.real, sample.fake)]
        else:
            files.setdefault(sample.method, []).append(FakeFiles(name, sample.fake, sample.real, mask, off_centre))
    if not files:
        what = "a mask of its name" if masked else "the name of an image in real/"
        raise ValueError(f"no fake of {folder} has {what}; pairs and masks are matched by name")
    generators = {
        generator: Fakes(spread(sorted(each, key=lambda fake: fake.name), limit), degrade)
        for generator, each in files.items()
    }
    photos = photos_of(generators.values(), degrade)
    return EvaluationSet(photos, generators, paired=True, unmatched=tuple(dict.fromkeys(unmatched)))


def read_whole(folder: str | Path, *, limit: int | None = None, degrade: Degradation | None = None) -> EvaluationSet:
    """Unpaired images: photos below ``real/``, whole fakes below ``fake/<generator>/`` or in ``fake/``.

    The true map of a whole fake is 1 everywhere. One of the two folders may be missing.

    Args:
        limit: photos, and fakes of each generator, spread evenly over the names; None takes all.
        degrade: applied to every image.

    Raises:
        FileNotFoundError: where both folders are missing, or one holds no image.
        ValueError: where ``limit`` is below 1.
    """
    folder = Path(folder)
    real, fake = folder / "real", folder / "fake"
    if not real.is_dir() and not fake.is_dir():
        raise FileNotFoundError(f"{folder} holds neither real/ nor fake/; give a folder with photos in one of them")
    photos = spread(list_images([real]), limit) if real.is_dir() else []
    generators = {
        generator: Fakes(
            [FakeFiles(f"{generator}/{_name(path, fakes)}", path) for path in spread(list_images([fakes]), limit)],
            degrade,
        )
        for generator, fakes in (_generator_folders(fake) if fake.is_dir() else {}).items()
    }
    named = {f"real/{_name(path, real)}": path for path in photos}
    return EvaluationSet(Photos(named, degrade), generators, paired=False)


def read_photos(
    folders: Sequence[str | Path], *, limit: int | None = None, degrade: Degradation | None = None
) -> Photos:
    """Real photos below the folders, each once, named by their path from the common parent of the folders.

    Args:
        limit: photos of each folder, spread evenly over the names; None takes all.
        degrade: applied to every photo.

    Raises:
        FileNotFoundError: where a folder is missing or holds no image.
        ValueError: where no folder is given, or ``limit`` is below 1.
    """
    if not folders:
        raise ValueError("no folder of photos given")
    found = {
        Path(folder).resolve() / path.relative_to(folder): None
        for folder in folders
        for path in spread(list_images([folder]), limit)
    }
    above = Path(os.path.commonpath([Path(folder).resolve().parent for folder in folders]))
    return Photos({path.relative_to(above).as_posix(): path for path in found}, degrade)


@functools.lru_cache(maxsize=2)
def read_photo(path: Path) -> np.ndarray:
    """:func:`read_image`, read-only; the last photos are kept, since the fakes of several generators share one."""
    photo = read_image(path)
    photo.setflags(write=False)
    return photo


def photos_of(generators: Iterable[Fakes], degrade: Degradation | None) -> Photos:
    """The photos that fakes were made of, each once."""
    files = {each.name: each.real for fakes in generators for each in fakes.files if each.real is not None}
    return Photos(dict(sorted(files.items())), degrade)


def _generator_folders(fake: Path) -> dict[str, Path]:
    inside = sorted(path for path in fake.iterdir() if not path.name.startswith("."))
    folders = {path.name: path for path in inside if path.is_dir()}
    if folders and any(path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() for path in inside):
        raise ValueError(
            f"{fake} holds both images and folders; put the images of each generator into a folder of their own"
        )
    return folders or {ONE_GENERATOR: fake}


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def spread(items: Sequence[T], limit: int | None) -> list[T]:
    """At most ``limit`` items, evenly spread from the first to the last.

    Raises:
        ValueError: for a limit below 1.
    """
    if limit is None:
        return list(items)
    if limit < 1:
        raise ValueError(f"the limit must be at least 1, got {limit}")
    return [items[i] for i in np.linspace(0, len(items) - 1, min(limit, len(items))).round().astype(int)]
