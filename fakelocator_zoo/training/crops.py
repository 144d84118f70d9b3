"""Training items: a random crop each, real or fake, in the shares that a recipe asks for."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from fakelocator_zoo.data.index_crops import IndexCrops
from fakelocator_zoo.data.pairs import crop_alike
from fakelocator_zoo.data.photos import random_crop, reduced
from fakelocator_zoo.images import check_same_size, list_images, read_image
from fakelocator_zoo.training.recipe import PairSource, Recipe

#: Attention is kept at this stride of the crop; encoder stages that it is multiplied into are no finer.
ATTENTION_STRIDE = 4
#: |real - fake| above this is more than rounding: a grey level and a half.
PAINTED = 1.5 / 255
#: Larger photos are reduced to this side when they are read, for memory.
MAX_SIDE = 1024


class Kind(IntEnum):
    """What an item is."""

    REAL = 0
    BANK = 1  #: a real crop of which the bank makes a fake
    PAIR = 2  #: a crop of a real image and its fake, of which a random region is taken
    WHOLE = 3  #: a crop of an image that a generator made as a whole
    GIVEN = 4  #: a crop of a real image and its fake with the true mask


class TrainingItem(NamedTuple):
    """One crop of S x S pixels; what a kind does not need is zero."""

    real: Tensor  #: (3, S, S) in [0, 1]
    fake: Tensor  #: (3, S, S) in [0, 1]
    mask: Tensor  #: (1, S, S) in [0, 1], how much of a pixel a generator made
    kind: int  #: of :class:`Kind`
    attention: Tensor  #: (1, s, s) in [0, 1], s = S / 4; 1 everywhere without a face parser


class TrainingItems(NamedTuple):
    """A batch of :class:`TrainingItem`, each field with a first dimension more."""

    real: Tensor
    fake: Tensor
    mask: Tensor
    kind: Tensor
    attention: Tensor


class Source(NamedTuple):
    """Images of one origin in memory."""

    name: str
    weight: float  #: how often it is drawn, relative to the others of its kind
    images: list[np.ndarray]  #: (H, W, 3) uint8 RGB
    fakes: list[np.ndarray]  #: of the same sizes; empty for images without partners
    attention: list[np.ndarray]  #: (h, w) uint8 of each image, empty without a face parser


#: Maps images (H, W, 3) uint8 to attention (h, w) uint8, 255 is 1.
Attend = Callable[[np.ndarray], np.ndarray]


def match_source(data: Path, source: PairSource) -> list[tuple[Path, Path]]:
    """Real and fake file of each pair of a source.

    Raises:
        FileNotFoundError: where a folder is missing or empty.
        ValueError: where nothing matches.
    """
    reals = {path.stem.removesuffix(source.real_suffix): path for path in list_images([data / source.real])}
    pairs = []
    for fake in list_images([data / source.fake]):
        if not any(fnmatch.fnmatch(fake.stem, pattern) for pattern in source.pattern):
            continue
        if source.real_suffix:
            owner = max((name for name in reals if fake.stem.startswith(name)), key=len, default=None)
        else:
            owner = fake.stem if fake.stem in reals else None
        if owner is not None:
            pairs.append((reals[owner], fake))
    if not pairs:
        raise ValueError(f"no fake of {data / source.fake} has a real image in {data / source.real}")
    return pairs


def training_photos(data: Path, folder: str, held_out: Sequence[str]) -> list[Path]:
    """The photos of a folder, less those that a pattern of ``held_out`` (relative to ``data``) names.

    Raises:
        ValueError: where none is left.
    """
    paths = [p for p in list_images([data / folder]) if not matches(p.relative_to(data), held_out)]
    if not paths:
        raise ValueError(f"every photo of {data / folder} is held out for validation: nothing to train on")
    return paths


def read_photos(
    data: Path, folders: Mapping[str, float], held_out: Sequence[str], attend: Attend | None = None
) -> list[Source]:
    """The photos of each folder but those that are held out, see :func:`training_photos`."""
    sources = []
    for folder, weight in folders.items():
        images = [reduced(read_image(path), MAX_SIDE) for path in training_photos(data, folder, held_out)]
        sources.append(Source(folder, weight, images, [], [attend(i) for i in images] if attend else []))
    return sources


def read_pairs(
    data: Path, pairs: Mapping[str, PairSource], held_out: Sequence[str], attend: Attend | None = None
) -> list[Source]:
    """The pairs of each generator that is not held out, by file names.

    Raises:
        ValueError: where the images of a pair have different sizes.
    """
    sources = []
    for name, source in pairs.items():
        if name in held_out:
            continue
        images, fakes = [], []
        for real, fake in match_source(data, source):
            images.append(read_image(real))
            fakes.append(read_image(fake))
            check_same_size(images[-1], real, fakes[-1], fake)
        sources.append(Source(name, source.weight, images, fakes, [attend(i) for i in images] if attend else []))
    return sources


class Steps(Sampler[list[int]]):
    """The item indices of each batch of ``count`` optimiser steps, from step ``first`` on.

    Of several processes each takes its share of every batch: pairs of a real item (even index) and a fake one, in turn.

    Args:
        batch_size: items of a batch, of all processes together.
        rank: of this process, from 0.
        world_size: how many processes there are.

    Raises:
        ValueError: where a batch cannot be shared equally.

    >>> list(Steps(0, 2, 4, rank=1, world_size=2))
    [[2, 3], [6, 7]]
    """

    def __init__(self, first: int, count: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        if batch_size % (2 * world_size):
            raise ValueError(
                f"a batch of {batch_size} cannot be shared by {world_size} processes, half real and half fake each; "
                f"give a multiple of {2 * world_size} as optimisation.batch_size"
            )
        self.first, self.count, self.batch_size = first, count, batch_size
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.first, self.first + self.count):
            items = range(step * self.batch_size, (step + 1) * self.batch_size)
            yield [item for item in items if item // 2 % self.world_size == self.rank]


class TrainingCrops(Dataset[TrainingItem]):
    """Items of which those with even index are real and those with odd index fake.

    Args:
        recipe: shares of the kinds, crop size, seed.
        photos: of :func:`read_photos`; real items, and what the bank makes fakes from.
        pairs: of :func:`read_pairs`; their real images are real items as well.
        whole: of :func:`read_photos`: images that generators made.
        dataset: crops of a data set, whose masks are known.

    Item ``i`` depends on (seed, i) alone, whatever the workers, and there is no last item: a loader is given the
    indices that it wants.

    Raises:
        ValueError: where a share has nothing to draw from.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        photos: Sequence[Source] = (),
        pairs: Sequence[Source] = (),
        whole: Sequence[Source] = (),
        dataset: IndexCrops | None = None,
    ) -> None:
        self.size, self.seed = recipe.data.size, recipe.seed
        self.photos, self.pairs, self.whole, self.dataset = list(photos), list(pairs), list(whole), dataset
        fakes = recipe.fakes
        shares = {
            Kind.BANK: fakes.bank_share if photos else 0.0,
            Kind.PAIR: fakes.pairs_share if pairs else 0.0,
            Kind.WHOLE: fakes.whole_share if whole else 0.0,
        }
        if dataset is not None:
            shares = {Kind.GIVEN: 1.0}
        total = sum(shares.values())
        if not total:
            raise ValueError("no fakes to train on: give photos for the bank, pairs, or a data set")
        self.kinds, self.shares = list(shares), [share / total for share in shares.values()]
        # Real items: photos, and real images of pairs as often as their fakes come, so that no origin names the fake.
        pair_share = shares.get(Kind.PAIR, 0.0) / total
        from_photos, from_pairs = _normalised(self.photos), _normalised(self.pairs)
        reals = [(source, (1 - pair_share) * weight) for source, weight in from_photos]
        reals += [(source, (pair_share if photos else 1.0) * weight) for source, weight in from_pairs]
        self.pools = {
            Kind.REAL: reals,
            Kind.BANK: from_photos,
            Kind.PAIR: from_pairs,
            Kind.WHOLE: _normalised(self.whole),
        }

    def __getitem__(self, index: int) -> TrainingItem:
        rng = np.random.default_rng((self.seed, index))
        if self.dataset is not None:
            sample = self.dataset[index]
            kind = Kind.GIVEN if index % 2 else Kind.REAL
            return self._item(sample.real, sample.fake, (sample.fakeness_map > PAINTED).float(), kind)
        kind = self.kinds[rng.choice(len(self.kinds), p=self.shares)] if index % 2 else Kind.REAL
        source, place = _draw(self.pools[kind], rng)
        if source.fakes:
            return self._pair(source, place, rng, kind)
        attention = source.attention[place] if source.attention else None
        crop, attended = random_crop(source.images[place], self.size, rng, attention=attention)
        image = _tensor(crop)
        empty = torch.zeros_like(image)
        real, fake = (empty, image) if kind == Kind.WHOLE else (image, empty)
        mask = torch.full_like(image[:1], float(kind == Kind.WHOLE))
        return self._item(real, fake, mask, kind, attended)

    def _pair(self, source: Source, place: int, rng: np.random.Generator, kind: Kind) -> TrainingItem:
        images = [source.images[place], source.fakes[place]]
        if source.attention:
            images.append(_resize(source.attention[place], images[0].shape[:2]))
        real, fake, *attended = crop_alike(images, self.size, rng)
        crops = _tensor(np.ascontiguousarray(real)), _tensor(np.ascontiguousarray(fake))
        attention = _resize(np.ascontiguousarray(attended[0]), (self._side, self._side)) if attended else None
        return self._item(*crops, torch.zeros_like(crops[0][:1]), kind, attention)

    @property
    def _side(self) -> int:
        return self.size // ATTENTION_STRIDE

    def _item(
        self, real: Tensor, fake: Tensor, mask: Tensor, kind: Kind, attention: np.ndarray | None = None
    ) -> TrainingItem:
        attended = torch.ones(1, self._side, self._side)
        if attention is not None:
            attended = torch.from_numpy(_resize(attention, (self._side, self._side)))[None].float() / 255
        return TrainingItem(real, fake, mask, int(kind), attended)


def _normalised(sources: Sequence[Source]) -> list[tuple[Source, float]]:
    total = sum(source.weight for source in sources)
    return [(source, source.weight / total) for source in sources]


def _draw(pool: Sequence[tuple[Source, float]], rng: np.random.Generator) -> tuple[Source, int]:
    """A source by its weight, then one of its images."""
    weights = np.array([weight for _, weight in pool])
    source = pool[rng.choice(len(pool), p=weights / weights.sum())][0]
    return source, int(rng.integers(len(source.images)))


def matches(path: Path, patterns: Sequence[str]) -> bool:
    """Whether a path relative to the data folder is held out by a shell pattern; ``*`` goes into folders as well."""
    return any(fnmatch.fnmatch(path.as_posix(), pattern) for pattern in patterns)


def _tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).float().div_(255)


def _resize(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if values.shape == size:
        return values
    return np.asarray(Image.fromarray(values).resize(size[::-1], Image.Resampling.BILINEAR))
