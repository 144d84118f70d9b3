"""A run over photos without a model: every map is the photo's own brightness. Also run as a program, to be killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fakelocator_zoo.images import ImageError, write_image
from fakelocator_zoo.inference.folders import Locate, Row, locate_photos
from fakelocator_zoo.inference.prepare import Prepared


@dataclass
class Result:
    """The fields of a Localization that a run writes."""

    image: np.ndarray
    fakeness_map: np.ndarray
    fake_probability: float
    verdict: str = "real"
    reason: str | None = None
    faces: tuple[()] = ()
    whole_image: bool = True
    face_found: bool | None = None

    def save(self, path: str | Path) -> None:
        """Write the photo."""
        write_image(path, self.image)


def locate(batch: Sequence[Prepared]) -> list[Result]:
    """The brightness of each photo."""
    maps = [item.image.mean(axis=2, dtype=np.float32) / 255 for item in batch]
    return [Result(item.image, values, float(values.mean())) for item, values in zip(batch, maps, strict=True)]


def run(photos: Sequence[Path], out: Path, score: Any = locate, **options: Any) -> Iterator[Row | ImageError]:
    """`locate_photos` in this process, without a search for faces."""
    given = {"workers": 0, "find_faces": False, "batch_size": 2, **options}
    return locate_photos(photos, lambda: score, out, **given)


def prepare_or_die(path: Path, find_faces: bool) -> Prepared:
    """What a worker process does: it is killed by photos called killer.png."""
    if path.stem == "killer":
        os._exit(9)
    return Prepared(str(path), np.zeros((4, 4, 3), np.uint8), None)


def slowly() -> Locate:
    """Half a second a batch."""

    def wait(batch: Sequence[Prepared]) -> Any:
        time.sleep(0.5)
        return locate(batch)

    return wait


if __name__ == "__main__":
    # A shell starts its background jobs with SIGINT ignored, and programs inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder, out = map(Path, sys.argv[1:])
    for _ in locate_photos(sorted(folder.iterdir()), slowly, out, workers=2, find_faces=False, batch_size=2):
        pass
