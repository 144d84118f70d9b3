"""The decision over a texture stem follows what the stem says of photos, partial fakes and whole fakes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from fakelocator_zoo.data.photos import PhotoCrops
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.models.heads import texture_statistics
from fakelocator_zoo.models.texture import TextureOutput, neighbour_residual
from fakelocator_zoo.training import decision
from fakelocator_zoo.training.decision import fit_decision


@pytest.fixture
def crops(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)).save(path)
    return PhotoCrops(paths, 32, 4)


class Smoothness(nn.Module):
    """Stands in for a trained stem: calls smooth places painted, as a generator of two training steps is smooth."""

    def forward(self, images: torch.Tensor) -> TextureOutput:
        logits = 3 - 20 * F.avg_pool2d(neighbour_residual(images).abs().mean(dim=1, keepdim=True), 2)
        return TextureOutput(logits.expand(-1, 32, -1, -1), logits)


def decided() -> FakeLocator:
    torch.manual_seed(0)
    return FakeLocator("tu-test_resnet", encoder_weights=None, decoder_channels=(8, 8, 8, 8, 8)).eval()


def test_photos_and_whole_fakes_fall_on_their_sides(crops):
    model = decided()
    model.texture = Smoothness()
    generator = Generator("nearest", 1, 8).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit_decision(model, crops, [generator], count=8, sizes=(48, 64))
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"classification_head.linear.weight", "classification_head.linear.bias"}
    assert crops.size == 32, "the crops given are as before"
    photos = torch.stack([crops[i] for i in range(4)])
    with torch.no_grad():
        fakes = generator(photos).clamp(0, 1)
        real, fake = (model.classify(images).softmax(dim=1)[:, 1] for images in (photos, fakes))
    assert fake.min() > real.max() and fake.mean() > 0.5 > real.mean()


def test_it_is_a_regression_on_the_statistics_alone(crops):
    model = decided()
    fit_decision(model, crops, [Generator("nearest", 1, 8).eval()], count=8, sizes=(48,))
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        head = model.classification_head.linear
        statistics = texture_statistics(model.texture(images).logits)
        assert torch.allclose(model.classify(images), head(statistics), atol=1e-4)
    assert torch.allclose(head.weight[0], -head.weight[1])


class LeftHalf(nn.Module):
    """A face parser to whom the left half of every image is skin, and the right half nothing."""

    parts = ("background", "skin")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        skin = torch.zeros(len(images), 1, 8, 8)
        skin[..., :4] = 1
        return torch.cat([1 - skin, skin], dim=1)

    def has_face(self, probabilities: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(probabilities), dtype=torch.bool)


def test_partial_fakes_are_painted_where_the_model_attends_to(crops, monkeypatch):
    torch.manual_seed(0)
    model = FakeLocator(
        "tu-test_resnet",
        encoder_weights=None,
        decoder_channels=(8, 8, 8, 8, 8),
        attention="skin",
        attention_mode="prior",
        face_parser=LeftHalf(),
    )
    painted = []

    def watched(real, generators, *, masks, **chances):
        painted.append(masks)
        return make_fakes(real, generators, masks=masks, **chances)

    monkeypatch.setattr(decision, "make_fakes", watched)
    fit_decision(model, crops, [Generator("nearest", 1, 8).eval()], count=8, sizes=(48,), augmentation=0.5)
    assert len(painted) == 4, "the photos as they are, and changed"
    for partial, whole in (painted[:2], painted[2:]):
        assert not partial[..., 32:].any() and (partial.mean(dim=(1, 2, 3)) > 0.005).all()
        assert (whole == 1).all()


def test_same_seed_same_decision_and_chance_is_left_alone(crops):
    heads = []
    for _ in range(2):
        model = decided()
        generator = Generator("nearest", 1, 8).eval()
        state = torch.get_rng_state()
        fit_decision(model, crops, [generator], count=8, sizes=(48,), augmentation=0.5)
        assert torch.equal(torch.get_rng_state(), state)
        heads.append(model.classification_head.linear.weight)
    assert torch.equal(*heads)
