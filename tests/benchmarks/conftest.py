"""A tiny data folder, a tiny model, and options of the smallest run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.harness.options import Options
from fakelocator_zoo import FakeLocator
from fakelocator_zoo.face_parsing.parts import PARTS
from fakelocator_zoo.generators.network import Generator

NAMES = ("anna", "bert", "cleo", "dora", "emil", "fred")
SIDE = 64
ENCODER = "tu-test_resnet"


def photo(seed: int, side: int = SIDE) -> np.ndarray:
    """Smooth colours under fine noise, (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    colours = gaussian_filter(rng.normal(size=(side, side, 3)), (8, 8, 0)) * 900 + 128
    return (colours + rng.normal(0, 6, colours.shape)).clip(0, 255).astype(np.uint8)


def labels(side: int = SIDE) -> np.ndarray:
    """Five horizontal stripes: hair, mouth, eyes, nose, skin."""
    found = np.zeros((side, side), np.uint8)
    for number, name in enumerate(("hair", "upper_lip", "left_eye", "nose", "skin")):
        found[number * side // 5 : (number + 1) * side // 5] = PARTS.index(name)
    return found


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pairs/, attributes/, whole/, photos/ and faces/, six images each."""
    folder = tmp_path_factory.mktemp("data")
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[16:48, 20:44] = 255
    for seed, name in enumerate(NAMES):
        real = photo(seed)
        write(folder / f"pairs/real/{name}.png", real)
        write(folder / f"pairs/mask/{name}.png", mask)
        write(folder / f"pairs/fake/smooth/{name}.png", gaussian_filter(real, (2, 2, 0)))
        write(folder / f"pairs/fake/dark/{name}.png", real // 2)
        write(folder / f"attributes/gan/real/{name}.png", real)
        write(folder / f"attributes/gan/fake/{name}_Bald.png", real // 2)
        write(folder / f"whole/real/web/{name}.png", photo(10 + seed))
        write(folder / f"whole/fake/flat/{name}.png", gaussian_filter(photo(20 + seed), (4, 4, 0)))
        write(folder / f"photos/camera/{name}.png", photo(30 + seed, 300 if seed else 40))
        write(folder / f"faces/set/images/{name}.png", photo(40 + seed))
        write(folder / f"faces/set/masks/{name}.png", labels())
    return folder


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two untrained generators."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bank")
    for upsampling in ("nearest", "transposed"):
        Generator(upsampling, levels=1, width=4).save_pretrained(folder / f"{upsampling}-l1")
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved FakeLocator of a tiny real encoder with random weights."""
    torch.manual_seed(0)
    model = FakeLocator(ENCODER, decoder_channels=(8, 8, 8), texture_channels=None, threshold=0.25)
    return model.eval().save_pretrained(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that trains a tiny model on the folder ``data``."""
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(
        f"""
model: {{encoder_name: {ENCODER}, decoder_channels: [8, 8, 8]}}
data:
  photos: {{photos/camera: 1.0}}
  pairs:
    smooth: {{real: pairs/real, fake: pairs/fake/smooth}}
    dark: {{real: pairs/real, fake: pairs/fake/dark}}
  whole: {{flat: whole/fake/flat}}
  size: 32
validation: {{generators: [dark], photos: [photos/camera/anna*], every: 2, images: 2, side: 64}}
optimisation: {{steps: 2, batch_size: 4}}
"""
    )
    return path


@pytest.fixture
def options(data: Path, bank: Path, tiny_folder: Path, recipe: Path, tmp_path: Path) -> Options:
    """The smallest run."""
    return Options(
        out=tmp_path / "out",
        data=data,
        models=(str(tiny_folder),),
        recipe=recipe,
        bank=bank,
        steps=2,
        quick=True,
    )
