"""What every test shares. No test reaches the network."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported

from pathlib import Path

import pytest
import torch

from fakelocator_zoo import FakeLocator

TINY_CHANNELS = (16, 8, 8)


@pytest.fixture(scope="session", autouse=True)
def _few_threads() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables give up columns where paths are long, as those of temporary folders are."""
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def tiny_model() -> FakeLocator:
    """A whole FakeLocator of a tiny real encoder, random weights, eval mode."""
    return FakeLocator("tu-test_resnet", decoder_channels=TINY_CHANNELS, texture_channels=4).eval()


@pytest.fixture
def data_folder() -> Path:
    """The folder of photos that FAKELOCATOR_DATA names."""
    folder = os.environ.get("FAKELOCATOR_DATA")
    if not folder:
        pytest.skip("FAKELOCATOR_DATA names no folder of photos")
    return Path(folder)
