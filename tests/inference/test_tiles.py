from __future__ import annotations

import numpy as np
import pytest
import torch

from fakelocator_zoo import FakeLocator
from fakelocator_zoo.inference.tiles import TiledOutput, predict
from tests.inference.stubs import StubModel, as_batch, noise


def image(height: int, width: int) -> torch.Tensor:
    return as_batch(noise(height, width))


@torch.inference_mode()
def untiled(model: StubModel, images: torch.Tensor) -> TiledOutput:
    out = model(images)
    attention = None if out.attention is None else out.attention[:, 0]
    maps = (out.p_fake[:, 0], out.magnitude[:, 0], attention)
    return TiledOutput(out.fakeness_map[:, 0], out.fake_probability, *maps, out.face_found)


@pytest.mark.parametrize("size", [(300, 500), (257, 129), (8, 1000), (1000, 8), (128, 129), (1, 1)])
@pytest.mark.parametrize("attention", [False, True])
def test_maps_and_decision_do_not_depend_on_the_tiles(size: tuple[int, int], attention: bool) -> None:
    model, images = StubModel(attention).eval(), image(*size)
    expected = untiled(model, images)
    for tile, overlap in ((128, 32), (128, 64), (256, 16), (768, 64)):
        model.sizes.clear()
        tiled = predict(model, images, tile, overlap)
        assert max(max(shape[2:]) for shape in model.sizes) <= tile
        for name in TiledOutput._fields:
            torch.testing.assert_close(getattr(tiled, name), getattr(expected, name), atol=1e-5, rtol=1e-4)


def test_attention_is_found_once_in_the_whole_image() -> None:
    model = StubModel(attention=True).eval()
    predict(model, image(300, 500), tile=128, overlap=32)
    assert [each.shape for each in model.attended] == [(1, 3, 300, 500)]


def test_tiles_of_a_fakelocator(tiny_model: FakeLocator) -> None:
    """In eval mode, as it is used: some of its dense outputs are those of training alone."""
    found = predict(tiny_model.eval(), image(200, 300), tile=128, overlap=32)
    assert found.fakeness_map.shape == (1, 200, 300)
    assert 0 <= found.fakeness_map.min() <= found.fakeness_map.max() <= 1


def test_the_parser_sees_a_large_image_reduced() -> None:
    model = StubModel(attention=True).eval()
    found = predict(model, torch.zeros(1, 3, 16, 3000, dtype=torch.uint8))
    assert model.attended[0].shape == (1, 3, 5, 1000)
    assert found.attention is not None and found.attention.shape == (1, 16, 3000)


def test_a_batch_equals_its_images() -> None:
    model, images = StubModel().eval(), torch.cat([as_batch(noise(40, 60, seed)) for seed in range(3)])
    batch = predict(model, images)
    for index in range(3):
        alone = predict(model, images[index : index + 1])
        torch.testing.assert_close(batch.fakeness_map[index], alone.fakeness_map[0])
        torch.testing.assert_close(batch.fake_probability[index], alone.fake_probability[0])


def test_uint8_is_read_as_255ths() -> None:
    pixels = torch.from_numpy(noise(40, 60)).permute(2, 0, 1)[None]
    model = StubModel().eval()
    torch.testing.assert_close(predict(model, pixels), predict(model, pixels / 255))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_floating_dtype_runs_on_the_cpu(dtype: torch.dtype) -> None:
    expected = predict(StubModel(attention=True).eval(), image(64, 64))
    found = predict(StubModel(attention=True).eval().to(dtype), image(64, 64))
    assert found.fakeness_map.dtype == torch.float32
    torch.testing.assert_close(found.fakeness_map, expected.fakeness_map, atol=0.05, rtol=0)


def test_a_dtype_that_the_device_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*arguments: object) -> None:
        raise NotImplementedError("\"reflection_pad2d\" not implemented for 'Half'")

    model = StubModel().eval().half()
    monkeypatch.setattr(model, "dense", lacking)
    with pytest.raises(ValueError, match=r"cannot run as torch.float16 on cpu; use model.float\(\)"):
        predict(model, image(8, 8))


@pytest.mark.parametrize(("tile", "overlap"), [(100, 32), (128, 72), (128, 0), (128, 8)])
def test_bad_tile_sizes(tile: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="tile must be a multiple of 8, overlap a multiple of 16"):
        predict(StubModel(), image(10, 10), tile=tile, overlap=overlap)


def test_bad_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
        predict(StubModel(), torch.rand(1, 1, 10, 10))


def test_twelve_megapixels_are_read_in_pieces() -> None:
    pixels = torch.from_numpy(np.zeros((1, 3, 3000, 4000), np.uint8))
    model = StubModel().eval()
    found = predict(model, pixels)
    assert found.fakeness_map.shape == (1, 3000, 4000)
    assert max(max(shape[2:]) for shape in model.sizes) == 768
