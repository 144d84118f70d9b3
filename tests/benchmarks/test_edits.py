"""Edits of one attribute, several of each photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.edits import read_edits
from fakelocator_zoo.transforms.degradations import degradation
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

SIZE = (24, 32)


def save(path: Path, seed: int) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
    Image.fromarray(image).save(path)
    return image


def test_an_edit_stands_as_a_generator_and_its_photo_as_the_truth(tmp_path: Path) -> None:
    photos = {name: save(tmp_path / f"real/{name}.png", seed) for seed, name in enumerate("ab")}
    for name in ("a_Bald", "b_Bald", "b_Black_Hair"):
        fake = save(tmp_path / f"fake/{name}.png", 9)
    data = read_edits(tmp_path, degrade=degradation("jpeg", 50))
    assert data.paired and data.photos.names == ("a", "b")
    assert {name: len(samples) for name, samples in data.generators.items()} == {"Bald": 2, "Black_Hair": 1}
    sample = data.generators["Black_Hair"][0]
    assert sample.name == "b" and sample.mask is None
    assert np.array_equal(sample.true_map, fakeness_map(photos["b"], fake))
    assert not np.array_equal(sample.fake, fake), "it is degraded, and the truth is not"
    assert len(read_edits(tmp_path, limit=1).photos) == 2  # the first of Bald is a, that of Black_Hair b


def test_an_edit_without_its_photo_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "real/a.png", 0)
    save(tmp_path / "fake/c_Bald.png", 1)
    with pytest.raises(FileNotFoundError, match="an edit of c, whose photo is not in"):
        read_edits(tmp_path)
