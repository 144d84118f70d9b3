"""Reliability by hand and beside torchmetrics; temperature and threshold of margins that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakelocator_zoo import Localizer
from fakelocator_zoo.evaluation import statistics
from fakelocator_zoo.evaluation.calibration import (
    CONDITIONS,
    ScoredImage,
    fit_calibration,
    fit_temperature,
    fit_threshold,
    fit_unsure,
    score_images,
)
from fakelocator_zoo.evaluation.reliability import draw_reliability, reliability
from fakelocator_zoo.images import ImageError
from tests.evaluation.conftest import save
from tests.inference.stubs import StubModel, smooth


def drawn(count: int, scale: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Margins, and labels that are fake as often as the margins over ``scale`` say."""
    rng = np.random.default_rng(seed)
    margins = scale * rng.normal(0, 2, count)
    return margins, rng.random(count) < 1 / (1 + np.exp(-margins / scale))


def test_reliability_by_hand() -> None:
    found = reliability(np.array([0.02, 0.04, 0.9, 1.0]), np.array([False, True, True, True]))
    assert found.counts.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    # The real image weighs 1/2, each fake 1/6.
    low = abs((0.02 / 2 + 0.04 / 6) - 1 / 6)
    high = abs((0.9 + 1.0) / 6 - 2 / 6)
    assert found.error == pytest.approx(low + high)


def test_probabilities_that_are_right_have_no_error() -> None:
    margins, labels = drawn(20_000)
    assert reliability(1 / (1 + np.exp(-margins)), labels).error < 0.02


def test_the_error_of_as_many_fakes_as_photos_is_that_of_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(0)
    real, fake = rng.random(200) ** 2, rng.random(200) ** 0.7
    expected = functional.binary_calibration_error(
        torch.from_numpy(np.concatenate([real, fake])), torch.arange(400) // 200, n_bins=10, norm="l1"
    )
    labels = np.arange(400) >= 200
    assert reliability(np.concatenate([real, fake]), labels).error == pytest.approx(float(expected), abs=1e-6)
    found = statistics.calibration_error(real, fake, np.ones((1, 200)), np.ones((1, 200)))
    assert found == pytest.approx([float(expected)], abs=1e-6)


def test_an_image_drawn_twice_counts_twice() -> None:
    real, fake = np.array([0.1, 0.35]), np.array([0.6, 0.95])
    drawn_twice = statistics.calibration_error(real, fake, np.array([[2.0, 1.0]]), np.array([[1.0, 0.0]]))
    assert drawn_twice == pytest.approx([reliability(np.array([0.1, 0.1, 0.35, 0.6]), np.arange(4) == 3).error])


def test_temperature_of_logits_that_were_scaled() -> None:
    margins, labels = drawn(20_000, scale=3)
    assert fit_temperature(margins, labels.astype(int)) == pytest.approx(3, rel=0.05)


def test_the_threshold_lets_the_given_share_pass() -> None:
    values = np.random.default_rng(0).random(1000)
    assert np.mean(values > fit_threshold(values, 0.05)) == pytest.approx(0.05, abs=0.001)


def test_unsure_starts_where_five_times_as_many_photos_pass() -> None:
    values = np.random.default_rng(0).random(1000)
    start = fit_threshold(values, 0.02) - fit_unsure(values, 0.02)
    assert np.mean(values > start) == pytest.approx(0.1, abs=0.001)
    assert fit_unsure(values, 0.3) == pytest.approx(fit_threshold(values, 0.3), abs=0.01), "no more than all photos"


def scored(count: int, scale: float) -> list[ScoredImage]:
    margins, labels = drawn(count, scale)
    return [
        ScoredImage(("one", "two")[number % 2] if fake else None, (float(margin),) * len(CONDITIONS))
        for number, (margin, fake) in enumerate(zip(margins, labels, strict=True))
    ]


def test_a_calibrated_model_has_a_small_error_on_images_that_it_was_not_fitted_to() -> None:
    fitted = fit_calibration(scored(4000, 3), 1.0, 0.1)
    assert fitted.temperature == pytest.approx(3, rel=0.1)
    assert set(fitted.reliability) == {f"{g}, {c}" for g in ("all", "one", "two") for c in CONDITIONS}
    assert all(found.error < 0.05 for found in fitted.reliability.values())


def test_without_fakes_the_temperature_stays() -> None:
    photos = [ScoredImage(None, (float(margin), np.nan)) for margin in range(40)]
    fitted = fit_calibration(photos, 2.0, 0.5)
    assert (fitted.temperature, fitted.reliability) == (2.0, {})
    assert fitted.threshold == pytest.approx(1 - 1e-4)  # the half of 0..39, over 2, is far above
    with pytest.raises(ValueError, match="19 photos could be judged; give 20"):
        fit_calibration(photos[:19], 1.0)
    with pytest.raises(ValueError, match="5 fakes could be judged; give 20"):
        fit_calibration([*photos, *[ScoredImage("gan", (1.0, 1.0))] * 5], 1.0)


def test_scores_are_the_margins_of_the_localizer(tmp_path: Path) -> None:
    good, bad = save(tmp_path / "good.png", smooth(160, 160)), tmp_path / "bad.png"
    bad.write_text("no image")
    small = save(tmp_path / "small.png", smooth(32, 32))
    model = StubModel()
    model.temperature = 4.0  # type: ignore[assignment]
    localizer = Localizer(model, find_faces=False)
    first, second, third = score_images(localizer, [(good, "gan"), (bad, None), (small, None)])
    assert isinstance(first, ScoredImage) and first.generator == "gan"
    assert 1 / (1 + np.exp(-first.margins[0] / 4)) == pytest.approx(localizer(good).fake_probability, abs=1e-5)
    assert isinstance(second, ImageError) and "bad.png" in str(second)
    assert third is None


def test_the_diagram_has_a_panel_for_each_name() -> None:
    margins, labels = drawn(200)
    found = reliability(1 / (1 + np.exp(-margins)), labels)
    one, four = draw_reliability({"a": found}), draw_reliability(dict.fromkeys("abcd", found))
    assert one.dtype == np.uint8 and four.shape[0] == 2 * one.shape[0] and four.shape[1] == 3 * one.shape[1]
    with pytest.raises(ValueError, match="no reliability"):
        draw_reliability({})
