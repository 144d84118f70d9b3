"""The bundled weights on a real portrait."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from fakelocator_zoo.face_parsing import FaceParser
from fakelocator_zoo.hub import bundled_names, find_bundled

NAMES = bundled_names("face_parser")


def portrait() -> torch.Tensor:
    from skimage import data

    return torch.from_numpy(data.astronaut()[:300, 80:380]).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("name", NAMES)
def test_bundled_weights_find_the_parts_of_the_astronaut(name: str) -> None:
    folder = find_bundled(name)
    assert folder is not None
    assert (folder / "model.safetensors").stat().st_size <= 3_000_000
    assert {file.name for file in folder.iterdir()} >= {"config.json", "README.md", "recipe.yaml"}
    parser = FaceParser.from_pretrained(name).freeze()
    images = portrait()
    assert parser.has_face(parser(images)).all()
    # pixels (row, column) seen by eye in the 300 x 300 crop; left is the person's left
    places = {
        "nose": (127, 145),
        "right_eye": (101, 123),
        "left_eye": (103, 166),
        "mouth": (147, 145),
        "skin": (123, 175),
    }
    for part, (row, column) in places.items():
        near = parser.part_map(images, part)[0, 0, row - 4 : row + 5, column - 4 : column + 5]
        assert float(near.max()) > 0.5, part
    assert float(parser.part_map(images, "face")[0, 0, :, :20].mean()) < 0.2
    if name == "face_parser.research":  # the card of .open says that it sees faces where there are none
        assert not parser.has_face(parser(torch.full((1, 3, 128, 128), 0.5))).any()


def test_a_research_parser_is_bundled() -> None:
    assert "face_parser.research" in NAMES


@pytest.mark.data
@pytest.mark.skipif("FAKELOCATOR_DATA" not in os.environ, reason="needs FAKELOCATOR_DATA, the folder of data sets")
def test_measured_iou_of_the_card() -> None:
    from benchmarks.face_parser.evaluate import evaluate_face_parser
    from benchmarks.face_parser.faces import read_celebamask

    data = Path(os.environ["FAKELOCATOR_DATA"]) / "faces/research/celebamask"
    faces = read_celebamask(data / "images", data / "masks", side=256, last=20)
    assert evaluate_face_parser(FaceParser.from_pretrained("face_parser.research").freeze(), faces)["mean_iou"] > 0.66
