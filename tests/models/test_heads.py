"""What the decision reads of a texture stem's logits."""

import math

import numpy as np
import pytest
import torch

from fakelocator_zoo.models.heads import texture_statistics


def highest(values: np.ndarray) -> list[np.ndarray]:
    return [values.max(axis=1), np.log(np.exp(2 * values).mean(axis=1)) / 2]


def test_statistics_against_numpy() -> None:
    logits = torch.randn(3, 1, 6, 7)
    attention = torch.rand(3, 1, 6, 7)
    flat, a = (values.numpy().reshape(3, -1).astype(np.float64) for values in (logits, attention))
    outside = (flat * (1.05 - a)).sum(axis=1) / (1.05 - a).sum(axis=1)
    expected = np.stack([*highest(flat + np.log(4) * (a - 1)), *highest(flat), outside], axis=1)
    np.testing.assert_allclose(texture_statistics(logits, attention, "prior").numpy(), expected, rtol=1e-5, atol=1e-5)


def test_without_attention_the_whole_image_is_looked_at() -> None:
    logits = torch.randn(2, 1, 5, 4)
    expected = texture_statistics(logits, torch.ones(2, 1, 5, 4), "prior")
    torch.testing.assert_close(texture_statistics(logits), expected)
    torch.testing.assert_close(expected[:, 4], logits.mean(dim=(1, 2, 3)))


def test_attention_of_another_size_is_fitted() -> None:
    logits = torch.randn(1, 1, 8, 6)
    small = torch.rand(1, 1, 4, 3)
    large = torch.nn.functional.interpolate(small, (8, 6), mode="bilinear")
    torch.testing.assert_close(texture_statistics(logits, small, "prior"), texture_statistics(logits, large, "prior"))


@pytest.mark.parametrize("mode", ["multiply", "residual", "prior"])
def test_what_lies_outside_the_parts_counts_less(mode) -> None:
    logits = torch.full((1, 1, 8, 8), -3.0)
    logits[..., :4, :4] = 2.0
    inside, outside = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)
    inside[..., :4, :4], outside[..., :4, :4] = 1, 0
    there, elsewhere = (texture_statistics(logits, a, mode)[0] for a in (inside, outside))
    assert float(there[0]) == pytest.approx(2.0, abs=1e-4)
    assert (there[:2] > elsewhere[:2]).all()
    torch.testing.assert_close(there[2:4], elsewhere[2:4])  # without attention
    assert there[4] < elsewhere[4], "what the parts are compared with"


def test_statistics_of_a_constant() -> None:
    assert texture_statistics(torch.full((1, 1, 5, 5), 0.7)).tolist()[0] == pytest.approx([0.7] * 5, abs=1e-5)
    assert not math.isnan(texture_statistics(torch.zeros(1, 1, 1, 1)).sum().item())
