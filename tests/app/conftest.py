"""A page's models: one, tiny and random, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fakelocator_zoo import FakeLocator
from fakelocator_zoo.app.handlers import Models


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    FakeLocator("tu-test_resnet", decoder_channels=(16, 8, 8), texture_channels=4).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def models(model_folder: Path) -> Models:
    return Models({"tiny": str(model_folder)})


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Eight photos of noise, 64 x 80 pixels; the last four are brighter."""
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"photo{number}.png" for number in range(8)]
    for number, path in enumerate(paths):
        pixels = rng.integers(0, 120, (64, 80, 3)) + (120 if number >= 4 else 0)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return paths
