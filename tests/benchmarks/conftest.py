"""Tiny data and a tiny model for the benchmark: 64 px, one photo's colours a name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.harness.options import BenchOptions
from fakelocator_zoo.models.fakelocator import FakeLocator

NAMES = ("anna", "bert", "cleo", "dora")
SIDE = 64


def photo(seed: int, side: int = SIDE) -> np.ndarray:
    """Smooth colours under fine noise, (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    colours = gaussian_filter(rng.normal(size=(side, side, 3)), (8, 8, 0)) * 900 + 128
    return (colours + rng.normal(0, 6, colours.shape)).clip(0, 255).astype(np.uint8)


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture(scope="session")
def bench_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with pairs/ of two generators, whole/ and faces/."""
    data = tmp_path_factory.mktemp("data")
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[16:48, 20:44] = 255
    for seed, name in enumerate(NAMES):
        real = photo(seed)
        write(data / f"pairs/real/{name}.png", real)
        write(data / f"pairs/mask/{name}.png", mask)
        write(data / f"pairs/fake/smooth/{name}.png", gaussian_filter(real, (2, 2, 0)))
        write(data / f"pairs/fake/dark/{name}.png", real // 2)
        write(data / f"whole/real/web/{name}.png", photo(10 + seed))
        write(data / f"whole/fake/flat/{name}.png", gaussian_filter(photo(20 + seed), (4, 4, 0)))
        write(data / f"faces/{name}.png", photo(30 + seed))
    return data


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved FakeLocator with a tiny real encoder and random weights."""
    torch.manual_seed(0)
    model = FakeLocator("tu-test_resnet", encoder_weights=None, decoder_channels=(8, 8, 8, 8, 8), texture_stem=8)
    return model.eval().save_pretrained(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def options(bench_data: Path, tiny_folder: Path, tmp_path: Path) -> BenchOptions:
    """The smallest run: the tiny model, everything quick."""
    return BenchOptions(
        out=tmp_path / "out",
        models=(str(tiny_folder),),
        pairs=bench_data / "pairs",
        whole=bench_data / "whole",
        faces=bench_data / "faces",
        rivals=("unet-dice", "gaussian"),
        limit=2,
        steps=2,
        size=32,
        quick=True,
    )
