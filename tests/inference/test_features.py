from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fakelocator_zoo.inference.features import centre_crop, extract_features, model_identity
from tests.inference.stubs import StubModel, as_batch, noise

SIZES = [(40, 40), (33, 57), (40, 40), (64, 20), (40, 40), (33, 57)]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = []
    for index, (height, width) in enumerate(SIZES):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(noise(height, width, index)).save(paths[-1])
    return paths


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_each_photo_has_the_features_that_it_has_alone(photos: list[Path], batch_size: int) -> None:
    features = extract_features(StubModel(), photos, batch_size=batch_size)
    assert features.values.dtype == np.float32
    assert features.rows.tolist() == list(range(6)) and features.failures == {}
    with torch.inference_mode():
        expected = np.concatenate([StubModel().encode(as_batch(noise(*size, i))) for i, size in enumerate(SIZES)])
    np.testing.assert_allclose(features.values, expected, rtol=1e-4, atol=1e-5)


def test_crops_around_the_centre_and_never_resizes() -> None:
    image = noise(100, 75)
    assert centre_crop(image, None) is image
    np.testing.assert_array_equal(centre_crop(image, 64), image[16:80, 0:64])
    np.testing.assert_array_equal(centre_crop(image, 90), image[0:90])
    cropped, expected = (
        extract_features(StubModel(), [image], crop=64),
        extract_features(StubModel(), [image[16:80, :64]]),
    )
    np.testing.assert_array_equal(cropped.values, expected.values)


def test_one_bad_file_does_not_stop_the_rest(photos: list[Path]) -> None:
    photos[1].write_bytes(b"no image")
    features = extract_features(StubModel(), photos)
    assert features.rows.tolist() == [0, 2, 3, 4, 5]
    assert "1.png" in features.failures[1]
    with pytest.raises(ValueError, match=r"no image could be read: .*1\.png"):
        extract_features(StubModel(), photos[1:2])
    with pytest.raises(ValueError, match="no image could be read"):
        extract_features(StubModel(), [])


@pytest.mark.parametrize(
    ("options", "message"), [({"crop": 8}, "crop must be"), ({"batch_size": 0}, "batch_size must")]
)
def test_clear_errors(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        extract_features(StubModel(), [noise(40, 40)], **options)  # type: ignore[arg-type]


def test_half_precision_models_have_features() -> None:
    half, full = (extract_features(model, [noise(40, 40)]).values for model in (StubModel().half(), StubModel()))
    np.testing.assert_allclose(half, full, atol=0.05)


def test_identity_is_of_the_weights_wherever_they_are() -> None:
    model = StubModel()
    before = model_identity(model)
    assert model_identity(model.eval()) == before
    with torch.no_grad():
        next(model.parameters()).add_(1)
    assert model_identity(model) != before
