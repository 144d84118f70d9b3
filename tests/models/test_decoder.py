from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fakelocator_zoo.models.decoder import FakeLocatorDecoder, Upsample
from fakelocator_zoo.models.heads import FakenessHead

KINDS = ["transposed", "nearest", "bilinear", "pixel_shuffle"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(8, 10), (7, 9), (9, 11)])
def test_upsample_reaches_any_size_near_twice(kind, size):
    upsample = Upsample(kind, 6)
    output = upsample(torch.rand(1, 6, 4, 5), *size)
    assert output.shape == (1, upsample.out_channels, *size)


def test_interpolation_is_torchs():
    x = torch.rand(1, 3, 4, 5)
    torch.testing.assert_close(Upsample("nearest", 3)(x, 8, 10), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(
        Upsample("bilinear", 3)(x, 8, 10), F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    )


@pytest.mark.parametrize("kind", ["transposed", "pixel_shuffle"])
def test_learnt_steps_have_weights_and_halve_channels(kind):
    upsample = Upsample(kind, 8)
    assert upsample.out_channels == 4 and list(upsample.parameters())
    assert not list(Upsample("nearest", 8).parameters())


def features(channels: list[int], height: int = 64, width: int = 96) -> list[torch.Tensor]:
    return [torch.rand(2, c, height >> level, width >> level) for level, c in enumerate(channels)]


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [[3, 4, 6, 8, 10, 12], [3, 0, 6, 8, 10, 12], [3, 4, 6, 8]])
@pytest.mark.parametrize("texture", [0, 5])
def test_decoder_reaches_full_resolution(kind, channels, texture):
    outputs = (16, 12, 8, 6, 4)[-(len(channels) - 1) :]
    decoder = FakeLocatorDecoder(channels, outputs, kind, texture).eval()
    extra = torch.rand(2, texture, 32, 48) if texture else None
    assert decoder(features(channels), extra).shape == (2, 4, 64, 96)


@torch.no_grad()
def test_every_skip_and_the_texture_are_used():
    channels = [3, 4, 6, 8, 10, 12]
    decoder = FakeLocatorDecoder(channels, (16, 12, 8, 6, 4), "bilinear", 5).eval()
    inputs, texture = features(channels), torch.rand(2, 5, 32, 48)
    before = decoder(inputs, texture)
    for level in range(1, 6):
        changed = [f + 1 if i == level else f for i, f in enumerate(inputs)]
        assert not torch.allclose(decoder(changed, texture), before)
    assert not torch.allclose(decoder(inputs, texture + 1), before)
    assert torch.equal(decoder([inputs[0] + 1, *inputs[1:]], texture), before), "the image itself is no skip"


def test_wrong_number_of_channels():
    with pytest.raises(ValueError, match="2 entries but the encoder has 3 stages"):
        FakeLocatorDecoder([3, 4, 6, 8], (8, 8))


@torch.no_grad()
def test_the_head_gives_an_amount():
    amount = FakenessHead(4)(10 * torch.randn(1, 4, 8, 8))
    assert amount.shape == (1, 1, 8, 8) and amount.min() >= 0 and amount.max() <= 1
