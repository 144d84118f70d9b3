from __future__ import annotations

import pytest
import torch

from fakelocator_zoo.models.texture import (
    TextureStem,
    box_mean,
    colour_noise,
    neighbour_residual,
    noise_penalty,
    painted_probability,
)


def test_residual_by_hand():
    image = torch.tensor([[1.0, 2, 5, 5], [3, 4, 5, 6], [0, 0, 7, 9], [0, 1, 8, 7]]).view(1, 1, 4, 4)
    expected = torch.tensor([[0.0, 1, 0, 0], [2, 3, 0, 1], [0, 0, 0, 2], [0, 1, 1, 0]]).view(1, 1, 4, 4)
    assert torch.equal(neighbour_residual(image), expected)


def test_residual_of_nearest_upsampling_is_zero():
    small = torch.rand(2, 3, 8, 8)
    assert not neighbour_residual(torch.nn.functional.interpolate(small, scale_factor=2, mode="nearest")).any()


@torch.no_grad()
def test_stem_shapes():
    output = TextureStem(16)(torch.rand(2, 3, 20, 34))
    assert output.features.shape == (2, 16, 10, 17) and output.logits.shape == (2, 1, 10, 17)


@torch.no_grad()
def test_receptive_field_of_the_features():
    stem = TextureStem(8).eval()
    image = torch.rand(1, 3, 64, 64)
    changed = image.clone()
    changed[..., 33, 33] += 1  # not the first pixel of its cell, so the residual changes there alone
    moved = (stem(image).features - stem(changed).features).abs().amax(dim=1)[0].nonzero()
    reach = (2 * moved - 33).abs().amax()
    assert 0 < reach <= 5


@torch.no_grad()
def test_brightness_does_not_matter():
    stem, image = TextureStem(8).eval(), torch.rand(1, 3, 32, 32) / 2
    torch.testing.assert_close(stem(image).features, stem(image + 0.25).features, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [(4, 5), (19, 19), (40, 23)])
def test_box_mean_is_torchs_pooling(size):
    """Of maps smaller than the window as well."""
    maps = torch.randn(2, 1, *size)
    expected = torch.nn.functional.avg_pool2d(maps, 9, stride=1, padding=4, count_include_pad=False)
    torch.testing.assert_close(box_mean(maps, 9), expected)


@pytest.mark.parametrize("channels", [0, 3, 6, -4])
def test_bad_channels(channels):
    with pytest.raises(ValueError, match="multiple of 4"):
        TextureStem(channels)


@torch.no_grad()
def test_the_coarse_scale_sees_what_the_fine_one_cannot() -> None:
    stem = TextureStem(8).eval()
    # Constant in each cell of 2 x 2 pixels: the fine residual is empty, that of half the size is not.
    image = torch.rand(1, 3, 16, 16).repeat_interleave(2, -1).repeat_interleave(2, -2)
    flat = torch.full_like(image, 0.5)
    torch.testing.assert_close(stem(image).features, stem(flat).features)
    assert not torch.allclose(stem(image).logits, stem(flat).logits, atol=1e-4)


@torch.no_grad()
def test_in_use_rows_and_columns_are_alike() -> None:
    """In eval mode an image on its side gives the same logits on their side; in training one look has to do."""
    stem, image = TextureStem(8).eval(), torch.rand(1, 3, 24, 34)
    on_its_side = stem(image.transpose(2, 3)).logits.transpose(2, 3)
    torch.testing.assert_close(on_its_side, stem(image).logits, atol=1e-5, rtol=1e-5)
    stem.train()
    assert not torch.allclose(stem(image.transpose(2, 3)).logits.transpose(2, 3), stem(image).logits, atol=1e-4)


def noisy(sigma: float, *, grey: bool = False) -> torch.Tensor:
    """A smooth image (1, 3, 128, 128) whose right half has noise of ``sigma`` grey levels."""
    ramp = torch.linspace(0.2, 0.8, 128).expand(1, 3, 128, 128).clone()
    noise = torch.randn(1, 1 if grey else 3, 128, 64, generator=torch.Generator().manual_seed(0))
    ramp[..., 64:] += sigma / 255 * noise
    return ramp


def test_noise_in_a_region_is_taken_off() -> None:
    penalty = noise_penalty(noisy(5), 23)
    assert not penalty[..., :20].any()
    assert penalty[..., 44:].quantile(0.02) > 5  # in the corners of an image a window is small


def test_noise_everywhere_is_the_photos_own() -> None:
    assert not noise_penalty(noisy(5)[..., 64:], 23).any()


def checkerboard() -> torch.Tensor:
    """What a transposed convolution may leave, in each colour another one."""
    cell = 8 / 255 * torch.tensor([[1.0, -1], [-1, 1]]).repeat(64, 64)
    return 0.5 + torch.stack([cell, -cell, 0 * cell])[None]


@pytest.mark.parametrize(
    "image",
    [noisy(8, grey=True), torch.nn.functional.interpolate(noisy(8), scale_factor=2.0, mode="bilinear"), checkerboard()],
    ids=["colours vary together", "upsampled", "cells are alike"],
)
def test_what_is_no_noise(image: torch.Tensor) -> None:
    assert colour_noise(image, 23).max() < 0.1
    assert not noise_penalty(image, 23).any()
    assert colour_noise(noisy(8)[..., 64:], 23).min() > 0.4


def test_what_is_near_weighs_more_in_a_map() -> None:
    """Logits are averages over a box, so a trace lights up a square; averaged again, the square has a middle."""
    trace = torch.zeros(1, 1, 65, 65)
    trace[..., 32, 32] = 1
    logits = 1000 * box_mean(trace, 23)
    found = painted_probability(logits)[0, 0]
    assert logits.unique().numel() == 2, "a box knows inside and outside alone"
    row = found[32]
    assert (row[32:50].diff() <= 0).all() and row[32] > row[40] > row[48] > 0.5
    assert row[54] == 0.5, "nothing is known that far away"
    flat = torch.full((2, 1, 9, 12), 1.5)
    torch.testing.assert_close(painted_probability(flat), flat.sigmoid())
