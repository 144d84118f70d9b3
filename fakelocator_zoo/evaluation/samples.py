"""Folders of real and fake images as samples that are read one at a time."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from fakelocator_zoo.data.pairs import match_pairs
from fakelocator_zoo.images import ImageError, list_images, read_image, read_mask
from fakelocator_zoo.images.folders import IMAGE_SUFFIXES
from fakelocator_zoo.images.reader import check_same_size
from fakelocator_zoo.transforms.degradations import Degradation
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from fakelocator_zoo.transforms.regions import off_centre_mask

T = TypeVar("T")

#: The name of the one generator where fakes stand in no folder of their own.
ONE_GENERATOR = "fake"


@dataclass(frozen=True, eq=False)
class Sample:
    """One fake and its truth; H x W is the size before any degradation, at which maps are scored."""

    name: str  #: below its folder, without suffix
    real: np.ndarray | None  #: (h, w, 3) uint8, degraded like the fake; None where the fake has no partner
    fake: np.ndarray  #: (h, w, 3) uint8, as a predictor sees it: degraded, smaller than the truth if downscaled
    true_map: np.ndarray  #: (H, W) float32 in [0, 1], |real - fake| before degradation; ones for a whole fake
    mask: np.ndarray | None  #: (H, W) float32 in [0, 1], how far the fake was blended in; None where none is given

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.true_map.shape[0], self.true_map.shape[1]

    def painted(self, threshold: float) -> np.ndarray:
        """Which pixels count as painted, (H, W) bool: mask > 0.5, and without a mask true map >= ``threshold``."""
        return self.true_map >= threshold if self.mask is None else self.mask > 0.5


@dataclass(frozen=True)
class SampleFiles:
    """The files of one sample."""

    name: str
    fake: Path
    real: Path | None = None
    mask: Path | None = None
    off_centre: int | None = None  #: seed of a generated mask in place of a file; the sample's name enters it

    def read(self, degrade: Degradation | None = None) -> Sample:
        """Read and degrade; with a mask the fake is real + mask * (fake - real), rounded to 8 bits.

        Raises:
            ImageError: where a file cannot be read, sizes differ, or a generated mask lies where nothing was painted.
        """
        fake = read_image(self.fake)
        real = None if self.real is None else read_image(self.real)
        if real is not None:
            check_same_size(real, self.real, fake, self.fake)
        mask = None
        if self.mask is not None:
            mask = read_mask(self.mask).astype(np.float64)
            check_same_size(mask, self.mask, fake, self.fake)
        elif self.off_centre is not None:
            seed = zlib.crc32(f"{self.off_centre}/{self.name}".encode())
            mask = off_centre_mask(fake.shape[0], fake.shape[1], seed).numpy().astype(np.float64)
        if real is not None and mask is not None:
            blended = real + mask[..., None] * (fake.astype(np.float64) - real)
            fake = blended.round().clip(0, 255).astype(np.uint8)
            if self.off_centre is not None and np.array_equal(fake, real):
                raise ImageError(
                    f"{self.fake} is as real as {self.real} where its mask was moved to; moved masks need fakes that "
                    "were painted as a whole"
                )
        true_map = np.ones(fake.shape[:2], np.float32) if real is None else fakeness_map(real, fake)
        if degrade is not None:
            fake = degrade(fake)
            real = None if real is None else degrade(real)
        return Sample(self.name, real, fake, true_map, None if mask is None else mask.astype(np.float32))


class Samples(Sequence[Sample]):
    """The fakes of one generator; an index reads the files, each time anew."""

    def __init__(self, files: Sequence[SampleFiles], degrade: Degradation | None = None) -> None:
        self.files, self.degrade = tuple(files), degrade

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        return self.files[index].read(self.degrade)


class Photos(Sequence[np.ndarray]):
    """Real photos (h, w, 3) uint8; an index reads the file, each time anew."""

    def __init__(self, files: Mapping[str, Path], degrade: Degradation | None = None) -> None:
        self.names, self.paths, self.degrade = tuple(files), tuple(files.values()), degrade

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]
        photo = read_image(self.paths[index])
        return photo if self.degrade is None else self.degrade(photo)


@dataclass(frozen=True)
class EvaluationSet:
    """Real photos, each once, and the fakes of each generator; either may be empty.

    In a paired set a fake has the name of its photo, in another one all names differ.
    """

    photos: Photos
    generators: Mapping[str, Samples]
    paired: bool
    unmatched: tuple[Path, ...] = ()  #: images without a partner, which are left out

    def __len__(self) -> int:
        """Photos and fakes together."""
        return len(self.photos) + sum(len(samples) for samples in self.generators.values())


def read_pairs(
    folder: str | Path,
    *,
    masks: str | Path | None = None,
    off_centre: int | None = None,
    limit: int | None = None,
    degrade: Degradation | None = None,
) -> EvaluationSet:
    """Pairs matched by name: ``real/`` beside ``fake/<generator>/``, or ``fake/`` with the images of one generator.

    Args:
        folder: holds ``real`` and ``fake``, and ``mask`` where fakes are to be blended in.
        masks: folder of grey masks of the same names, 255 = fake; None takes ``folder/mask`` if it is there.
            With masks a fake is real + mask * (fake - real).
        off_centre: seed of masks that are generated away from the centre, in place of those on disk: position then
            says nothing of what was painted. The fakes must be painted as a whole.
        limit: pairs of each generator, spread evenly over the names; None takes all.
        degrade: applied to real and fake alike, after blending; see :mod:`fakelocator_zoo.transforms.degradations`.

    Raises:
        FileNotFoundError: where a folder is missing or holds no image.
        ValueError: where nothing matches, one folder has two images of one name, ``limit`` is below 1, or both
            ``masks`` and ``off_centre`` are given.
    """
    folder = Path(folder)
    if masks is not None and off_centre is not None:
        raise ValueError("masks are either read or generated; give masks or off_centre")
    if masks is None and off_centre is None and (folder / "mask").is_dir():
        masks = folder / "mask"
    unmatched: dict[Path, None] = {}
    by_name = _masks_by_name(folder / "real", masks, unmatched)
    photos: dict[str, Path] = {}
    generators: dict[str, Samples] = {}
    for generator, fakes in _generator_folders(folder / "fake").items():
        pairs, alone = match_pairs(folder / "real", fakes)
        unmatched.update(dict.fromkeys(alone))
        files = []
        for pair in pairs:
            name = _name(pair.real, folder / "real")
            if by_name is None or name in by_name:
                mask = None if by_name is None else by_name[name]
                files.append(SampleFiles(name, pair.fake, pair.real, mask, off_centre))
            else:
                unmatched.update(dict.fromkeys(pair))
        files = _spread(files, limit)
        generators[generator] = Samples(files, degrade)
        photos.update({each.name: each.real for each in files if each.real is not None})
    if not photos:
        raise ValueError(f"no pair of {folder} has a mask of its name in {masks}; a mask is matched by name")
    return EvaluationSet(
        Photos(dict(sorted(photos.items())), degrade), generators, paired=True, unmatched=tuple(unmatched)
    )


def read_whole(folder: str | Path, *, limit: int | None = None, degrade: Degradation | None = None) -> EvaluationSet:
    """Unpaired images: photos anywhere below ``real/``, whole fakes below ``fake/<generator>/`` or in ``fake/``.

    Every pixel of a whole fake is fake, so its true map is one everywhere. One of the two folders may be missing.

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
    photos = _spread(list_images([real]), limit) if real.is_dir() else []
    generators = {
        generator: Samples(
            [SampleFiles(f"{generator}/{_name(path, fakes)}", path) for path in _spread(list_images([fakes]), limit)],
            degrade,
        )
        for generator, fakes in (_generator_folders(fake) if fake.is_dir() else {}).items()
    }
    return EvaluationSet(
        Photos({f"real/{_name(path, real)}": path for path in photos}, degrade), generators, paired=False
    )


def read_photos(
    folders: Sequence[str | Path], *, limit: int | None = None, degrade: Degradation | None = None
) -> Photos:
    """Real photos anywhere below the folders, each once, named by their path from the folder above all of these.

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
        for path in _spread(list_images([folder]), limit)
    }
    above = Path(os.path.commonpath([Path(folder).resolve().parent for folder in folders]))
    return Photos({path.relative_to(above).as_posix(): path for path in found}, degrade)


def read_edits(folder: str | Path, *, limit: int | None = None, degrade: Degradation | None = None) -> EvaluationSet:
    """Edits of photos, several of each: ``fake/<person>_<edit>`` of ``real/<person>``; an edit stands as a generator.

    Args:
        limit: photos of each edit, spread evenly over the names; None takes all.
        degrade: applied to real and fake alike.

    Raises:
        FileNotFoundError: where a folder is missing or holds no image, or an edit has no photo.
        ValueError: where ``limit`` is below 1.
    """
    folder = Path(folder)
    photos = {path.stem: path for path in list_images([folder / "real"])}
    edits: dict[str, list[SampleFiles]] = {}
    for path in list_images([folder / "fake"]):
        person, _, edit = path.stem.partition("_")
        if person not in photos:
            raise FileNotFoundError(f"{path} is an edit of {person}, whose photo is not in {folder / 'real'}")
        edits.setdefault(edit, []).append(SampleFiles(person, path, photos[person]))
    generators = {edit: Samples(_spread(files, limit), degrade) for edit, files in sorted(edits.items())}
    used = sorted({each.name for samples in generators.values() for each in samples.files})
    return EvaluationSet(Photos({name: photos[name] for name in used}, degrade), generators, paired=True)


def _generator_folders(fake: Path) -> dict[str, Path]:
    if not fake.is_dir():
        raise FileNotFoundError(f"{fake} does not exist; put the fakes there, in a folder for each generator")
    inside = sorted(path for path in fake.iterdir() if not path.name.startswith("."))
    folders = {path.name: path for path in inside if path.is_dir()}
    images = [path for path in inside if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if images and folders:
        raise ValueError(
            f"{fake} holds both images and folders; put the images of each generator into a folder of their own"
        )
    return folders or {ONE_GENERATOR: fake}


def _masks_by_name(real: Path, masks: str | Path | None, unmatched: dict[Path, None]) -> dict[str, Path] | None:
    if masks is None:
        return None
    pairs, alone = match_pairs(real, masks)
    unmatched.update(dict.fromkeys(alone))
    return {_name(pair.real, real): pair.fake for pair in pairs}


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _spread(items: Sequence[T], limit: int | None) -> list[T]:
    """At most ``limit`` items, evenly spread, the first and the last among them."""
    if limit is None:
        return list(items)
    if limit < 1:
        raise ValueError(f"the limit must be at least 1, got {limit}")
    return [items[i] for i in np.linspace(0, len(items) - 1, min(limit, len(items))).round().astype(int)]
