from __future__ import annotations

import numpy as np
import pytest

from fakelocator_zoo.inference.localizer import Face, Localization, Verdict
from fakelocator_zoo.inference.render import FULL_COLOUR, explanation, heat, overlay, render, side_by_side
from tests.inference.stubs import noise


def result(image: np.ndarray, faces: tuple[Face, ...] = (), attention: np.ndarray | None = None) -> Localization:
    empty = np.zeros(image.shape[:2], np.float32)
    return Localization(image, empty, empty, empty, attention, 0.9, "fake", None, faces, not faces)


def test_clean_photo_stays_clean() -> None:
    image = noise(20, 30)
    np.testing.assert_array_equal(overlay(image, np.zeros((20, 30), np.float32)), image)


def test_the_scale_is_fixed() -> None:
    faint = np.full((4, 4), FULL_COLOUR / 50, np.float32)
    assert heat(faint).max() < 16
    np.testing.assert_array_equal(heat(np.full((4, 4), FULL_COLOUR)), heat(np.ones((4, 4))))


def test_heat_gets_lighter() -> None:
    ramp = heat(np.linspace(0, FULL_COLOUR, 200)[None]).astype(float) @ (0.299, 0.587, 0.114)
    assert (np.diff(ramp[0]) >= 0).all()
    assert ramp[0, 0] == 0
    assert ramp[0, -1] > 220


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="one size"):
        overlay(noise(4, 5), np.zeros((5, 4)))


@pytest.mark.parametrize("size", [(1, 1), (8, 800), (300, 200)])
@pytest.mark.parametrize("verdict", ["fake", "real", "unsure", "not judged"])
def test_any_size_and_verdict_is_drawn(size: tuple[int, int], verdict: Verdict) -> None:
    image = noise(*size)
    for faces in ((), (Face((0, 0, size[1], size[0]), 0.9, verdict),)):
        picture = render(result(image, faces))
        assert picture.shape == image.shape
        assert picture.dtype == np.uint8


def test_side_by_side() -> None:
    sheet = side_by_side([noise(100, 50), noise(30, 30)], ["a rather long caption", "b"], height=60)
    assert sheet.shape == (60 + 36 + 8, 30 + 60 + 3 * 8, 3)
    assert sheet[:36].min() < 128, "captions are drawn"
    with pytest.raises(ValueError, match="one title"):
        side_by_side([noise(3, 3)], [])


def test_explanation_has_a_panel_for_each_map_there_is() -> None:
    image, grey = noise(60, 60), np.full((60, 60), 0.5, np.float32)
    widths = [explanation(result(image, attention=attention)).shape[1] for attention in (None, grey)]
    # Photo, P(fake), magnitude, map and overlay; attention adds one.
    assert widths == [8 + count * (384 + 8) for count in (5, 6)]


def test_probabilities_have_their_own_scale() -> None:
    half = np.full((2, 2), 0.5, np.float32)
    assert heat(half, 1.0).max() < heat(half).max()
    np.testing.assert_array_equal(heat(np.ones((2, 2)), 1.0), heat(half))
