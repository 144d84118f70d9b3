"""Folders of tiny real and fake images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.inference.stubs import noise

SIZE = (24, 32)
NAMES = tuple("abcdef")


def save(path: Path, image: np.ndarray) -> Path:
    """Write an image, (H, W, 3) or (H, W) uint8, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Six photos, and fakes of each by the generators ``left`` and ``top``, which change that half."""
    folder = tmp_path / "pairs"
    for index, name in enumerate(NAMES):
        real = noise(*SIZE, seed=index)
        save(folder / "real" / f"{name}.png", real)
        for generator, half in {"left": np.s_[:, :16], "top": np.s_[:12]}.items():
            fake = real.copy()
            fake[half] = 255 - fake[half]
            save(folder / "fake" / generator / f"{name}.png", fake)
    return folder


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Five photos in two folders, four fakes by one generator and two by another."""
    folder = tmp_path / "whole"
    for index in range(5):
        save(folder / "real" / ("one" if index < 3 else "two") / f"{index}.png", noise(*SIZE, seed=index))
    for index in range(4):
        save(folder / "fake" / "gan" / f"{index}.png", noise(*SIZE, seed=10 + index))
    for index in range(2):
        save(folder / "fake" / "diffusion" / f"{index}.png", noise(*SIZE, seed=20 + index))
    return folder
