"""What a run of the benchmark was asked for; the same for every table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.table import Skipped
from fakelocator_zoo.evaluation.environment import without_folders

#: Images of each generator or source, and steps of each training, in a run that only shows that everything works.
QUICK_IMAGES, QUICK_STEPS = 4, 2


@dataclass(frozen=True)
class Options:
    """The settings of one run.

    ``data`` is one folder; a table whose part of it is missing is skipped. All parts are folders of images:

    - ``pairs``: ``real/``, ``fake/<generator>/`` and ``mask/`` with the same names; a partial fake is
      ``real + mask * (fake - real)``
    - ``attributes/<set>``: ``real/<person>`` and ``fake/<person>_<edit>``
    - ``whole``: ``real/<source>/`` and ``fake/<generator>/``, unpaired
    - ``photos/<source>`` and ``faces``: real photos
    - whatever the recipe of a training names, such as ``trained_generators``
    """

    out: Path
    data: Path | None = None
    models: tuple[str, ...] = ()  #: names of the zoo, folders or Hub ids; none: the zoo's default model
    rivals: tuple[str, ...] = ()  #: ``onnx:FILE``, ``module:function`` or ``FILE.py:function``
    recipe: Path | None = None  #: for the trainings of `rivals` and `design`; None: the default model's own
    bank: Path | None = None  #: folder of generators for the trainings
    steps: int = 2000  #: of each training
    minutes: float | None = None  #: after which `design` starts no more trainings; None trains all
    seed: int = 0
    threads: int = 1  #: of torch
    device: str = "cpu"
    quick: bool = False  #: the smallest version of each table

    @property
    def limit(self) -> int | None:
        """Images of each generator or source; None takes all."""
        return QUICK_IMAGES if self.quick else None

    def folder(self, name: str) -> Path:
        """A folder of ``data``, such as ``pairs`` or ``whole/real``.

        Raises:
            Skipped: where there is none.
        """
        if self.data is None:
            raise Skipped(f"it needs {name}/: give --data the folder that holds it")
        folder = self.data / name
        if not folder.is_dir():
            raise Skipped(f"{self.data} has no {name}/")
        return folder

    def described(self) -> dict[str, Any]:
        """The options that change results, as JSON has them, without the places of folders."""
        return {
            "models": [without_folders(name) for name in self.models],
            "rivals": [without_folders(name) for name in self.rivals],
            "steps": self.steps,
            "seed": self.seed,
            "threads": self.threads,
            "device": self.device,
            "quick": self.quick,
        }
