"""L1 or L2 on the grey map, cross-entropy on the decision, presence on the texture map."""

import math

import pytest
import torch

from fakelocator_zoo.models.output import FakeLocatorOutput
from fakelocator_zoo.training.losses import fakelocator_losses, map_loss


def output(fakeness: float, logits: tuple[float, float], texture: float | None) -> FakeLocatorOutput:
    shape = (1, 1, 2, 2)
    return FakeLocatorOutput(
        torch.full(shape, fakeness),
        torch.tensor([logits]),
        None,
        None if texture is None else torch.full(shape, texture),
        torch.full(shape, fakeness),
    )


@pytest.mark.parametrize(("kind", "expected"), [("l1", 0.3), ("l2", 0.09)])
def test_map_loss_by_hand(kind, expected):
    loss = map_loss(torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 2, 2), 0.2), kind)
    assert loss.item() == pytest.approx(expected)


def test_segmentation_losses_are_not_offered():
    with pytest.raises(ValueError, match="l1, l2"):
        map_loss(torch.zeros(1), torch.zeros(1), "dice")  # type: ignore[arg-type]


def test_parts_by_hand_and_their_sum():
    true = torch.full((1, 1, 2, 2), 0.1)
    losses = fakelocator_losses(
        output(0.3, (0.0, 2.0), 0.8),
        true,
        torch.ones(1, 1, 2, 2),
        torch.tensor([1]),
        change=true,
        known=torch.ones(1, 1, 2, 2),
        map_weight=2.0,
        map_scale=10.0,
        classification_weight=3.0,
        texture_weight=4.0,
    )
    assert losses["map"].item() == pytest.approx(2 * 10 * 0.2)
    assert losses["classification"].item() == pytest.approx(3 * math.log(1 + math.exp(-2)), rel=1e-5)
    assert losses["texture"].item() == pytest.approx(-4 * math.log(0.8), rel=1e-5)
    assert losses["loss"].item() == pytest.approx(sum(v.item() for k, v in losses.items() if k != "loss"))


def test_plain_network_has_no_texture_part():
    truth = torch.zeros(1, 1, 2, 2)
    assert "texture" not in fakelocator_losses(
        output(0.3, (0, 0), None), truth, truth, torch.tensor([0]), change=truth, known=truth
    )


def test_the_amount_is_compared_where_it_is_known_alone():
    truth, known = torch.full((1, 1, 2, 2), 0.1), torch.zeros(1, 1, 2, 2)
    known[..., 0, 0] = 1
    losses = fakelocator_losses(
        output(0.3, (0, 0), 0.5), truth, torch.ones_like(truth), torch.tensor([1]), change=truth, known=known
    )
    assert losses["map"].item() == pytest.approx(0.2 / 4)


def test_without_a_stem_the_map_is_compared_with_the_fakeness_map():
    truth = torch.full((1, 1, 2, 2), 0.1)
    zero = torch.zeros_like(truth)
    losses = fakelocator_losses(output(0.3, (0, 0), None), truth, truth, torch.tensor([1]), change=zero, known=zero)
    assert losses["map"].item() == pytest.approx(0.2)
