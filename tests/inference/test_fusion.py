"""Folded batch normalisation gives the outputs of the model that it was folded from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from fakelocator_zoo import FakeLocator, Localizer
from fakelocator_zoo.face_parsing.parser import FaceParser
from fakelocator_zoo.inference.fusion import folded
from tests.inference.stubs import smooth


def build(encoder: str, attention: bool = False) -> FakeLocator:
    """With statistics and scales that a training might have left."""
    torch.manual_seed(0)
    parser = FaceParser(encoder_name="tu-test_resnet", side=64) if attention else None
    options = {"attention": "face", "face_parser": parser} if attention else {}
    model = FakeLocator(encoder, decoder_channels=(16, 8, 8), texture_channels=4, **options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                values.data.uniform_(0.5, 2)
            for values in (module.bias, module.running_mean):
                values.data.normal_(0, 0.3)
    return model.eval()


@pytest.mark.parametrize("encoder", ["tu-test_resnet", "tu-test_efficientnet", "tu-test_convnext", "resnet18"])
def test_outputs_stay_the_same(encoder: str) -> None:
    model, images = build(encoder), torch.rand(2, 3, 70, 90)
    with torch.inference_mode():
        expected = model(images)
        copy = folded(model)
        found = copy(images)
        torch.testing.assert_close(model(images).logits, expected.logits)  # the model itself stays as it was
    for before, after in zip(expected, found, strict=True):
        if before is not None:
            torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
    left = [name for name, each in copy.named_modules() if type(each) in (nn.BatchNorm2d, BatchNormAct2d)]
    assert all(name.startswith(("encoder.layer3", "encoder.layer4")) for name in left), "stages that never run"


def test_attention_still_reaches_the_encoder() -> None:
    model, images = build("tu-test_resnet", attention=True), torch.rand(1, 3, 64, 64)
    given = (None, torch.zeros(1, 1, 64, 64), torch.rand(1, 1, 64, 64))
    with torch.inference_mode():
        expected = [model(images, attention).logits for attention in given]
        copy = folded(model)
        found = [copy(images, attention).logits for attention in given]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert not torch.equal(found[1], found[2])


def test_a_convolution_that_runs_twice_is_left_alone() -> None:
    model = build("tu-test_resnet")
    block = model.texture.fine[2]
    model.texture.fine.append(block)  # the same convolution and normalisation once more
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        expected = model(images).fakeness_map
        copy = folded(model)
        torch.testing.assert_close(copy(images).fakeness_map, expected, atol=1e-5, rtol=1e-4)
    assert type(copy.texture.fine[2][1]) is nn.BatchNorm2d


def test_a_localizer_gives_what_the_model_gives() -> None:
    model, photo = build("tu-test_resnet"), smooth(96, 80)
    given = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        expected = model(given)
    found = Localizer(model, find_faces=False)(photo)
    np.testing.assert_allclose(found.fakeness_map, expected.fakeness_map[0, 0], atol=1e-4)
    assert found.fake_probability == pytest.approx(float(expected.fake_probability), abs=1e-4)
