"""The index that every reader of a data set returns: samples, unmatched files, and notes on what is missing."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

#: The method of images that nobody manipulated.
REAL = "real"

#: How data sets call their splits -> how they are called here.
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "eval": "val",
    "test": "test",
    "testing": "test",
}


class IndexedSample(NamedTuple):
    """The files of a real image or a fake. A path is an image, a video, or a folder of numbered frames.

    The true map of a fake is |real - fake| where ``real`` is known (inside ``mask`` if there is one, since compression
    changes every pixel), otherwise the grey ``mask``, otherwise ones if the fake is ``whole``.
    """

    method: str  #: the manipulation, as the data set calls it; ``real`` where there is none
    real: Path | None = None  #: of a fake: what it was made from, the same pixel at the same place
    fake: Path | None = None
    mask: Path | None = None  #: white is fake
    split: str | None = None  #: train, val, test; None where the data set does not assign one
    identities: tuple[str, ...] = ()  #: the people in it, two for a face swap; each must stay in one split
    whole: bool = False  #: every pixel is generated

    @property
    def usable(self) -> bool:
        """Whether its true map is known; that of a real image is 0."""
        return self.fake is None or self.real is not None or self.mask is not None or self.whole

    @property
    def files(self) -> tuple[Path, ...]:
        """Its images, videos or folders of frames."""
        return tuple(path for path in (self.real, self.fake, self.mask) if path is not None)


class Unmatched(NamedTuple):
    """A file that is part of no sample, or a fake whose real image is missing."""

    path: Path
    reason: str


class DataIndex(NamedTuple):
    """A data set on the disk. Every real image is a sample, also if it is part of pairs."""

    layout: str
    root: Path
    samples: list[IndexedSample]
    unmatched: list[Unmatched]
    notes: list[str]  #: one sentence each: what is missing, and which of several copies is used

    @property
    def methods(self) -> list[str]:
        """The manipulations, sorted."""
        return sorted({sample.method for sample in self.samples if sample.fake is not None})

    def select(self, methods: Collection[str] = (), split: str | None = None) -> list[IndexedSample]:
        """The usable samples of a split: all reals, and the fakes of the given methods (none given: of all).

        Raises:
            ValueError: for an unknown method or split; lists those that exist.
        """
        for method in methods:
            if method not in self.methods:
                near = difflib.get_close_matches(method, self.methods, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.methods) or 'none'}"
                raise ValueError(f"{self.root} has no fakes of method {method!r}; {hint}")
        splits = sorted({sample.split for sample in self.samples if sample.split is not None})
        if split is not None and split not in splits:
            known = f"there are {', '.join(splits)}" if splits else "its samples are in none; leave the split out"
            raise ValueError(f"{self.root} has no split {split!r}; {known}")
        return [
            sample
            for sample in self.samples
            if sample.usable
            and (split is None or sample.split == split)
            and (sample.fake is None or not methods or sample.method in methods)
        ]


class Count(NamedTuple):
    """The number of samples of one split and method, and how many have a pair, a mask and a known map."""

    split: str | None
    method: str
    samples: int
    paired: int
    masked: int
    whole: int
    usable: int


def count_samples(samples: Iterable[IndexedSample]) -> list[Count]:
    """One count for each split and method, reals first in every split."""
    groups: dict[tuple[str | None, str], list[IndexedSample]] = {}
    for sample in samples:
        groups.setdefault((sample.split, sample.method), []).append(sample)
    order = ["train", "val", "test", None]
    return [
        Count(
            split,
            method,
            len(group),
            sum(sample.real is not None and sample.fake is not None for sample in group),
            sum(sample.mask is not None for sample in group),
            sum(sample.whole for sample in group),
            sum(sample.usable for sample in group),
        )
        for (split, method), group in sorted(
            groups.items(), key=lambda item: (order.index(item[0][0]), item[0][1] != REAL, item[0][1])
        )
    ]


def lacking(what: str, missing: Sequence[str], total: int) -> list[str]:
    """A note on how many of ``total`` are missing, with one by name; empty where none is."""
    if not missing:
        return []
    return [f"{what}: {len(missing)} of {total} missing, such as {min(missing)}"]
