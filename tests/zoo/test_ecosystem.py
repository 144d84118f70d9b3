"""smp and timm know the zoo, whichever is imported first."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader

import pytest
import segmentation_models_pytorch as smp
import timm
import torch

import fakelocator_zoo as fz
from fakelocator_zoo import hub
from fakelocator_zoo.zoo.models import _AfterImport
from fakelocator_zoo.zoo.timm_detector import FakeLocatorDetector, register_detectors

ARCHITECTURE = "fakelocator_test_resnet"


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """A zoo with one tiny model in two tags, known to timm."""
    root = tmp_path_factory.mktemp("zoo")
    torch.manual_seed(0)
    for tag in ("research", "open"):
        model = fz.FakeLocator("tu-test_resnet", encoder_weights=None, decoder_channels=(32, 16, 16, 8, 8)).eval()
        for name, parameter in model.named_parameters():
            if "texture" in name:
                torch.nn.init.normal_(parameter, std=0.2)
        model.save_pretrained(root / f"{ARCHITECTURE}.{tag}", licence="mit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "bundled_root", lambda: root)
        register_detectors(fz.list_models())
        yield fz.list_models()


def test_smp():
    model = smp.create_model("fakelocator", encoder_name="tu-test_resnet", encoder_weights=None, texture_stem=None)
    assert isinstance(model, fz.FakeLocator) and isinstance(model, smp.base.SegmentationModel)
    with pytest.raises(TypeError, match="decoder_chanels"):
        smp.create_model("fakelocator", encoder_name="tu-test_resnet", encoder_weights=None, decoder_chanels=1)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


CHECK = """
import sys
model = smp.create_model("fakelocator", encoder_name="tu-test_resnet", encoder_weights=None)
assert type(model).__name__ == "FakeLocator"
from fakelocator_zoo.zoo.models import _AfterImport
assert not any(isinstance(finder, _AfterImport) for finder in sys.meta_path)
assert type(timm.__spec__.loader).__name__ == "SourceFileLoader"
assert timm.list_models("fakelocator*") == sorted({name.split(".")[0] for name in fakelocator_zoo.list_models()})
print("fine")
"""


@pytest.mark.parametrize(
    "order",
    [
        "import fakelocator_zoo, timm; import segmentation_models_pytorch as smp",
        "import segmentation_models_pytorch as smp, timm; import fakelocator_zoo",
        "import timm, fakelocator_zoo, importlib; importlib.reload(fakelocator_zoo); fakelocator_zoo.FakeLocator; "
        "import segmentation_models_pytorch as smp",
    ],
)
def test_import_order(order):
    assert run(order + CHECK) == "fine"


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """Two modules that nobody has imported yet, and a finder that waits for them."""
    for name in ("fz_first", "fz_second"):
        (tmp_path / f"{name}.py").write_text("value = 1\n")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    called = []
    finder = _AfterImport({name: lambda module: called.append(module.value) for name in ("fz_first", "fz_second")})
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    return finder, called


def test_waiting_for_an_import(waiting):
    finder, called = waiting
    assert importlib.util.find_spec("fz_first") is not None
    assert not called, "asking whether a module is installed imports nothing"
    first = importlib.import_module("fz_first")
    assert called == [1] and finder in sys.meta_path
    assert type(first.__spec__.loader) is SourceFileLoader
    importlib.reload(first)
    importlib.import_module("fz_second")
    assert called == [1, 1] and finder not in sys.meta_path


def test_two_that_wait_for_one_module(waiting):
    _, called = waiting
    sys.meta_path.insert(0, _AfterImport({"fz_first": lambda module: called.append("other")}))
    importlib.import_module("fz_first")
    assert sorted(map(str, called)) == ["1", "other"]


def test_a_failing_registration_does_not_break_the_import(waiting):
    finder, _ = waiting
    finder.actions["fz_first"] = lambda module: 1 / 0
    with pytest.warns(UserWarning, match="could not register"):
        assert importlib.import_module("fz_first").value == 1


def test_timm_lists_it(registered):
    assert timm.list_models("fakelocator_test*") == [ARCHITECTURE]
    assert set(timm.list_pretrained("fakelocator_test*")) == set(registered)
    assert timm.is_model(ARCHITECTURE) and not timm.list_models("fakelocator_test*", module="resnet")


@torch.no_grad()
@pytest.mark.parametrize("tag", ["", ".open", ".research"])
def test_timm_detector_is_the_models_classifier(registered, tag):
    detector = timm.create_model(ARCHITECTURE + tag, pretrained=True).eval()
    locator = fz.from_pretrained(ARCHITECTURE + (tag or ".open"))
    images = torch.rand(2, 3, 97, 131)
    torch.testing.assert_close(detector(images), locator.classify(images), atol=1e-5, rtol=1e-4)
    assert detector.pretrained_cfg["tag"] == (tag or ".open")[1:]
    count = sum(p.numel() for p in detector.parameters())
    assert count == sum(
        p.numel() for name, p in locator.named_parameters() if not name.startswith(("decoder", "segmentation"))
    )


def test_timm_data_config_gives_images_in_0_1(registered):
    config = timm.data.resolve_model_data_config(timm.create_model(ARCHITECTURE))
    assert config["mean"] == (0, 0, 0) and config["std"] == (1, 1, 1) and config["input_size"] == (3, 256, 256)
    transform = timm.data.create_transform(**config)
    from PIL import Image

    image = transform(Image.new("RGB", (300, 260), (0, 128, 255)))
    torch.testing.assert_close(image.mean((1, 2)), torch.tensor([0, 128, 255]) / 255)


@torch.no_grad()
@pytest.mark.parametrize("classes", [2, 0, 5])
def test_timm_contract(registered, classes):
    model = timm.create_model(ARCHITECTURE, pretrained=True, num_classes=classes).eval()
    images = torch.rand(2, 3, 64, 96)
    features = model.forward_features(images)
    assert features.shape[:2] == (2, model.num_features)
    pooled = model.forward_head(features, pre_logits=True)
    assert pooled.shape == (2, model.num_features)
    assert model.num_classes == classes
    output = model(images)
    assert output.shape == (2, classes or model.num_features)
    torch.testing.assert_close(output, model.forward_head(features))
    if classes:
        torch.testing.assert_close(output, model.get_classifier()(pooled))
        assert model.get_submodule(model.pretrained_cfg["classifier"]) is model.get_classifier()
    else:
        torch.testing.assert_close(output, pooled)


def test_timm_reset_classifier_and_training(registered):
    model = timm.create_model(ARCHITECTURE, drop_rate=0.5)
    assert model.training and model.locator.classification_head.dropout == 0.5
    model.reset_classifier(3)
    logits = model(torch.rand(2, 3, 64, 64))
    logits.sum().backward()
    assert logits.shape == (2, 3) and model.get_classifier().weight.grad is not None
    with pytest.raises(ValueError, match="'avg' only"):
        model.reset_classifier(2, "max")


@torch.no_grad()
def test_detector_without_texture_stem():
    locator = fz.FakeLocator("tu-test_resnet", encoder_weights=None, texture_stem=None).eval()
    images = torch.rand(1, 3, 64, 64)
    expected = locator.classify(images)
    detector = FakeLocatorDetector(locator)
    torch.testing.assert_close(detector(images), expected)
    assert detector.num_features == locator.encoder.out_channels[-1]


def test_timm_bad_options(registered):
    with pytest.raises(ValueError, match="in_chans must be 3, got 1"):
        timm.create_model(ARCHITECTURE, in_chans=1)
    with pytest.raises(TypeError, match="drop_rat"):
        timm.create_model(ARCHITECTURE, drop_rat=0.1)
    with pytest.raises(RuntimeError, match=r"opn"):
        timm.create_model(ARCHITECTURE + ".opn", pretrained=True)
