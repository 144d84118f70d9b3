from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch

from fakelocator_zoo import FakeLocator
from fakelocator_zoo.inference.tiles import _spans, _weights, predict_tiled
from fakelocator_zoo.models.heads import combine_factors, image_weight, painted_if_fake
from tests.conftest import TINY_CHANNELS
from tests.inference.stubs import StubModel


def whole(model: StubModel, image: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model(image[None]).fakeness_map[0, 0]


@pytest.mark.parametrize("size", [(300, 500), (257, 129), (8, 1000), (1000, 8)])
def test_tiled_equals_untiled(model: StubModel, size: tuple[int, int]) -> None:
    image = torch.rand(3, *size)
    tiled = predict_tiled(model, image, tile=128, overlap=32)
    assert len(model.sizes) > 1
    assert max(max(shape[2:]) for shape in model.sizes) <= 128
    torch.testing.assert_close(tiled.fakeness_map, whole(model, image), atol=1e-5, rtol=0)


def test_one_tile_goes_through_whole(model: StubModel) -> None:
    image = torch.rand(3, 100, 128)
    prediction = predict_tiled(model, image, tile=128, overlap=32)
    assert model.sizes == [(1, 3, 100, 128)]
    torch.testing.assert_close(prediction.fakeness_map, whole(model, image), atol=1e-6, rtol=0)


def test_one_pixel_and_uint8(model: StubModel) -> None:
    image = torch.full((3, 1, 1), 255, dtype=torch.uint8)
    prediction = predict_tiled(model, image)
    assert prediction.fakeness_map.shape == (1, 1)
    assert prediction.fake_probability == pytest.approx(torch.tensor(4.0).sigmoid().item())


def test_probability_is_that_of_the_most_suspicious_tile(model: StubModel) -> None:
    image = torch.full((3, 128, 512), 0.1)
    low = predict_tiled(model, image, tile=128, overlap=32).fake_probability
    image[:, 64, 400] = 1
    high = predict_tiled(model, image, tile=128, overlap=32).fake_probability
    assert high > 0.97 > 0.2 > low


def test_attention_is_blended_at_full_resolution() -> None:
    image = torch.full((3, 200, 300), 0.25)
    attention = predict_tiled(StubModel(attention=True), image, tile=128, overlap=32).attention
    assert attention is not None
    torch.testing.assert_close(attention, torch.full((200, 300), 0.25), atol=1e-5, rtol=0)


@pytest.mark.parametrize("length", [1, 127, 128, 129, 200, 511, 3001, 8000])
def test_spans_cover_overlap_and_sum_to_one(length: int) -> None:
    spans = _spans(length, 128, 32)
    assert spans[0][0] == 0
    assert spans[-1][1] == length
    assert all(start % 32 == 0 and 0 < end - start <= 128 for start, end in spans)
    assert all(a[1] - b[0] >= 32 for a, b in pairwise(spans))
    total = torch.zeros(length)
    for (start, end), weight in zip(spans, _weights(spans, length, 32), strict=True):
        total[start:end] += weight
    torch.testing.assert_close(total, torch.ones(length))


@pytest.mark.parametrize(("tile", "overlap"), [(100, 32), (128, 60), (128, 0), (64, 32)])
def test_bad_tile_sizes(model: StubModel, tile: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        predict_tiled(model, torch.rand(3, 10, 10), tile=tile, overlap=overlap)


def test_bad_shape(model: StubModel) -> None:
    with pytest.raises(ValueError, match=r"\(3, H, W\)"):
        predict_tiled(model, torch.rand(1, 3, 10, 10))


class PointingParser(torch.nn.Module):
    """A face is where the image is brightest: hair is every pixel brighter than half of the brightest."""

    parts = ("background", "hair")

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        grey = images.mean(dim=1, keepdim=True)
        hair = (grey > grey.amax() / 2).float()
        return torch.cat([1 - hair, hair], dim=1)

    def has_face(self, probabilities: torch.Tensor) -> torch.Tensor:
        return probabilities[:, 1].amax(dim=(1, 2)) > 0


def tiny(**arguments: Any) -> FakeLocator:
    return FakeLocator("tu-test_resnet", encoder_weights=None, decoder_channels=TINY_CHANNELS, **arguments).eval()


def test_attention_of_a_large_image_is_found_once_in_the_whole() -> None:
    parser = PointingParser()
    model = tiny(attention="hair", face_parser=parser)
    image = torch.full((3, 128, 256), 0.1)
    image[:, :, :64] = 1
    prediction = predict_tiled(model, image, tile=128, overlap=32, explain=True)
    assert parser.calls == 1
    assert prediction.face_found is True
    assert prediction.attention is not None and prediction.texture_map is not None and prediction.change is not None
    # Every tile by itself has a brightest place; the whole image has one alone.
    assert prediction.attention[:, :60].min() > 0.9
    assert prediction.attention[:, 70:].max() < 0.1
    weight = image_weight(torch.tensor(prediction.fake_probability))
    painted = painted_if_fake(prediction.texture_map[None, None])[0, 0]
    product = weight * painted * prediction.change * prediction.attention
    torch.testing.assert_close(product, prediction.fakeness_map, atol=0.05, rtol=0)


def test_a_prior_weighs_every_tile_by_what_was_found_in_the_whole() -> None:
    torch.manual_seed(0)
    model = tiny(attention="hair", attention_mode="prior", face_parser=PointingParser())
    image = torch.rand(3, 128, 256) * 0.1
    image[:, :, :64] *= 10
    prediction = predict_tiled(model, image, tile=128, overlap=32, explain=True)
    factors = (prediction.texture_map, prediction.change, prediction.attention)
    texture_map, change, attention = (each[None, None] for each in factors if each is not None)
    probability = torch.tensor([prediction.fake_probability])
    combined = combine_factors(probability, texture_map, change, attention, "prior")
    torch.testing.assert_close(combined[0, 0], prediction.fakeness_map)
    # A tile without any of the parts has nothing to compare with, and would be left as it is.
    assert prediction.attention is not None and prediction.attention[:, 128:].max() == 0
    unweighted = combine_factors(probability, texture_map, change, None, "prior")[0, 0]
    assert (prediction.fakeness_map[:, 128:] < 0.9 * unweighted[:, 128:]).all()
    plain = predict_tiled(model, image, tile=128, overlap=32)
    torch.testing.assert_close(plain.fakeness_map, prediction.fakeness_map)
    assert plain.texture_map is None and plain.change is None


def test_factors_of_the_map_are_kept_on_request_alone() -> None:
    image = torch.rand(3, 64, 64)
    model = tiny()
    assert predict_tiled(model, image).texture_map is None
    explained = predict_tiled(model, image, explain=True)
    assert explained.texture_map is not None and explained.change is not None
    painted = painted_if_fake(explained.texture_map[None, None])[0, 0]
    product = image_weight(torch.tensor(explained.fake_probability)) * painted * explained.change
    torch.testing.assert_close(product, explained.fakeness_map)
    assert explained.face_found is None
