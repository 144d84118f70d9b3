from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

from fakelocator_zoo.transforms.degradations import (
    DEGRADATIONS,
    blur,
    chroma,
    degradation,
    downscale,
    jpeg,
    noise,
    parse_degradation,
)


@pytest.fixture
def image() -> np.ndarray:
    """Smooth noise, (40, 60, 3) uint8."""
    values = gaussian_filter(np.random.default_rng(0).normal(128, 200, (40, 60, 3)), (2, 2, 0))
    return values.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "strength"), [("jpeg", 75), ("blur", 1.5), ("noise", 5), ("downscale", 1.0), ("chroma", 2)]
)
def test_every_degradation_gives_an_image_and_the_same_one_again(image, name, strength):
    before = image.copy()
    degrade = degradation(name, strength)
    once = degrade(image)
    assert once.dtype == np.uint8 and once.shape == image.shape
    assert np.array_equal(degrade(image), once)
    assert np.array_equal(image, before), "the image itself is left alone"


def test_jpeg_loses_more_at_lower_quality(image):
    losses = [np.abs(jpeg(image, quality).astype(int) - image).mean() for quality in (98, 75, 30)]
    assert 0 < losses[0] < losses[1] < losses[2]


def test_blur_is_that_of_pillow_nearly(image):
    # Pillow approximates the Gaussian by three boxes.
    expected = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(2.0)))
    difference = np.abs(blur(image, 2.0).astype(int) - expected)[8:-8, 8:-8]
    assert difference.mean() < 1 < np.abs(blur(image, 2.0).astype(int) - image)[8:-8, 8:-8].mean()


def test_blur_of_nothing_changes_nothing(image):
    assert np.array_equal(blur(image, 0), image)


def test_noise_has_its_sigma_and_no_mean():
    grey = np.full((200, 200, 3), 128, np.uint8)
    added = noise(grey, 6.0).astype(int) - 128
    assert added.std() == pytest.approx(6.0, rel=0.02)
    assert abs(added.mean()) < 0.1


def test_noise_differs_between_images_and_between_seeds(image):
    other = image.copy()
    other[0, 0] ^= 1
    assert not np.array_equal(noise(image, 5.0)[1:], noise(other, 5.0)[1:])
    assert not np.array_equal(noise(image, 5.0, seed=1), noise(image, 5.0, seed=2))


@pytest.mark.parametrize(("factor", "expected"), [(0.5, (20, 30, 3)), (0.25, (10, 15, 3)), (0.001, (1, 1, 3))])
def test_downscale_gives_a_smaller_image(image, factor, expected):
    small = downscale(image, factor)
    assert small.shape == expected
    assert small.mean() == pytest.approx(image.mean(), abs=8)


@pytest.mark.parametrize(
    ("name", "strength", "message"),
    [
        ("sepia", 1, "unknown degradation 'sepia'; take one of jpeg, blur"),
        ("downsample", 0.5, "unknown degradation 'downsample'; did you mean 'downscale'?"),
        ("jpeg", 0, "1..100"),
        ("jpeg", 101, "1..100"),
        ("blur", -1, "not be negative"),
        ("noise", -1, "not be negative"),
        ("downscale", 0, "(0, 1]"),
        ("downscale", 1.5, "(0, 1]"),
        ("chroma", 0.5, "at least 1"),
    ],
)
def test_a_bad_degradation_is_refused_before_the_first_photo(name, strength, message):
    with pytest.raises(ValueError) as error:
        degradation(name, strength)
    assert message in str(error.value)


@pytest.mark.parametrize("factor", [2, 4])
def test_chroma_changes_the_colour_and_keeps_the_luma(factor):
    noise = np.random.default_rng(0).integers(108, 148, (40, 60, 3), dtype=np.uint8)
    before, after = (np.asarray(Image.fromarray(each).convert("YCbCr")) for each in (noise, chroma(noise, factor)))
    assert np.abs(after[..., 0].astype(int) - before[..., 0]).mean() < 2
    assert (after[..., 1:].std(axis=(0, 1)) < before[..., 1:].std(axis=(0, 1)) / 1.5).all()
    grey = np.repeat(noise[..., :1], 3, axis=2)
    np.testing.assert_allclose(chroma(grey, factor), grey, atol=1)


@pytest.mark.parametrize(
    ("text", "expected"), [("jpeg=75", ("jpeg", 75.0)), (" downscale = 5e-1", ("downscale", 0.5)), ("x=1", ("x", 1.0))]
)
def test_a_degradation_is_written_with_its_strength(text, expected):
    assert parse_degradation(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur", "'blur' is no degradation with its strength; write it as blur=STRENGTH"),
        ("", "write it as jpeg=STRENGTH"),
        ("blur=", "the strength of 'blur' must be a number, got ''"),
        ("blur=much", "the strength of 'blur' must be a number, got 'much'"),
        ("noise=nan", "must be a number, got 'nan'"),
        ("blur=inf", "must be a number, got 'inf'"),
    ],
)
def test_what_is_no_degradation_with_its_strength_is_told(text, message):
    with pytest.raises(ValueError) as error:
        parse_degradation(text)
    assert message in str(error.value)


def test_every_degradation_is_tested_here():
    assert set(DEGRADATIONS) == {"jpeg", "blur", "noise", "downscale", "chroma"}
