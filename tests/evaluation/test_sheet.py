from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fakelocator_zoo.evaluation.evaluate import evaluate
from fakelocator_zoo.evaluation.predictors import Prediction, TrivialPredictor, centred_gaussian
from fakelocator_zoo.evaluation.results import Evaluation, ScoredFake
from fakelocator_zoo.evaluation.samples import read_paired
from fakelocator_zoo.evaluation.sheet import contact_sheet, ranked
from fakelocator_zoo.inference.render import heat
from fakelocator_zoo.transforms.degradations import degradation


def evaluation(*coss: float) -> Evaluation:
    fakes = tuple(ScoredFake(str(i), "gan", {"coss": value}, 0.5) for i, value in enumerate(coss))
    return Evaluation("stub", 0.05, True, ("gan",), fakes, (), ())


@pytest.mark.parametrize(
    ("coss", "expected"),
    [
        ((0.2, 0.9, 0.1, 0.5, 0.4), {"best": "1", "median": "4", "worst": "2"}),
        ((0.2, float("nan"), 0.9), {"best": "2", "worst": "0"}),  # best is the median as well
        ((0.3,), {"best": "0"}),
        ((0.5, 0.5, 0.5), {"best": "0", "median": "1", "worst": "2"}),
    ],
)
def test_best_median_and_worst(coss: tuple[float, ...], expected: dict[str, str]) -> None:
    assert {rank: fake.name for rank, fake in ranked(evaluation(*coss)).items()} == expected


def test_without_located_maps_there_is_no_sheet() -> None:
    with pytest.raises(ValueError, match="predicted no map"):
        ranked(evaluation(float("nan")))


@pytest.mark.parametrize("degrade", [None, degradation("downscale", 0.5)])
def test_a_row_shows_fake_truth_located_map_and_overlay(pairs: Path, degrade) -> None:
    data = read_paired(pairs, degrade=degrade)
    # Of the truth alone: the left half, at the height of the sheet, so that nothing is resized on the way.
    predictor = TrivialPredictor("left", lambda image: np.indices(image.shape[:2])[1] < image.shape[1] / 2)
    found = evaluate(predictor, data)
    sheet = contact_sheet(predictor, data, found, height=24)
    assert sheet.dtype == np.uint8 and sheet.shape[1] == 4 * 32 + 5 * 8 and sheet.shape[0] == 3 * (36 + 24 + 8)
    best = next(iter(ranked(found).values()))
    sample = next(each for each in data.generators[best.generator] if each.name == best.name)
    top = sheet[36:60]
    assert np.array_equal(top[:, 48:80], heat(sample.true_map))
    if degrade is None:
        assert np.array_equal(top[:, 8:40], sample.fake)
        located = predictor.predict(torch.from_numpy(sample.fake).permute(2, 0, 1)[None].float() / 255).maps
        assert np.array_equal(top[:, 88:120], heat(located[0].numpy()))


def test_a_predictor_with_coarse_maps_is_shown_as_well(pairs: Path) -> None:
    class Coarse:
        name = "coarse"

        def predict(self, images: torch.Tensor) -> Prediction:
            maps, scores = centred_gaussian.predict(images)
            assert maps is not None
            return Prediction(maps[:, ::4, ::4], scores)

    data = read_paired(pairs)
    assert contact_sheet(Coarse(), data, evaluate(Coarse(), data)).ndim == 3
