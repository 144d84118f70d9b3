from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from fakelocator_zoo import FakeLocator
from fakelocator_zoo.evaluation import metrics
from fakelocator_zoo.evaluation.evaluate import evaluate, evaluate_all
from fakelocator_zoo.evaluation.predictors import TRIVIAL_PREDICTORS, ModelPredictor, Prediction
from fakelocator_zoo.evaluation.results import DECISION_METRICS, MAP_METRICS, Evaluation, ScoredPhoto
from fakelocator_zoo.evaluation.samples import read_paired, read_whole
from fakelocator_zoo.transforms.degradations import degradation
from tests.evaluation.conftest import SIZE, save
from tests.inference.stubs import StubModel, noise


class Stub:
    """Says what its functions of a batch (B, 3, H, W) say, and remembers the batches' shapes."""

    name = "stub"

    def __init__(self, maps=lambda images: images.mean(1), scores=lambda images: images[:, 0, 0, 0]) -> None:
        self.maps, self.scores = maps, scores
        self.shapes: list[tuple[int, ...]] = []

    def predict(self, images: Tensor) -> Prediction:
        self.shapes.append(tuple(images.shape))
        return Prediction(self.maps(images), self.scores(images))


def test_each_fake_has_the_scores_of_its_own_map(pairs: Path) -> None:
    data = read_paired(pairs)
    found = evaluate(Stub(), data, batch_size=4)
    assert [(fake.generator, fake.name) for fake in found.fakes] == [(g, n) for g in ("left", "top") for n in "abcdef"]
    fake, sample = found.fakes[8], data.generators["top"][2]
    located = (sample.fake.mean(axis=-1) / 255).astype(np.float32)
    assert fake.scores["l1"] == pytest.approx(np.abs(located - sample.true_map).mean(), abs=1e-4)
    assert fake.scores["pixel_auc"] == pytest.approx(
        roc_auc_score((sample.true_map >= 0.05).ravel(), located.ravel()), abs=1e-3
    )
    assert fake.fake_probability == pytest.approx(sample.fake[0, 0, 0] / 255)
    assert [photo.fake_probability for photo in found.photos] == pytest.approx([p[0, 0, 0] / 255 for p in data.photos])


def test_images_of_one_size_go_through_together(pairs: Path) -> None:
    stub = Stub()
    evaluate(stub, read_paired(pairs), batch_size=4)
    assert [shape[0] for shape in stub.shapes] == [4, 4, 4, 4, 2]


def test_sizes_may_differ_and_batches_change_nothing(pairs: Path) -> None:
    for folder in (pairs / "real", pairs / "fake" / "left", pairs / "fake" / "top"):
        save(folder / "c.png", noise(30, 20, seed=len(folder.name)))
    data = read_paired(pairs)
    stub = Stub()
    found = evaluate(stub, data, batch_size=4)
    assert (3, 3, 30, 20) in stub.shapes, "the photo and its two fakes"
    one_by_one = evaluate(Stub(), data, batch_size=1)
    assert [fake.name for fake in found.fakes] == [fake.name for fake in one_by_one.fakes]
    assert np.allclose(found.values("coss"), one_by_one.values("coss"))


def test_the_mean_is_over_generators_and_every_figure_has_its_count(whole: Path) -> None:
    summary = evaluate(Stub(), read_whole(whole)).summary()
    of = summary["generators"]
    assert (of["diffusion"]["fakes"], of["gan"]["fakes"]) == (2, 4)
    for metric in ("coss", "l1", "auc", "accuracy"):
        expected = (of["diffusion"][metric]["mean"] + of["gan"][metric]["mean"]) / 2
        assert summary["overall"][metric]["mean"] == pytest.approx(expected)
    assert summary["overall"]["coss"]["count"] == 6
    assert summary["overall"]["auc"]["count"] == 5 + 6
    assert summary["false_positive_rate"]["count"] == 5
    for figures in (summary["overall"], *of.values()):
        for metric in {**MAP_METRICS, **DECISION_METRICS}:
            figure = figures[metric]
            assert figure["count"] == 0 or figure["low"] <= figure["mean"] <= figure["high"]


def test_what_is_undefined_is_none_and_counts_no_image(whole: Path) -> None:
    overall = evaluate(Stub(), read_whole(whole)).summary()["overall"]
    undefined = {"mean": None, "low": None, "high": None, "count": 0}
    assert overall["pixel_auc"] == overall["pixel_ap"] == undefined  # every pixel is fake
    assert overall["pearson"]["mean"] == 0  # as the truth is constant
    assert json.loads(json.dumps(overall)) == overall


def test_an_empty_located_map_scores_nothing_on_a_fake(whole: Path) -> None:
    overall = evaluate(Stub(maps=lambda images: 0 * images[:, 0]), read_whole(whole)).summary()["overall"]
    expected = {"coss": 0, "pearson": 0, "psnr": 0, "l1": 1, "iinc": 1 / 3, "pixel_accuracy": 0}
    assert {metric: overall[metric]["mean"] for metric in expected} == pytest.approx(expected)


def test_a_fake_that_changed_nothing_wants_an_empty_map(tmp_path: Path) -> None:
    save(tmp_path / "real" / "a.png", noise(*SIZE))
    save(tmp_path / "fake" / "a.png", noise(*SIZE))
    overall = evaluate(Stub(maps=lambda images: 0 * images[:, 0]), read_paired(tmp_path)).summary()["overall"]
    expected = {"coss": 1, "psnr": metrics.MAX_PSNR, "ssim": 1, "l1": 0, "iinc": 0, "pixel_accuracy": 1}
    assert {metric: overall[metric]["mean"] for metric in expected} == pytest.approx(expected, abs=1e-4)
    assert overall["pixel_auc"]["mean"] is None


def test_photos_alone_give_false_alarms_alone(whole: Path) -> None:
    (whole / "fake").rename(whole / "gone")
    summary = evaluate(Stub(scores=lambda images: (images[:, 0, 0, 0] > 2).float()), read_whole(whole)).summary()
    assert summary["false_positive_rate"]["mean"] == 0 and summary["false_positive_rate"]["count"] == 5
    assert all(figure["count"] == 0 for figure in summary["overall"].values() if figure is not None)


def test_fakes_alone_give_maps_alone(whole: Path) -> None:
    (whole / "real").rename(whole / "gone")
    summary = evaluate(Stub(), read_whole(whole)).summary()
    assert summary["overall"]["coss"]["count"] == summary["overall"]["called_fake"]["count"] == 6
    assert summary["overall"]["auc"]["mean"] is None and summary["false_positive_rate"]["mean"] is None


def test_a_predictor_that_only_decides_has_no_maps(pairs: Path) -> None:
    summary = evaluate(Stub(maps=lambda images: None), read_paired(pairs)).summary()
    assert summary["overall"]["coss"]["count"] == 0 and summary["overall"]["auc"]["count"] == 18


def test_a_broken_file_is_named_and_the_rest_is_scored(pairs: Path) -> None:
    (pairs / "real" / "b.png").write_bytes(b"no image")
    (pairs / "fake" / "top" / "e.png").write_bytes(b"")
    found = evaluate(Stub(), read_paired(pairs))
    assert [photo.name for photo in found.photos] == list("acdef")
    assert [fake.name for fake in found.fakes] == [*"acdef", *"acdf"]
    assert [sentence.split(" ")[0].rsplit("/", 1)[1] for sentence in found.failures] == ["b.png", "e.png"]
    assert found.summary()["overall"]["auc"]["count"] == 5 + 9


def test_the_map_of_a_smaller_image_is_scored_at_full_size(pairs: Path) -> None:
    data = read_paired(pairs, degrade=degradation("downscale", 0.5))
    stub = Stub(maps=lambda images: torch.linspace(1, 0, images.shape[3]).expand(len(images), *images.shape[2:]))
    found = evaluate(stub, data)
    assert {shape[1:] for shape in stub.shapes} == {(3, 12, 16)}
    # The left half of the photo was changed, and the map falls from left to right.
    assert all(fake.scores["pixel_auc"] > 0.95 for fake in found.fakes if fake.generator == "left")


def test_the_true_mask_is_the_ceiling(pairs: Path) -> None:
    overall = evaluate_all([], read_paired(pairs), true_mask=True)[0].summary()["overall"]
    for metric in ("pixel_auc", "pixel_ap", "pixel_accuracy"):
        assert overall[metric]["mean"] == 1
    assert overall["iinc"]["mean"] == 0
    assert 0.7 < overall["coss"]["mean"] < 1, "it says where, not how much"
    assert overall["auc"]["mean"] is None


def test_a_given_mask_is_the_ceiling_as_it_is(pairs: Path) -> None:
    soft = np.tile(np.linspace(255, 0, SIZE[1]).astype(np.uint8), (SIZE[0], 1))
    for name in "abcdef":
        save(pairs / "mask" / f"{name}.png", soft)
    data = read_paired(pairs)
    found = evaluate_all([], data, true_mask=True)[0]
    assert found.fakes[0].scores["coss"] == pytest.approx(
        metrics.coss(soft / 255, data.generators["left"][0].true_map), abs=1e-6
    )


def test_a_model_is_evaluated_in_eval_mode_at_its_threshold(tiny_model: FakeLocator) -> None:
    tiny_model.threshold = 0.7
    predictor = ModelPredictor(tiny_model.train(), "tiny")
    images = torch.rand(2, 3, 33, 47)
    prediction = predictor.predict(images)
    output = tiny_model.predict(images)
    assert prediction.maps is not None and predictor.threshold == 0.7
    torch.testing.assert_close(prediction.maps, output.fakeness_map[:, 0])
    torch.testing.assert_close(prediction.scores, output.fake_probability)


def test_a_large_image_goes_through_in_tiles() -> None:
    model = StubModel().eval()
    prediction = ModelPredictor(model, "stub", tile=192).predict(torch.rand(1, 3, 160, 400))  # type: ignore[arg-type]
    assert prediction.maps is not None and prediction.maps.shape == (1, 160, 400) and prediction.scores.shape == (1,)
    assert len(model.sizes) > 1 and max(max(size[-2:]) for size in model.sizes) <= 192


@pytest.mark.parametrize(
    ("stub", "message"),
    [
        (Stub(maps=lambda images: images), "stub must return float maps (B, H, W)"),
        (Stub(maps=lambda images: images[:, 0] * 255), "maps in [0, 1]"),
        (Stub(scores=lambda images: images.mean((1, 2, 3)) + float("nan")), "scores in [0, 1]"),
        (Stub(scores=lambda images: images[:, :2, 0, 0]), "scores (B,)"),
    ],
)
def test_a_predictor_that_returns_something_else_is_refused(pairs: Path, stub: Stub, message: str) -> None:
    with pytest.raises(ValueError) as error:
        evaluate(stub, read_paired(pairs))
    assert message in str(error.value)


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_a_threshold_out_of_range_is_refused(pairs: Path, threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must lie in"):
        evaluate(Stub(), read_paired(pairs), threshold=threshold)


def test_progress_counts_images_up_to_the_last(pairs: Path) -> None:
    said: list[tuple[int, int]] = []
    evaluate(Stub(), read_paired(pairs), batch_size=4, progress=lambda done, total: said.append((done, total)))
    assert said == [(4, 18), (8, 18), (12, 18), (16, 18), (18, 18)]


def test_several_predictors_in_one_pass_are_as_one_by_one(pairs: Path) -> None:
    data = read_paired(pairs)
    *together, truth = evaluate_all(TRIVIAL_PREDICTORS, data, true_mask=True)
    assert together == [evaluate(each, data) for each in TRIVIAL_PREDICTORS]
    assert truth.pooled_pixel_auc == {"left": 1, "top": 1}


def test_a_model_is_judged_at_its_own_threshold(pairs: Path) -> None:
    stub = Stub(scores=lambda images: 0.2 + 0.1 * (images[:, 0, 0, 0] > 0.5).float())
    at_half = evaluate(stub, read_paired(pairs)).summary()
    stub.threshold = 0.25
    summary = evaluate(stub, read_paired(pairs)).summary()
    assert (at_half["decision_threshold"], at_half["false_positive_rate"]["mean"]) == (0.5, 0)
    bright = [noise(*SIZE, seed=index)[0, 0, 0] > 127 for index in range(6)]
    assert summary["decision_threshold"] == 0.25
    assert summary["false_positive_rate"]["mean"] == pytest.approx(np.mean(bright))
    assert sum(summary["calibration"]["counts"]) == 18


def test_the_level_of_half_the_truth_is_a_half(pairs: Path) -> None:
    data = read_paired(pairs)
    truth = {fake.fake.tobytes(): fake.true_map for fakes in data.generators.values() for fake in fakes}

    def half(images: Tensor) -> Tensor:
        pixels = (images * 255).round().byte().permute(0, 2, 3, 1).numpy()
        return torch.from_numpy(np.stack([0.5 * truth.get(each.tobytes(), np.zeros(SIZE)) for each in pixels])).float()

    overall = evaluate(Stub(maps=half), data).summary()["overall"]
    assert overall["map_level"]["mean"] == pytest.approx(0.5) and overall["coss"]["mean"] == pytest.approx(1)


def test_the_most_suspicious_photos_come_first_and_the_threshold_counts_as_fake() -> None:
    scores = (0.1, 0.5, 0.499, 0.9, *[0.0] * 20)
    photos = tuple(ScoredPhoto(f"{index}.png", value) for index, value in enumerate(scores))
    found = Evaluation("stub", 0.05, False, (), (), photos, ()).photo_summary()
    assert (found["photos"], found["called_fake"]) == (24, 2)
    assert [each["name"] for each in found["worst"][:4]] == ["3.png", "1.png", "2.png", "0.png"]
    assert found["false_positive_rate"]["high"] > 2 / 24, "few photos are no certainty"
    with pytest.raises(ValueError, match="no photo could be scored"):
        Evaluation("stub", 0.05, False, (), (), (), ()).photo_summary()
