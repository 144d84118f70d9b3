"""Reading labels, drawing landmarks, augmentation, a short training run, and intersection over union."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.face_parser.augmentation import FaceAugmentation, mirror_order
from benchmarks.face_parser.evaluate import evaluate_face_parser
from benchmarks.face_parser.faces import LabelledFaces, read_celebamask, read_scenery
from benchmarks.face_parser.landmarks import LANDMARK_PARTS, draw_parts, read_landmarks, read_tem
from benchmarks.face_parser.train import (
    TrainingSettings,
    class_weights,
    parsing_loss,
    train_face_parser,
)
from fakelocator_zoo.face_parsing import PARTS, FaceParser
from fakelocator_zoo.face_parsing.parser import PartMapping


def made_up_faces(count: int = 8, side: int = 64) -> LabelledFaces:
    """A skin disc with a left eye (label 4) on the right side and a right eye (5) on the left."""
    y, x = np.mgrid[:side, :side] / side
    labels = np.zeros((side, side), np.uint8)
    labels[(x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.16] = 1
    labels[(x - 0.7) ** 2 + (y - 0.4) ** 2 < 0.01] = 4
    labels[(x - 0.3) ** 2 + (y - 0.4) ** 2 < 0.01] = 5
    colours = np.random.default_rng(0).integers(0, 255, (19, 3), dtype=np.uint8)
    photo = torch.from_numpy(colours[labels]).permute(2, 0, 1)
    names = [f"{i}.png" for i in range(count)]
    return LabelledFaces(photo.repeat(count, 1, 1, 1), torch.from_numpy(labels).repeat(count, 1, 1), names)


def made_up_tem(file: Path) -> None:
    """189 points on circles around the places of the parts, in the 1350 px frame."""
    points = np.full((189, 2), 675.0)

    def circle(index: list[int], x: float, y: float, radius: float) -> None:
        angle = np.linspace(0, 2 * np.pi, len(index), endpoint=False)
        points[index] = np.stack((x + radius * np.cos(angle), y + radius * np.sin(angle)), axis=1)

    skin = [*range(134, 145), 112, 187, 113, 188, 114, 133, *range(132, 124, -1), 111, 186, 110, 185, 109]
    circle(skin, 675, 675, 400)
    circle([*range(18, 23), 30, 29, 28], 520, 600, 50)
    circle([*range(23, 28), 33, 32, 31], 830, 600, 50)
    rows = "\n".join(f"{x:.1f}\t{y:.1f}" for x, y in points)
    file.write_text(f"189\n{rows}\n1\n0\n2\n0 0\n")


def test_landmarks_are_drawn_where_they_are(tmp_path: Path) -> None:
    made_up_tem(tmp_path / "001_03.tem")
    labels = draw_parts(read_tem(tmp_path / "001_03.tem"), side=135)
    assert labels.shape == (135, 135)
    names = {part: LANDMARK_PARTS.index(part) for part in ("skin", "right_eye", "left_eye")}
    assert labels[60, 52] == names["right_eye"]
    assert labels[60, 83] == names["left_eye"]
    assert labels[85, 67] == names["skin"]
    assert labels[5, 5] == 0
    eye = int((labels == names["left_eye"]).sum())
    assert eye == pytest.approx(np.sin(np.pi / 4) * 4 * 25, rel=0.12)  # a regular octagon of radius 5
    skin = int((labels > 0).sum())
    assert skin == pytest.approx(np.pi * 40**2, rel=0.03)


def test_landmark_folder_takes_the_photos_that_have_points(tmp_path: Path) -> None:
    for stem in ("001_03", "001_08"):
        Image.new("RGB", (90, 90), (9, 9, 9)).save(tmp_path / f"{stem}.jpg")
    made_up_tem(tmp_path / "001_03.tem")
    faces = read_landmarks(tmp_path, tmp_path, side=32)
    assert faces.names == ["001_03.jpg"]
    assert faces.images.shape == (1, 3, 32, 32)
    (tmp_path / "001_03.tem").write_text("2\n1 2\n3 4\n")
    with pytest.raises(ValueError, match="189"):
        read_landmarks(tmp_path, tmp_path)
    (tmp_path / "001_03.tem").write_text("hello")
    with pytest.raises(ValueError, match="no landmark file"):
        read_landmarks(tmp_path, tmp_path)
    with pytest.raises(FileNotFoundError, match="no photo of"):
        read_landmarks(tmp_path, tmp_path / "elsewhere")


def test_celebamask_folder_is_read_by_index(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for i in range(3):
        Image.new("RGB", (40, 40), (200, i, 0)).save(tmp_path / f"images/{i}.jpg")
        mask = Image.fromarray(np.full((40, 40), 13 + i, np.uint8), mode="L").convert("P")
        mask.putdata([13 + i] * 1600)
        mask.save(tmp_path / f"masks/{i}.png")
    faces = read_celebamask(tmp_path / "images", tmp_path / "masks", side=16, skip_last=1)
    assert faces.names == ["0.jpg", "1.jpg"]
    assert faces.labels.unique().tolist() == [13, 14]
    assert read_celebamask(tmp_path / "images", tmp_path / "masks", side=16, last=1).names == ["2.jpg"]
    Image.new("RGB", (40, 40)).save(tmp_path / "masks/0.png")
    with pytest.raises(ValueError, match="not part numbers"):
        read_celebamask(tmp_path / "images", tmp_path / "masks")
    (tmp_path / "masks/0.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"no labels for 0\.jpg"):
        read_celebamask(tmp_path / "images", tmp_path / "masks")


def test_a_mirrored_view_keeps_the_persons_left_eye_left() -> None:
    faces = made_up_faces(32)
    see = FaceAugmentation(PARTS, size=64, frame=64, strength=0.2).see
    images, labels, outside = see(faces.images.float() / 255, faces.labels.long())
    assert images.shape == (32, 3, 64, 64) and labels.shape == outside.shape == (32, 64, 64)
    columns = torch.arange(64).float()
    # In an unturned photo the person's left eye is on the right, in the mirrored one too.
    for each in labels:
        left, right = ((each == k).float().sum(0) @ columns / (each == k).sum() for k in (4, 5))
        assert left > right
    assert (labels[outside] == 0).all()


def test_mirror_order_is_its_own_inverse_and_swaps_sides() -> None:
    order = mirror_order(PARTS)
    assert [(i, j) for i, j in enumerate(order) if i < j] == [(4, 5), (6, 7), (8, 9)]
    assert [order[i] for i in order] == list(range(19))
    assert mirror_order(("left_eye", "nose")) == (0, 1)  # no partner: stays


def test_the_photo_and_its_labels_move_together() -> None:
    faces = made_up_faces(8)
    images, labels, outside = FaceAugmentation(PARTS, 64, 64).see(faces.images.float() / 255, faces.labels.long())
    skin = faces.images[0][:, faces.labels[0] == 1][:, 0].float() / 255
    alike = (images - skin[:, None, None]).abs().amax(1) < 0.05
    assert (alike == (labels == 1))[~outside].float().mean() > 0.9


@pytest.mark.parametrize("scenery", [True, False])
def test_an_augmented_batch_stays_in_range_and_repeats_by_seed(scenery: bool) -> None:
    faces = made_up_faces()
    scenes = read_scenery(side=32).float() / 255 if scenery else None
    augment = FaceAugmentation(PARTS, size=48, frame=64, scenery=scenes)
    batch = (faces.images.float() / 255, faces.labels.long())
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(augment(*batch))
    (images, labels), again = results
    assert images.shape == (8, 3, 48, 48) and labels.shape == (8, 24, 24)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1
    assert torch.equal(images, again[0]) and torch.equal(labels, again[1])


def test_loss_falls_towards_zero_for_the_right_answer() -> None:
    labels = made_up_faces(2).labels.long()
    weight = class_weights(labels, 19, 0.25)
    assert weight[2] == 0 and weight[4] > weight[1] > 0
    right = torch.nn.functional.one_hot(labels, 19).permute(0, 3, 1, 2).float() * 30
    assert parsing_loss(right, labels, weight, 1.0, 0.0) < 0.01
    assert parsing_loss(right.roll(1, dims=1), labels, weight, 1.0, 0.0) > 1


def test_a_run_learns_saves_its_weights_and_repeats_by_seed(tmp_path: Path) -> None:
    faces = made_up_faces()
    settings = TrainingSettings(
        epochs=12, batch_size=4, view=32, frame=64, full_view_share=0.34, learning_rate=1e-2, strength=0.2, ema=0.5
    )

    def run(folder: Path) -> FaceParser:
        torch.manual_seed(0)
        return train_face_parser(faces, folder, FaceParser(encoder_name="tu-test_resnet", side=64), settings)

    trained = run(tmp_path / "a")
    images = torch.rand(1, 3, 64, 64)
    # Weights are stored in half precision.
    torch.testing.assert_close(
        FaceParser.from_pretrained(tmp_path / "a").freeze()(images), trained(images), atol=0.02, rtol=0
    )
    assert torch.equal(trained(images), run(tmp_path / "b")(images))
    log = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()]
    assert [line["view"] for line in log] == [32] * 8 + [64] * 4
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    with pytest.raises(ValueError, match="do not fill one batch"):
        train_face_parser(faces, tmp_path / "c", trained, replace(settings, batch_size=9))


class Oracle(PartMapping):
    """Answers with the true labels, whatever the image."""

    def __init__(self, labels: torch.Tensor, parts: tuple[str, ...] = PARTS) -> None:
        super().__init__(parts)
        self.maps = torch.nn.functional.one_hot(labels.long(), len(parts)).permute(0, 3, 1, 2).float()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.maps[: len(images)]


def test_evaluation_of_a_perfect_and_of_a_blind_parser() -> None:
    faces = made_up_faces(4)
    perfect = evaluate_face_parser(Oracle(faces.labels), faces, side=64)
    assert perfect["iou"] == {"background": 1.0, "skin": 1.0, "eyes": 1.0}
    blind = evaluate_face_parser(Oracle(faces.labels * 0), faces, side=64)["iou"]
    share = float((faces.labels == 0).float().mean())
    assert blind["background"] == pytest.approx(share) and blind["eyes"] == 0
    # left and right are one class
    swapped = faces.labels.clone()
    swapped[faces.labels == 4] = 5
    assert evaluate_face_parser(Oracle(swapped), faces, side=64)["mean_iou"] == 1.0
