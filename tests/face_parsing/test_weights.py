"""Saving and loading: bit-equal, strict, safetensors only; and the bundled weights on a real portrait."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fakelocator_zoo.face_parsing import FaceParser, load_face_parser, save_face_parser
from fakelocator_zoo.hub import bundled_folder, bundled_names

NAMES = bundled_names("face_parser")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    return save_face_parser(
        FaceParser(parts=("background", "skin", "nose"), encoder_name="tu-test_resnet"), tmp_path / "w"
    )


def test_loaded_is_frozen_and_saves_to_the_same_bits(saved: Path, tmp_path: Path) -> None:
    first = load_face_parser(saved)
    assert first.parts == ("background", "skin", "nose")
    assert first.frozen and not first.training
    second = load_face_parser(save_face_parser(first, tmp_path / "again"))
    assert (tmp_path / "again/model.safetensors").read_bytes() == (saved / "model.safetensors").read_bytes()
    images = torch.rand(2, 3, 70, 90)
    assert torch.equal(first(images), second(images))


def test_floats_lie_in_half_precision(saved: Path) -> None:
    kinds = {value.dtype for value in load_file(saved / "model.safetensors").values()}
    assert kinds <= {torch.float16, torch.int64}


@pytest.mark.parametrize("change", ["missing", "extra"])
def test_other_keys_raise(saved: Path, change: str) -> None:
    state = load_file(saved / "model.safetensors")
    if change == "missing":
        state.pop(next(iter(state)))
    else:
        state["stranger"] = torch.zeros(1)
    save_file(state, saved / "model.safetensors")
    with pytest.raises(ValueError, match="does not fit its config"):
        load_face_parser(saved)


def test_pickles_are_refused(saved: Path) -> None:
    torch.save({"a": torch.zeros(1)}, saved / "model.safetensors")
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_face_parser(saved)
    (saved / "model.safetensors").rename(saved / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="pickles are not loaded"):
        load_face_parser(saved)
    with pytest.raises(ValueError, match="is a file"):
        load_face_parser(saved / "pytorch_model.bin")


@pytest.mark.parametrize("text", ["{", "[]", '{"_model_class": "Unet"}', '{"_model_class": "FaceParser", "sied": 64}'])
def test_a_wrong_config_raises(saved: Path, text: str) -> None:
    (saved / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json"):
        load_face_parser(saved)


def portrait() -> torch.Tensor:
    from skimage import data

    return torch.from_numpy(data.astronaut()[:300, 80:380]).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("name", NAMES)
def test_bundled_weights_find_the_parts_of_the_astronaut(name: str) -> None:
    folder = bundled_folder(name)
    assert (folder / "model.safetensors").stat().st_size <= 3_000_000
    assert {file.name for file in folder.iterdir()} >= {"config.json", "README.md", "recipe.yaml"}
    parser = load_face_parser(name)
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


def test_bundled_config_is_what_the_class_takes() -> None:
    for name in NAMES:
        config = json.loads((bundled_folder(name) / "config.json").read_text())
        assert FaceParser(
            **{key: value for key, value in config.items() if key not in ("_model_class", "model_type")}
        ).config


@pytest.mark.data
@pytest.mark.skipif("FAKELOCATOR_DATA" not in os.environ, reason="needs FAKELOCATOR_DATA, the folder of data sets")
def test_measured_iou_of_the_card() -> None:
    from fakelocator_zoo.data.face_parts import read_celebamask
    from fakelocator_zoo.evaluation.face_parser import evaluate_face_parser

    data = Path(os.environ["FAKELOCATOR_DATA"]) / "faces/research/celebamask"
    faces = read_celebamask(data / "images", data / "masks", side=256, last=20)
    assert evaluate_face_parser(load_face_parser("face_parser.research"), faces)["mean_iou"] > 0.66
