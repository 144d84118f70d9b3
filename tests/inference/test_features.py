from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from fakelocator_zoo import FakeLocator
from fakelocator_zoo import features as features_module
from fakelocator_zoo.inference.features import centre_crop, extract_features, model_identity
from fakelocator_zoo.models.texture import noise_penalty
from tests.conftest import TINY_CHANNELS
from tests.inference.stubs import noise

SIZES = [(40, 40), (33, 57), (40, 40), (64, 20), (40, 40), (33, 57)]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = []
    for index, (height, width) in enumerate(SIZES):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(noise(height, width, index)).save(paths[-1])
    return paths


def as_batch(index: int) -> torch.Tensor:
    return torch.from_numpy(noise(*SIZES[index], index)).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_pooled_features_of_images_of_any_size(tiny_model: FakeLocator, photos: list[Path], batch_size: int) -> None:
    features = extract_features(tiny_model, photos, stage="deepest", statistics=("mean",), batch_size=batch_size)
    assert features.values.dtype == np.float32
    assert features.rows.tolist() == list(range(6))
    assert features.failures == {}
    with torch.inference_mode():
        expected = np.concatenate([tiny_model.encode(as_batch(index)).numpy() for index in range(6)])
    np.testing.assert_allclose(features.values, expected, rtol=1e-4, atol=1e-5)


def test_every_kind_of_image(tiny_model: FakeLocator, photos: list[Path]) -> None:
    array = noise(40, 40, 0)
    images = [photos[0], str(photos[0]), array, Image.fromarray(array), as_batch(0)[0]]
    values = extract_features(tiny_model, images).values
    np.testing.assert_allclose(values, np.repeat(values[:1], 5, axis=0), rtol=1e-4, atol=1e-5)


def test_stages_and_statistics(tiny_model: FakeLocator, photos: list[Path]) -> None:
    with torch.inference_mode():
        maps = tiny_model.encode_stages(as_batch(0)).features
    for stage, feature in ((2, maps[2]), ("deepest", maps[-1])):
        pixels = feature[0].flatten(1).numpy()
        expected = np.concatenate([pixels.mean(1), pixels.std(1), pixels.max(1)])
        found = extract_features(tiny_model, photos[:1], stage=stage, statistics=("mean", "std", "max"))  # type: ignore[arg-type]
        np.testing.assert_allclose(found.values[0], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [(40, 40), (33, 57)])
def test_texture_features_are_what_the_logits_are_made_of(tiny_model: FakeLocator, size: tuple[int, int]) -> None:
    assert tiny_model.texture is not None
    tiny_model.texture.window = 1
    image = noise(*size)
    even = np.pad(image, ((0, size[0] % 2), (0, size[1] % 2), (0, 0)), mode="edge")
    images = torch.from_numpy(even).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        logits = tiny_model.texture(images).logits + noise_penalty(images, window=1)
    last = tiny_model.texture.head[-1]
    assert isinstance(last, torch.nn.Conv2d)
    assert last.bias is not None
    found = extract_features(tiny_model, [image], stage="texture", statistics=("mean",)).values[0]
    expected = float(logits.mean() - last.bias.detach())
    assert found @ last.weight.detach().flatten().numpy() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_by_default_the_stem_and_without_one_the_encoder(tiny_model: FakeLocator) -> None:
    image = noise(40, 40)
    expected = extract_features(tiny_model, [image], stage="texture", statistics=("mean", "std")).values
    np.testing.assert_array_equal(extract_features(tiny_model, [image]).values, expected)
    plain = FakeLocator("tu-test_resnet", encoder_weights=None, decoder_channels=TINY_CHANNELS, texture_stem=None)
    expected = extract_features(plain, [image], stage="deepest", statistics=("mean", "std")).values
    np.testing.assert_array_equal(extract_features(plain, [image]).values, expected)


def test_crops_around_the_centre_and_never_resizes(tiny_model: FakeLocator) -> None:
    image = noise(100, 75)
    assert centre_crop(image, None) is image
    np.testing.assert_array_equal(centre_crop(image, 64), image[18:82, 4:68])
    np.testing.assert_array_equal(centre_crop(image, 90), image[4:94])
    cropped = extract_features(tiny_model, [image], crop=64).values
    np.testing.assert_allclose(cropped, extract_features(tiny_model, [image[18:82, 4:68]]).values, rtol=1e-4, atol=1e-5)


def test_one_bad_file_does_not_stop_the_rest(tiny_model: FakeLocator, photos: list[Path], tmp_path: Path) -> None:
    photos[1].write_bytes(b"no image")
    cache = tmp_path / "cache" / "features.safetensors"
    for _ in range(2):  # the second time from the cache
        features = extract_features(tiny_model, photos, cache=cache)
        assert features.rows.tolist() == [0, 2, 3, 4, 5]
        assert list(features.failures) == [1]
        assert "is not an image" in features.failures[1]
    with pytest.raises(ValueError, match="no image could be read: .*1.png is not an image"):
        extract_features(tiny_model, photos[1:2])
    with pytest.raises(ValueError, match="no image could be read"):
        extract_features(tiny_model, [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stage": 9}, "no stage 9; it has 1, 2, 3, 4, 5"),
        ({"stage": 0}, "no stage 0"),
        ({"statistics": ("median",)}, "statistics must be some of"),
        ({"statistics": "mean"}, "statistics must be some of"),
        ({"statistics": ()}, "statistics must be some of"),
        ({"crop": 8}, "crop must be"),
        ({"batch_size": 0}, "batch_size must be"),
    ],
)
def test_clear_errors(tiny_model: FakeLocator, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        extract_features(tiny_model, [noise(40, 40)], **options)  # type: ignore[arg-type]


def test_a_model_without_texture_stem_says_so() -> None:
    model = FakeLocator("tu-test_resnet", encoder_weights=None, decoder_channels=TINY_CHANNELS, texture_stem=None)
    with pytest.raises(ValueError, match="no texture stem"):
        extract_features(model, [noise(40, 40)], stage="texture")


def test_the_cache_is_used(
    tiny_model: FakeLocator, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "features.safetensors"
    first = extract_features(tiny_model, photos, cache=cache)
    monkeypatch.setattr(features_module, "_pool", None)
    second = extract_features(tiny_model, photos, cache=cache)
    np.testing.assert_array_equal(second.values, first.values)
    np.testing.assert_array_equal(second.rows, first.rows)
    with safe_open(cache, framework="np") as file:
        assert set(file.keys()) == {"values", "rows"}
        assert file.metadata()["weights"] == model_identity(tiny_model)["weights"]


@pytest.mark.parametrize("change", ["weights", "config", "options", "images", "image", "damage"])
def test_a_cache_that_does_not_match_is_refused(
    tiny_model: FakeLocator, photos: list[Path], tmp_path: Path, change: str
) -> None:
    cache = tmp_path / "features.safetensors"
    extract_features(tiny_model, photos, cache=cache)
    content = cache.read_bytes()
    words, options = (
        {
            "weights": "made with other weights",
            "config": "made with another model",
            "options": "made with other options",
            "images": "made of other images",
            "image": "made of other images",
            "damage": "is no whole cache",
        }[change],
        {},
    )
    if change == "weights":
        with torch.no_grad():
            next(tiny_model.encoder.parameters()).add_(1e-3)
    elif change == "config":
        tiny_model._config["dropout"] = 0.5
    elif change == "options":
        options = {"crop": 64}
    elif change == "images":
        photos = photos[:-1]
    elif change == "image":
        os.utime(photos[0], (1, 1))
    else:
        cache.write_bytes(content[: len(content) // 2])
        content = cache.read_bytes()
    with pytest.raises(ValueError, match=words) as caught:
        extract_features(tiny_model, photos, cache=cache, **options)  # type: ignore[arg-type]
    assert str(caught.value).endswith("delete it, or give another file")
    assert cache.read_bytes() == content


def test_an_interrupted_cache_leaves_nothing(
    tiny_model: FakeLocator, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        extract_features(tiny_model, photos, cache=tmp_path / "cache" / "f.safetensors")
    assert list((tmp_path / "cache").iterdir()) == []


def test_identity_is_of_the_weights_wherever_they_are(tiny_model: FakeLocator) -> None:
    before = model_identity(tiny_model)
    assert model_identity(tiny_model.train()) == before
    with torch.no_grad():
        tiny_model.classification_head.linear.bias.add_(1)
    assert model_identity(tiny_model) != before
