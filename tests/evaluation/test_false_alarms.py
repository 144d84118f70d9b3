from __future__ import annotations

from pathlib import Path

import pytest

from fakelocator_zoo.evaluation.false_alarms import WORST, evaluate_photos, false_alarms, rate_sentence
from fakelocator_zoo.evaluation.predictors import ModelPredictor
from fakelocator_zoo.evaluation.results import Evaluation, ScoredPhoto
from fakelocator_zoo.evaluation.samples import read_photos
from tests.evaluation.conftest import save
from tests.inference.stubs import StubModel, noise


def evaluation(*probabilities: float) -> Evaluation:
    photos = tuple(ScoredPhoto(f"{index}.png", value) for index, value in enumerate(probabilities))
    return Evaluation("stub", 0.05, False, (), (), photos, ())


def test_photos_of_any_size_go_through_in_tiles(tmp_path: Path) -> None:
    save(tmp_path / "photos" / "wide.png", noise(40, 800))
    save(tmp_path / "photos" / "small.png", noise(24, 32))
    model, seen = StubModel().eval(), []
    predictor = ModelPredictor(model, "stub", tile=256)  # type: ignore[arg-type]
    result = evaluate_photos(predictor, read_photos([tmp_path / "photos"]), progress=lambda *at: seen.append(at))
    assert [photo.name for photo in result.photos] == ["photos/small.png", "photos/wide.png"]
    assert model.sizes[0] == (1, 3, 24, 32) and len(model.sizes) > 4
    assert max(max(size[-2:]) for size in model.sizes) == 256
    assert seen == [(1, 2), (2, 2)]


def test_the_most_suspicious_come_first_and_the_threshold_counts_as_fake() -> None:
    alarms = false_alarms(evaluation(0.1, 0.5, 0.499, 0.9, *[0.0] * 20))
    assert (alarms["photos"], alarms["called_fake"], len(alarms["worst"])) == (24, 2, WORST)
    assert [each["name"] for each in alarms["worst"][:4]] == ["3.png", "1.png", "2.png", "0.png"]
    assert rate_sentence(alarms).startswith("2 of 24 real photos called fake, from fake probability 0.5 on: rate 0.083")


def test_no_false_alarm_is_no_certainty() -> None:
    assert false_alarms(evaluation(*[0.1] * 20))["false_positive_rate"]["high"] > 0.15


def test_photos_that_cannot_be_scored_have_no_rate() -> None:
    with pytest.raises(ValueError, match="no photo could be scored"):
        false_alarms(evaluation())
