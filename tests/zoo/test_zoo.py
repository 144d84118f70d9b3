from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

import fakelocator_zoo as fz
from fakelocator_zoo import hub, zoo


@pytest.fixture
def root(tiny_model, tmp_path, monkeypatch):
    """A zoo of its own: two FakeLocators of one architecture, one without weights, and a face parser."""
    root = tmp_path / "hub_configs"
    for tag, licence in (("open", "apache-2.0"), ("research", "other")):
        tiny_model.save_pretrained(
            root / f"fakelocator_test_resnet.{tag}",
            licence=licence,
            trained_on=f"{tag} photos",
            description="A tiny one.",
        )
    unfinished = tiny_model.save_pretrained(root / "fakelocator_test_unfinished.open")
    (unfinished / "model.safetensors").unlink()
    parser = root / "face_parser.open"
    parser.mkdir()
    (parser / "config.json").write_text(json.dumps({"_model_class": "FaceParser"}))
    monkeypatch.setattr(hub, "bundled_root", lambda: root)
    return root


def test_list_models(root):
    everything = [f"fakelocator_test_{each}" for each in ("resnet.open", "resnet.research", "unfinished.open")]
    assert fz.list_models() == everything
    assert fz.list_models("*resnet*") == everything[:2]
    assert fz.list_models("*.research") == everything[1:2]
    assert fz.list_models("fakelocator_test_resnet") == everything[:2]
    assert fz.list_models("nothing*") == []
    assert fz.list_models(pretrained=True) == everything[:2]


def test_bundled_paths(root):
    assert hub.bundled_names() == ["face_parser.open", *fz.list_models()]
    assert hub.bundled_folder("face_parser") == root / "face_parser.open"
    assert hub.bundled_file("fakelocator_test_resnet", "config.json").parent.name == "fakelocator_test_resnet.open"
    with pytest.raises(ValueError, match=r"did you mean 'face_parser"):
        hub.bundled_folder("face_praser")
    with pytest.raises(FileNotFoundError, match="no file nothing.txt"):
        hub.bundled_file("face_parser", "nothing.txt")


@torch.no_grad()
@pytest.mark.parametrize("name", ["fakelocator_test_resnet", "fakelocator_test_resnet.open"])
def test_pretrained(root, tiny_model, name):
    images = torch.rand(1, 3, 64, 64)
    created = fz.create_model(name, pretrained=True)
    for model in (created, fz.from_pretrained(name), fz.FakeLocator.from_pretrained(name)):
        assert not model.training
        assert torch.equal(model(images).fakeness_map, tiny_model(images).fakeness_map)


def test_untrained(root, tiny_model):
    model = fz.create_model("fakelocator_test_resnet.research", dropout=0.5)
    assert model.config == {**tiny_model.config, "dropout": 0.5}
    assert model.training


@pytest.mark.parametrize(
    ("name", "encoder"),
    [
        ("fakelocator_resnet18", "resnet18"),
        ("fakelocator_test_efficientnet", "tu-test_efficientnet"),
        ("fakelocator_tu-test_resnet", "tu-test_resnet"),
    ],
)
def test_any_encoder_by_name(root, name, encoder):
    assert fz.create_model(name).config["encoder_name"] == encoder


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fakelocator_test_resnt", "fakelocator_test_resnet"),
        ("fakelocator_test_resnet.opn", "fakelocator_test_resnet.open"),
        ("fakelocator_convnext_ato", "fakelocator_convnext_atto"),
        ("resnet18", "fakelocator_resnet18"),
    ],
)
def test_unknown_name_suggests_the_nearest(root, name, hint):
    with pytest.raises(ValueError, match=f"unknown model.*did you mean '{hint}'") as caught:
        fz.create_model(name)
    assert "\n" not in str(caught.value)


def test_unknown_pretrained_name(root):
    with pytest.raises(ValueError, match="did you mean 'fakelocator_test_resnet'"):
        fz.from_pretrained("fakelocator_test_resnt")
    with pytest.raises(ValueError, match="published are: fakelocator_test_resnet.open"):
        fz.from_pretrained("something_else_entirely")
    with pytest.raises(ValueError, match="type FaceParser, not a FakeLocator"):
        fz.from_pretrained("face_parser")
    with pytest.raises(ValueError, match=r"unfinished.open has no model.safetensors"):
        fz.from_pretrained("fakelocator_test_unfinished")


def test_typo_in_an_option(root):
    with pytest.raises(TypeError, match="decoder_chanels"):
        fz.create_model("fakelocator_test_resnet", decoder_chanels=(1,))


def test_model_table(root, tiny_model):
    table = zoo.model_table()
    first = table[0]
    assert [row["name"] for row in table] == fz.list_models()
    assert (first["architecture"], first["tag"]) == ("fakelocator_test_resnet", "open")
    assert (first["licence"], first["trained_on"], first["description"]) == ("apache-2.0", "open photos", "A tiny one.")
    assert first["parameters"] == sum(value.numel() for value in tiny_model.state_dict().values())
    assert first["megabytes"] == (root / first["name"] / "model.safetensors").stat().st_size / 1e6
    assert table[2]["parameters"] is None and table[2]["licence"] == "unknown"


def test_broken_card_is_no_obstacle(root):
    (root / "fakelocator_test_resnet.open" / "README.md").unlink()
    assert zoo.model_table()[0]["description"] == ""


# What is really shipped.

SHIPPED = fz.list_models()


@torch.no_grad()
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_model(name):
    model = fz.from_pretrained(name)
    for size in ((97, 131), (256, 256)):
        output = model(torch.rand(1, 3, *size))
        assert output.fakeness_map.shape == (1, 1, *size) and output.logits.isfinite().all()
    for filename in ("README.md", "recipe.yaml"):
        assert (hub.bundled_folder(name) / filename).is_file()
    row = next(row for row in zoo.model_table() if row["name"] == name)
    assert row["licence"] != "unknown" and row["trained_on"] and row["description"]
    assert row["megabytes"] < 60


@pytest.mark.skipif(not SHIPPED, reason="no weights are bundled in this checkout")
def test_default_model_is_shipped():
    assert zoo.DEFAULT_MODEL in fz.list_models(pretrained=True)


# Importing.


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_costs_nothing():
    heavy = ["torch", "timm", "segmentation_models_pytorch", "numpy", "huggingface_hub", "kornia", "skimage"]
    code = f"import fakelocator_zoo as f, sys; f.list_models(); print([m for m in {heavy} if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_public_names_exist():
    for name in fz.__all__:
        if name != "Localizer":  # its module may need more than the core
            assert getattr(fz, name) is not None
    assert set(fz.__all__) <= set(dir(fz))
    with pytest.raises(AttributeError, match="no attribute 'FakeLocater'"):
        _ = fz.FakeLocater
