from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from fakelocator_zoo.models.output import DenseOutput, TrainingOutput
from fakelocator_zoo.training.losses import fakelocator_losses, map_loss


@pytest.mark.parametrize(("kind", "reference"), [("l1", F.l1_loss), ("l2", F.mse_loss)])
def test_map_loss_is_that_of_torch(kind, reference):
    first, second = torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    torch.testing.assert_close(map_loss(first, second, kind).mean(), reference(first, second))


def test_unknown_map_loss():
    with pytest.raises(ValueError, match="'dice' is none of l1, l2"):
        map_loss(torch.rand(1), torch.rand(1), "dice")


def example(p_fake: float, magnitude: float) -> TrainingOutput:
    """Predictions for a real and a fake image, both decided right."""
    p_logits, logits = torch.logit(torch.full((2, 1, 8, 8), p_fake)), torch.tensor([[9.0, -9.0], [-9.0, 9.0]])
    magnitudes, evidence, confidence = (
        torch.full((2, 1, 8, 8), magnitude),
        torch.zeros(2, 4, 1, 1),
        torch.zeros(2, 1, 1, 1),
    )
    return TrainingOutput(DenseOutput(p_logits, magnitudes, evidence, confidence), logits, None, torch.zeros(2, 2))


def losses(output: TrainingOutput, truth: float, mask: float, known: tuple[float, float] = (1, 1), **options):
    full = torch.ones(2, 1, 8, 8)
    known_maps, label = torch.tensor(known).view(2, 1, 1, 1), torch.tensor([0, 1])
    return fakelocator_losses(output, truth * full, mask * full, known_maps, label, **options)


def test_the_product_is_compared_with_the_true_map():
    assert losses(example(0.999999, 0.2), 0.2, 1.0)["map"] < 1e-6
    assert losses(example(0.5, 0.2), 0.2, 1.0, kind="l1", map_scale=10.0)["map"] == pytest.approx(1.0, rel=1e-4)


def test_the_parts_add_up():
    parts = losses(example(0.3, 0.2), 0.1, 1.0, p_fake_weight=2.0)
    torch.testing.assert_close(parts["loss"], parts["map"] + parts["p_fake"] + parts["classification"])


def test_the_texture_branch_is_supervised_by_itself():
    plain = losses(example(0.3, 0.2), 0.1, 1.0)
    branch = example(0.3, 0.2)._replace(texture_logits=torch.logit(torch.full((2, 1, 8, 8), 0.8)))
    parts = losses(branch, 0.1, 1.0, texture_weight=2.0)
    assert parts["texture"] == pytest.approx(-2 * math.log(0.8), rel=1e-4)
    torch.testing.assert_close(parts["loss"], plain["loss"] + parts["texture"])


def test_images_made_as_a_whole_teach_the_decision_alone():
    output = example(0.3, 0.2)
    alone = losses(output, 0.1, 1.0, known=(1, 1))
    half = losses(output, 0.1, 1.0, known=(1, 0))
    none = losses(output, 0.1, 1.0, known=(0, 0))
    torch.testing.assert_close(half["map"], alone["map"])  # a mean over the images that are known
    assert none["map"] == 0 and none["p_fake"] == 0 and none["classification"] == alone["classification"]


@pytest.mark.parametrize(("known", "weighted"), [((1, 0), "real and synthesised"), ((1, 1), "real alone")])
def test_partial_fakes_have_no_weight_in_the_loss_of_entire_synthesis(known, weighted):
    """The two log-odds of an entirely synthesised image are 0 and 3 here; the real image's costs log 2."""
    output = example(0.3, 0.2)._replace(log_odds=torch.tensor([[5.0, 0.0], [5.0, 3.0]]))
    part = losses(output, 0.1, 1.0, known=known, whole_weight=2.0)["whole"]
    synthesised = math.log1p(math.exp(-3.0))
    expected = (math.log(2) + synthesised) / 2 if weighted == "real and synthesised" else math.log(2)
    assert part == pytest.approx(2 * expected, rel=1e-4)
