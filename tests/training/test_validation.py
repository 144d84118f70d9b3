from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fakelocator_zoo.training.crops import training_photos
from fakelocator_zoo.training.recipe import parse_recipe
from fakelocator_zoo.training.validation import (
    PHOTOS,
    Scores,
    ValidationImage,
    calibrate,
    total_score,
    validate,
    validation_photos,
)


def images(count: int) -> list[ValidationImage]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        real = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        mask = np.zeros((64, 64), np.float32)
        mask[:32, :32] = 1
        truth = 0.1 * mask
        made.append(ValidationImage("gan", real, mask, truth, 1))
        made.append(ValidationImage("gan" if number % 2 else PHOTOS, real[::-1].copy(), None, None, 0))
    return made


def test_scores_of_each_group_with_and_without_compression(tiny_model):
    scores = validate(tiny_model, images(4))
    assert set(scores) == {"gan", "gan@jpeg"}
    assert all(0 <= value <= 1 for value in scores["gan"][:3]) and scores["gan"].level > 0


def test_the_threshold_lets_few_photos_pass(tiny_model, tmp_path):
    rng = np.random.default_rng(1)
    for number in range(20):
        Image.fromarray(rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    photos = sorted(tmp_path.glob("*.png"))
    figures = calibrate(tiny_model, images(4), photos, false_alarms=0.25)
    unsure = tiny_model.limits["unsure"]
    assert figures == {"temperature": tiny_model.temperature, "threshold": tiny_model.threshold, "unsure": unsure}
    items = [ValidationImage(PHOTOS, np.asarray(Image.open(path)), None, None, 0) for path in photos]
    from fakelocator_zoo.training.validation import _compress, predict

    rows = [row.probability for degrade in (None, _compress) for _, row in predict(tiny_model, items, degrade)]
    assert np.mean(np.array(rows) > tiny_model.threshold) == pytest.approx(0.25, abs=0.05)


def test_compression_chooses_no_checkpoint():
    good, bad = Scores(0.9, 0.9, 0.6, 1.0, 1.0), Scores(0.5, 0.5, 0.0, 0.0, 0.0)
    assert total_score({"gan": good, "gan@jpeg": bad}) == total_score({"gan": good, "gan@jpeg": good})
    assert total_score({"gan": good, "gan@jpeg": good}) > total_score({"gan": bad, "gan@jpeg": good})


def test_each_pattern_holds_out_photos(tmp_path):
    for name in ("faces/1.png", "faces/2.png", "scans/1.png", "scans/note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name.endswith("png"):
            Image.new("RGB", (32, 32)).save(tmp_path / name)
        else:
            (tmp_path / name).write_text("")

    def held_out(*photos: str) -> list[str]:
        # A source of which nothing is trained on need not be among data.photos.
        recipe = parse_recipe({"data": {"photos": {"faces": 1.0}}, "validation": {"photos": list(photos)}})
        return [path.relative_to(tmp_path).as_posix() for path in validation_photos(recipe, tmp_path)]

    assert held_out("faces/1*", "scans/*") == ["faces/1.png", "scans/1.png"]
    with pytest.raises(ValueError, match=r"matches drawings/\*"):
        held_out("faces/1*", "drawings/*")


def test_what_a_pattern_holds_out_is_validated_on_and_not_trained_on(tmp_path):
    for name in ("faces/1.png", "faces/old/2.png", "faces/old/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32)).save(tmp_path / name)
    recipe = parse_recipe({"data": {"photos": {"faces": 1.0}}, "validation": {"photos": ["faces/*[23].png"]}})
    trained = training_photos(tmp_path, "faces", recipe.validation.photos)
    assert [path.name for path in validation_photos(recipe, tmp_path)] == ["2.png", "3.png"]
    assert [path.name for path in trained] == ["1.png"]
