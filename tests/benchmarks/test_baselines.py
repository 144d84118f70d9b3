"""Baselines: other papers' networks, trained on the batches that a FakeLocator is trained on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.harness.ablation import SegmentationTask, dice, focal
from benchmarks.harness.baselines import AttentionMapRegressor, Baseline, BaselineTask, GradCamClassifier, UnetDice
from benchmarks.harness.training import (
    kept_weights,
    short_recipe,
    train_short,
    training_generators,
    training_photos,
)
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.task import FakeLocatorTask, TrainingBatch

ENCODER = "tu-test_resnet"


def build(kind: type) -> nn.Module:
    torch.manual_seed(0)
    return UnetDice(ENCODER, (8, 8, 8, 8, 8)) if kind is UnetDice else kind(ENCODER)


@pytest.fixture
def generators() -> list[Generator]:
    return [Generator("nearest", 1, 4).eval(), Generator("transposed", 1, 4).eval()]


KINDS = pytest.mark.parametrize("kind", [UnetDice, AttentionMapRegressor, GradCamClassifier])


@KINDS
@pytest.mark.parametrize("size", [(64, 64), (50, 71), (20, 33)])
def test_maps_have_the_size_of_the_image_and_lie_in_unit_range(kind, size):
    images = torch.rand(2, 3, *size)
    output = build(kind).eval()(images)
    assert output.fakeness_map.shape == (2, 1, *size) and output.logits.shape == (2, 2)
    assert output.fakeness_map.min() >= 0 and output.fakeness_map.max() <= 1


@KINDS
def test_the_loss_of_one_batch_falls(kind, generators, options):
    task = BaselineTask(build(kind), dataclasses.replace(short_recipe(options), partial_augmentation=0.0), generators)
    task.train()
    batch = task.make_batch(torch.rand(8, 3, 32, 32), 0)
    optimizer = torch.optim.Adam(task.model.parameters(), 3e-3)
    history = []
    for step in range(20):
        loss = task.training_losses(batch, step)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.9 * history[0]


def test_grad_cam_is_what_the_gradients_say():
    network = build(GradCamClassifier).eval()
    images = torch.rand(2, 3, 64, 64)
    features = network.encoder(network.normalised(images))[-1].detach().requires_grad_()
    fake_logit = network.linear(features.mean(dim=(2, 3)))[:, 1]
    (gradient,) = torch.autograd.grad(fake_logit.sum(), features)
    cam = (gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1, keepdim=True).relu()
    cam = cam / cam.amax(dim=(2, 3), keepdim=True).clamp_min(1e-12)
    expected = nn.functional.interpolate(cam, size=(64, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(network(images).fakeness_map, expected)


@pytest.mark.parametrize("map_loss", [dice, focal])
def test_segmentation_losses_prefer_the_truth(map_loss):
    true = torch.zeros(1, 1, 8, 8)
    true[..., 2:6, 2:6] = 1
    right, wrong = true * 0.98 + 0.01, (1 - true) * 0.98 + 0.01
    assert map_loss(right, true) < 0.1 < map_loss(wrong, true)


def test_a_segmentation_task_thresholds_the_map(generators, options):
    model = FakeLocator(ENCODER, encoder_weights=None, decoder_channels=(8, 8, 8, 8, 8), texture_stem=None)
    seen: list[torch.Tensor] = []

    def spy(maps: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
        seen.append(true)
        return maps.mean()

    task = SegmentationTask(model, short_recipe(options), generators, map_loss=spy)
    batch = task.make_batch(torch.rand(4, 3, 32, 32), 0)
    losses = task.training_losses(batch, 0)
    torch.testing.assert_close(losses["loss"], losses["map"] + losses["classification"])
    assert set(seen[0].unique().tolist()) <= {0.0, 1.0} and seen[0].max() == 1


# Short trainings


class Recorder(Baseline):
    """Keeps the batches it sees; draws chance of its own, as dropout does."""

    def __init__(self, draws: int) -> None:
        super().__init__(ENCODER)
        self.weight = nn.Parameter(torch.zeros(()))
        self.draws, self.seen = draws, []

    def loss(self, batch: TrainingBatch) -> torch.Tensor:
        self.seen.append(batch.images)
        torch.rand(self.draws)
        return self.weight * batch.images.mean()


def test_all_networks_see_the_very_same_batches(options, generators):
    photos, _ = training_photos(options)
    networks = [Recorder(draws) for draws in (0, 1000)]
    for network in networks:
        train_short(BaselineTask(network, short_recipe(options), generators), photos)
    first, second = (torch.stack(network.seen) for network in networks)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert len(first) == 2 and not torch.equal(first[0], first[1])


def test_a_short_training_gives_the_same_weights_again(options, generators):
    photos, _ = training_photos(options)
    trained = []
    for _ in range(2):
        torch.manual_seed(0)
        model = FakeLocator(ENCODER, encoder_weights=None, decoder_channels=(8, 8, 8, 8, 8), texture_stem=8)
        before = model.segmentation_head.conv.weight.detach().clone()
        train_short(FakeLocatorTask(model, short_recipe(options), generators), photos)
        assert not model.training and not torch.equal(before, model.segmentation_head.conv.weight)
        trained.append(model.state_dict())
    assert all(torch.equal(trained[0][key], trained[1][key]) for key in trained[0])


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_any_number_of_steps_is_run(options, generators, steps):
    network = Recorder(0)
    recipe = short_recipe(dataclasses.replace(options, steps=steps))
    train_short(BaselineTask(network, recipe, generators), training_photos(options)[0])
    assert len(network.seen) == steps


def test_weights_are_kept_for_the_same_settings_alone(tmp_path):
    trainings: list[int] = []

    def network(settings: dict) -> nn.Linear:
        made = nn.Linear(2, 1)

        def train() -> None:
            trainings.append(1)
            nn.init.constant_(made.weight, len(trainings))

        return kept_weights(made, tmp_path / "weights", "linear", settings, train)

    assert network({"steps": 1}).weight.unique().item() == 1
    assert network({"steps": 1}).weight.unique().item() == 1
    assert network({"steps": 2}).weight.unique().item() == 2
    assert len(trainings) == 2 and not network({"steps": 2}).training


def test_a_photo_of_masks_is_none_to_train_on(options, tmp_path):
    from PIL import Image

    for name in ("images/1.png", "images/2.png", "masks/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / name)
    photos = dataclasses.replace(options, faces=tmp_path).photos()
    assert [path.parent.name for path in photos] == ["images", "images"]


def test_generators_of_another_seed_are_not_taken(options):
    first = training_generators(options)
    again = training_generators(options)
    other = training_generators(dataclasses.replace(options, seed=1))
    weights = [[value for each in bank for value in each.state_dict().values()] for bank in (first, again, other)]
    assert all(torch.equal(a, b) for a, b in zip(weights[0], weights[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights[0], weights[2], strict=True))
