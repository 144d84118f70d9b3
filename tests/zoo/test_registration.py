"""smp and timm create FakeLocators after `import fakelocator_zoo`, which itself is quick."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from PIL import Image

import fakelocator_zoo as fz
from fakelocator_zoo.hub.sources import bundled_names
from fakelocator_zoo.zoo import timm_detector
from fakelocator_zoo.zoo.models import list_models

ARCHITECTURE = "fakelocator_test_resnet"


@pytest.fixture
def registered(root, monkeypatch):
    """A zoo with one tiny model in two tags, known to timm."""
    monkeypatch.setattr(timm_detector, "bundled_root", lambda: root)
    timm_detector.register_detectors(list_models("*test_resnet*"))


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["torch", "timm", "segmentation_models_pytorch", "numpy", "huggingface_hub", "kornia", "skimage"]
    assert run(f"import fakelocator_zoo, sys; print([m for m in {heavy} if m in sys.modules])") == "[]"


CHECK = """
model = smp.create_model("fakelocator", encoder_name="tu-test_resnet", encoder_weights=None)
assert type(model).__name__ == "FakeLocator"
import sys
names = sys.modules["fakelocator_zoo"].list_models()
assert timm.list_models("fakelocator*") == sorted({name.split(".")[0] for name in names})
"""


@pytest.mark.parametrize(
    "order",
    [
        "import fakelocator_zoo; fakelocator_zoo.register(); import timm, segmentation_models_pytorch as smp",
        "import timm; from fakelocator_zoo import FakeLocator; import segmentation_models_pytorch as smp",
    ],
)
def test_in_every_order(order):
    run(order + CHECK)


def test_libraries_that_were_imported_before_know_the_models_at_once(monkeypatch):
    monkeypatch.delitem(smp.MODEL_ARCHITECTURES_MAPPING, "fakelocator", raising=False)
    importlib.reload(fz)
    assert "fakelocator" in smp.MODEL_ARCHITECTURES_MAPPING


def test_every_public_name_exists():
    for name in fz.__all__:
        assert getattr(fz, name) is not None
    assert set(fz.__all__) <= set(dir(fz))
    with pytest.raises(AttributeError, match="no attribute 'FakeLocater'"):
        _ = fz.FakeLocater


def test_smp():
    model = smp.create_model("fakelocator", encoder_name="tu-test_resnet", encoder_weights=None)
    assert isinstance(model, fz.FakeLocator) and isinstance(model, smp.base.SegmentationModel)
    with pytest.raises(TypeError, match="decoder_chanels"):
        smp.create_model("fakelocator", encoder_name="tu-test_resnet", encoder_weights=None, decoder_chanels=1)


def test_timm_lists_the_models(registered):
    assert timm.list_models("fakelocator_test*") == [ARCHITECTURE]
    assert set(timm.list_pretrained("fakelocator_test*")) == {f"{ARCHITECTURE}.open", f"{ARCHITECTURE}.research"}
    assert not timm.list_models("fakelocator_test*", module="resnet")
    trained = {name for name in bundled_names("fakelocator") if "unfinished" not in name}
    assert set(timm.list_models("fakelocator*")) >= {name.split(".")[0] for name in trained}


@torch.no_grad()
@pytest.mark.parametrize("tag", ["", ".open", ".research"])
def test_two_classes_are_the_models_decision(registered, tiny_model, tag):
    model = timm.create_model(ARCHITECTURE + tag, pretrained=True).eval()
    images = torch.rand(2, 3, 97, 131)
    torch.testing.assert_close(model(images), tiny_model(images).logits)
    assert model.pretrained_cfg["tag"] == (tag or ".open")[1:]
    with pytest.raises(ValueError, match="reset_classifier"):
        model.forward_head(model.forward_features(images))


@torch.no_grad()
@pytest.mark.parametrize("classes", [0, 5])
def test_another_classifier_reads_the_encoders_features(registered, tiny_model, classes):
    model = timm.create_model(ARCHITECTURE, pretrained=True, num_classes=classes).eval()
    images = torch.rand(2, 3, 64, 96)
    features = model.forward_features(images)
    torch.testing.assert_close(features, tiny_model.features(images)[-1])
    assert features.shape[1] == model.num_features == tiny_model.encoder.out_channels[-1]
    pooled = model.forward_head(features, pre_logits=True)
    torch.testing.assert_close(pooled, features.mean((2, 3)))
    output = model(images)
    assert output.shape == (2, classes or model.num_features) and model.num_classes == classes
    torch.testing.assert_close(output, model.get_classifier()(pooled))
    if classes:
        assert model.get_submodule(model.pretrained_cfg["classifier"]) is model.get_classifier()


def test_fine_tuning_trains_the_encoder_and_nothing_is_left_over(registered):
    model = timm.create_model(ARCHITECTURE, drop_rate=0.5)
    assert model.training
    model.reset_classifier(3)
    model(torch.rand(2, 3, 64, 64)).square().sum().backward()
    missing = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not missing
    with pytest.raises(ValueError, match="'avg' only"):
        model.reset_classifier(2, "max")


def test_timms_data_config_gives_images_in_0_1(registered):
    config = timm.data.resolve_model_data_config(timm.create_model(ARCHITECTURE))
    image = timm.data.create_transform(**config)(Image.new("RGB", (300, 260), (0, 128, 255)))
    torch.testing.assert_close(image.mean((1, 2)), torch.tensor([0, 128, 255]) / 255)


def test_options_that_a_fakelocator_does_not_have(registered):
    with pytest.raises(ValueError, match="in_chans must be 3, got 1"):
        timm.create_model(ARCHITECTURE, in_chans=1)
    with pytest.raises(TypeError, match="drop_rat"):
        timm.create_model(ARCHITECTURE, drop_rat=0.1)
    with pytest.raises(RuntimeError, match="opn"):
        timm.create_model(ARCHITECTURE + ".opn", pretrained=True)
