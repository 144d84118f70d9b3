"""Fakes of one face part, which the table `cross-attribute` trains and tests on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.harness.parts import (
    MANIPULATED,
    PartFaces,
    chosen_attention,
    faces_with_part,
    labelled_faces,
    paint_part,
    part_masks,
)
from fakelocator_zoo.generators.network import Generator
from tests.benchmarks.conftest import labels


def some_faces(count: int = 4, side: int = 40) -> PartFaces:
    masks = part_masks(torch.from_numpy(labels(side)).expand(count, side, side))
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    return PartFaces(images, masks, torch.full((count, 5, 8, 8), 255, dtype=torch.uint8))


def test_each_stripe_of_labels_is_its_part() -> None:
    masks = part_masks(torch.from_numpy(labels(10))[None])
    for number in range(5):
        assert masks[0, number].nonzero()[:, 0].unique().tolist() == [2 * number, 2 * number + 1]


def test_only_the_part_is_painted() -> None:
    faces = some_faces()
    part = MANIPULATED.index("eyes")
    fakes = paint_part(faces, "eyes", [Generator("nearest", levels=1, width=4).eval()], seed=0)
    changed = (fakes.images != faces.images[fakes.faces]).any(dim=1)
    assert not changed[fakes.mask[:, 0] == 0].any()
    assert (fakes.mask[:, 0] >= 128)[faces.masks[fakes.faces, part]].float().mean() > 0.9


def test_a_face_without_the_part_is_not_painted() -> None:
    faces = some_faces(2)
    faces.masks[0, MANIPULATED.index("hair")] = False
    assert faces_with_part(faces, "hair").tolist() == [1]
    assert paint_part(faces, "hair", [Generator("nearest", levels=1, width=4).eval()], seed=0).faces.tolist() == [1]


def test_attention_to_several_parts_is_their_sum() -> None:
    maps = torch.zeros(1, 5, 2, 2, dtype=torch.uint8)
    maps[0, 0, 0], maps[0, 1, 0, 0] = 255, 255
    assert chosen_attention(maps, MANIPULATED[:2])[0, 0].tolist() == [[1, 1], [0, 0]]


def test_photos_without_labels_are_none(tmp_path: Path, data: Path) -> None:
    assert labelled_faces(data / "faces") == (data / "faces/set/images", data / "faces/set/masks")
    with pytest.raises(FileNotFoundError, match="no folders images/ and masks/"):
        labelled_faces(tmp_path)
