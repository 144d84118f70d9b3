"""Whole photos through a parser, and how their parts are drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner

from fakelocator_zoo import cli
from fakelocator_zoo.face_parsing import FaceParser
from fakelocator_zoo.inference import faces
from fakelocator_zoo.inference.parse import ParsedPhoto, parse_photo
from fakelocator_zoo.inference.parse_render import part_colours, parts_sheet

SKIN = (200, 0, 0)
HAIR = (0, 0, 200)


class ColourParser(nn.Module):
    """Red is skin, blue is hair, the rest background; a face is where there is skin."""

    parts = ("background", "skin", "hair")

    def forward(self, images: Tensor) -> Tensor:
        skin, hair = images[:, 0] > 0.5, images[:, 2] > 0.5
        return torch.stack([~skin & ~hair, skin, hair], dim=1).float()

    def has_face(self, probabilities: Tensor) -> Tensor:
        return probabilities[:, 1].amax(dim=(1, 2)) > 0


def found(*boxes: faces.Box, turns: int = 0) -> list[faces.DetectedFace]:
    return [faces.DetectedFace(box, box, 0.9, turns) for box in boxes]


@pytest.fixture
def photo() -> np.ndarray:
    """Two faces, the second one before the first one's hair, and blue sky that belongs to neither."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[:10] = HAIR
    image[20:40, 20:80] = HAIR
    image[40:80, 20:80] = SKIN
    image[50:80, 120:160] = SKIN
    return image


def test_faces_are_parsed_one_by_one(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = [(10, 15, 100, 95), (110, 45, 170, 90)]
    monkeypatch.setattr(faces, "find_faces", lambda image: found(*boxes))
    parsed = parse_photo(ColourParser(), photo)
    assert parsed.faces == tuple(boxes)
    assert parsed.face_found
    assert not parsed.labels[:10].any(), "what lies outside the faces is background"
    expected = np.zeros((100, 200), np.uint8)
    expected[20:40, 20:80] = 2
    expected[40:80, 20:80] = expected[50:80, 120:160] = 1
    np.testing.assert_array_equal(parsed.labels, expected)
    assert parsed.shares == pytest.approx({"background": 0.76, "skin": 0.18, "hair": 0.06})


def test_boxes_without_a_face_are_left_out(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_faces", lambda image: found((110, 45, 170, 90), (0, 0, 200, 12)))
    assert parse_photo(ColourParser(), photo).faces == ((110, 45, 170, 90),)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_faces_are_parsed_upright(photo: np.ndarray, turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    parser, seen = ColourParser(), []
    forward = parser.forward
    monkeypatch.setattr(parser, "forward", lambda images: seen.append(images) or forward(images))
    monkeypatch.setattr(faces, "find_faces", lambda image: found((10, 15, 100, 95), turns=turns))
    labels = parse_photo(parser, photo).labels
    assert (labels[40:80, 20:80] == 1).all() and (labels[20:40, 20:80] == 2).all()
    crop = (seen[0][0].permute(1, 2, 0) * 255).round().numpy()
    np.testing.assert_array_equal(crop, np.rot90(photo[15:95, 10:100], turns))


def test_whole_image_where_no_face_is_found(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_faces", lambda image: [])
    parsed = parse_photo(ColourParser(), photo)
    assert parsed.faces == () and parsed.face_found
    assert (parsed.labels[:10] == 2).all()
    assert not parse_photo(ColourParser(), np.zeros((20, 30, 3), np.uint8)).face_found


def test_large_photos_keep_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_faces", lambda image: [])
    image = np.zeros((1200, 600, 3), np.uint8)
    image[600:] = SKIN
    labels = parse_photo(ColourParser(), image).labels
    assert labels.shape == (1200, 600)
    assert not labels[:596].any() and (labels[604:] == 1).all()


def test_every_part_has_its_own_colour() -> None:
    names = FaceParser(encoder_name="tu-test_resnet", side=64).parts
    assert len(np.unique(part_colours((*names, "beard", "teeth")), axis=0)) == 21


def test_sheet_shows_photo_and_parts() -> None:
    image = np.full((64, 64, 3), 100, np.uint8)
    labels = np.zeros((64, 64), np.uint8)
    labels[:, 32:] = 1
    sheet = parts_sheet(ParsedPhoto(image, labels, ("background", "skin"), (), True))
    left = 8 + 512 + 8  # the second picture
    assert sheet.shape == (512 + 36 + 8, 3 * (512 + 8) + 8 + 220 + 8, 3)
    assert (sheet[300, left + 100] == 100).all(), "background shows the photo"
    assert (sheet[300, left + 400] != 100).any()


@pytest.fixture
def parser_folder(tmp_path: Path) -> Path:
    return FaceParser(encoder_name="tu-test_resnet", side=64).save_pretrained(tmp_path / "parser")


def test_command(tmp_path: Path, parser_folder: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "c.png"):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).save(photos / name)
    (photos / "b.png").write_bytes(b"no image")
    out = tmp_path / "out"
    arguments = ["parse", str(photos), "--out", str(out), "--parser", str(parser_folder)]
    result = CliRunner().invoke(cli.app, [*arguments, "--json"])
    assert result.exit_code == 1
    assert "b.png is not an image" in result.stderr and "2 parsed, 1 failed" in result.stderr
    rows = json.loads(result.stdout)
    assert [Path(row["path"]).name for row in rows] == ["a.png", "c.png"]
    assert sum(rows[0]["shares"].values()) == pytest.approx(1, abs=1e-4)
    assert Image.open(rows[0]["mask"]).size == (60, 40)
    assert {path.name for path in out.iterdir()} == {
        f"{stem}_{kind}.png" for stem in "ac" for kind in ("parts", "parts_picture")
    }
    (photos / "b.png").unlink()
    table = CliRunner().invoke(cli.app, arguments)
    assert table.exit_code == 0 and "hair" in table.stdout


def test_command_with_an_unknown_parser(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    arguments = ["parse", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--parser", "face_parser.reserch"]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 1
    assert "face_parser.research" in result.stderr and "Traceback" not in result.stderr
