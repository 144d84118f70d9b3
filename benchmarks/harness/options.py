"""What a run of the benchmark was asked for: the same for every table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fakelocator_zoo.evaluation.environment import without_folders

DATA_FOLDERS = ("pairs", "whole", "attributes", "faces")
MAX_PHOTOS = 200  # of `faces`: short trainings need no more, and they are kept in memory
#: Optimiser steps of a short training, at most, where a run only shows that everything works.
QUICK_STEPS = 20


@dataclass(frozen=True)
class BenchOptions:
    """The folders and settings of one run; a folder that is absent skips the tables that want it.

    The layouts, all of images:

    - ``pairs``: ``real/``, ``fake/<generator>/`` of the same names, and ``mask/`` (a soft mask a name): the partial
      fake is ``real + mask * (fake - real)``
    - ``whole``: ``fake/<generator>/`` and ``real/<source>/``, not paired
    - ``attributes``: ``<generator>/real/<person>``, ``<generator>/fake/<person>_<attribute>``
    - ``faces``: real photos, in any folders below: what the short trainings make their fakes from
    """

    out: Path
    models: tuple[str, ...] = ()  #: names of the zoo, folders or Hub ids; the first is the default of everything
    pairs: Path | None = None
    whole: Path | None = None
    attributes: Path | None = None
    faces: Path | None = None
    bank: Path | None = None  #: generators for the short trainings; none: a small bank is trained
    rivals: tuple[str, ...] = ()  #: names of `bench.rivals`, `onnx:FILE` or `module:function`
    baseline: str | None = None  #: the predictor that the others are compared with; none: the first model
    limit: int = 24  #: images of each generator
    steps: int = 100  #: of each short training
    size: int = 96  #: side in pixels of the images of a short training
    seed: int = 0
    device: str = "cpu"
    threads: int | None = None  #: of torch; none: its own choice
    jobs: int = 1  #: tables that are computed at once, each by a process of its own
    results: Path | None = None  #: where each table is written once more, as files of its own
    quick: bool = False  #: the smallest version of each table, to see that everything works

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 2:
            raise ValueError(f"the images of a short training must have an even side of at least 32, got {self.size}")

    @property
    def cells(self) -> Path:
        """Where finished cells are kept."""
        return self.out / "cells"

    @property
    def weights(self) -> Path:
        """Where the weights of the short trainings are kept."""
        return self.out / "weights"

    def described(self) -> dict[str, Any]:
        """The options as JSON has them; where folders lie concerns nobody."""
        described: dict[str, Any] = {}
        for name in (each.name for each in fields(self)):
            value = getattr(self, name)
            if isinstance(value, tuple):
                value = [without_folders(each) for each in value]
            described[name] = value.name if isinstance(value, Path) else value
        return described

    def edited(self) -> list[Path]:
        """The folders of generators in ``attributes``, each with ``real/`` and ``fake/``; none where it is absent."""
        if self.attributes is None:
            return []
        return sorted(path for path in self.attributes.iterdir() if (path / "fake").is_dir())

    def photos(self) -> list[Path]:
        """At most :data:`MAX_PHOTOS` photos of ``faces``, spread evenly; what lies in a folder ``masks`` is none.

        Raises:
            Skipped: where there are fewer than two.
        """
        from benchmarks.harness.cells import Skipped
        from fakelocator_zoo.images import list_images

        if self.faces is None:
            raise Skipped("it trains on real photos, and there are none: give --faces, or --data with faces/")
        photos = [path for path in list_images([self.faces]) if "masks" not in path.relative_to(self.faces).parts]
        if len(photos) < 2:
            raise Skipped(f"it trains on real photos, and {self.faces} holds {len(photos)}; give at least two")
        step = max(1, len(photos) / MAX_PHOTOS)
        return [photos[int(i * step)] for i in range(min(len(photos), MAX_PHOTOS))]


def data_folders(data: Path | None) -> dict[str, Path]:
    """Those of :data:`DATA_FOLDERS` that ``data`` holds, by name.

    Raises:
        FileNotFoundError: where ``data`` does not exist, or holds none of them.
    """
    if data is None:
        return {}
    if not data.is_dir():
        raise FileNotFoundError(f"{data} is no folder; give --data one with {'/, '.join(DATA_FOLDERS)}/ in it")
    found = {name: data / name for name in DATA_FOLDERS if (data / name).is_dir()}
    if not found:
        raise FileNotFoundError(f"{data} holds none of {'/, '.join(DATA_FOLDERS)}/; give --data the folder above them")
    return found
