from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

from fakelocator_zoo.inference.quality import DEFAULT_LIMITS, is_halftone, jpeg_quality, limits_of, poor_region
from tests.inference.stubs import noise, smooth


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return data.astronaut()


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content))


def grey(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image).convert("L")


def rgb(image: Image.Image | np.ndarray) -> np.ndarray:
    return np.asarray((image if isinstance(image, Image.Image) else Image.fromarray(image)).convert("RGB"))


def error_diffusion(image: np.ndarray) -> np.ndarray:
    return rgb(grey(image).convert("1"))


def ordered(image: np.ndarray) -> np.ndarray:
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) * 16 + 8
    values = np.asarray(grey(image))
    repeats = [-(-length // 4) for length in values.shape]
    return rgb(
        np.where(values > np.tile(bayer, repeats)[: values.shape[0], : values.shape[1]], 255, 0).astype(np.uint8)
    )


def printed(image: np.ndarray, cell: int) -> np.ndarray:
    """Dots at 45 degrees that grow with darkness, smoothed as by a scanner."""
    large = np.asarray(grey(image).resize((image.shape[1] * 2, image.shape[0] * 2))) / 255
    y, x = np.mgrid[: large.shape[0], : large.shape[1]] * np.pi / (cell * np.sqrt(2))
    screen = (np.cos(x + y) + np.cos(x - y)) / 4 + 0.5
    dots = np.where(large > screen, 255, 0).astype(np.uint8)
    return rgb(Image.fromarray(dots).resize((image.shape[1], image.shape[0]), Image.Resampling.BOX))


HALFTONES = {
    "error diffusion": error_diffusion,
    "ordered dithering": ordered,
    "fine print": lambda image: printed(image, 4),
    "coarse print": lambda image: printed(image, 8),
    "dithered, saved as JPEG": lambda image: as_jpeg(error_diffusion(image), 75),
    "print, scanned": lambda image: as_jpeg(
        rgb(Image.fromarray(printed(image, 6)).filter(ImageFilter.GaussianBlur(1))), 90
    ),
    "dithered, enlarged": lambda image: error_diffusion(image).repeat(2, axis=0).repeat(2, axis=1),
    "threshold": lambda image: rgb(grey(image).point(lambda value: 255 * (value > 127))),
}


@pytest.mark.parametrize("kind", list(HALFTONES))
def test_halftones_are_recognised(photo: np.ndarray, kind: str) -> None:
    assert is_halftone(HALFTONES[kind](photo))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket", "camera", "moon", "grass", "gravel"])
def test_photos_are_no_halftones(name: str) -> None:
    image = getattr(data, name)()
    assert not is_halftone(rgb(image))


def test_noisy_and_compressed_photos_are_no_halftones(photo: np.ndarray) -> None:
    noisy = np.clip(photo + np.random.default_rng(0).normal(0, 20, photo.shape), 0, 255).astype(np.uint8)
    assert not is_halftone(noisy)
    assert not is_halftone(as_jpeg(photo, 10))


@pytest.mark.parametrize("quality", [10, 30, 49, 60, 75, 90])
def test_jpeg_quality_is_estimated_from_pixels(photo: np.ndarray, quality: int) -> None:
    decoded = as_jpeg(photo, quality)
    assert jpeg_quality(decoded) == pytest.approx(quality, abs=3)
    assert jpeg_quality(decoded[5:300, 3:300]) == pytest.approx(quality, abs=3), "wherever the grid begins"


@pytest.mark.parametrize(
    "image", [noise(64, 64), smooth(200, 200), np.zeros((64, 64, 3), np.uint8), noise(1, 1), noise(3, 300), noise(8, 8)]
)
def test_what_was_no_jpeg_has_no_quality(image: np.ndarray) -> None:
    assert jpeg_quality(image) is None


def test_reasons_name_what_is_wrong(photo: np.ndarray) -> None:
    assert poor_region(photo, 64, DEFAULT_LIMITS) is None
    assert poor_region(photo, 63, DEFAULT_LIMITS) == "too small to judge: 63 px, at least 64 px are needed"
    assert poor_region(error_diffusion(photo), 64, DEFAULT_LIMITS) == "not a photograph: 1-bit or halftone"


def test_limits_of_the_model_come_first() -> None:
    model = SimpleNamespace(limits={"smallest_face": 40})
    assert limits_of(model)["smallest_face"] == 40
    assert limits_of(model)["unsure"] == DEFAULT_LIMITS["unsure"]
    assert limits_of(object()) == DEFAULT_LIMITS
    with pytest.raises(ValueError, match="smallest_ear is none of smallest_face"):
        limits_of(SimpleNamespace(limits={"smallest_ear": 40}))


@pytest.mark.data
def test_photos_and_their_halftones(data_folder: Path) -> None:
    paths = sorted(data_folder.glob("photos/cameras/*.jpg"))[::15]
    images = [np.asarray(Image.open(path).convert("RGB"))[:480, :480] for path in paths]
    assert not any(map(is_halftone, images))
    for kind, halftone in HALFTONES.items():
        assert all(is_halftone(halftone(image)) for image in images), kind
