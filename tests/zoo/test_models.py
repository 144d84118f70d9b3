from __future__ import annotations

import inspect

import pytest
import torch

import fakelocator_zoo as fz
from fakelocator_zoo.hub.sources import bundled_names, find_bundled
from fakelocator_zoo.zoo.models import DEFAULT_MODEL, list_models, model_table

EVERYTHING = [f"fakelocator_test_{each}" for each in ("resnet.open", "resnet.research", "unfinished.open")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, EVERYTHING),
        ({"filter": "*resnet*"}, EVERYTHING[:2]),
        ({"filter": "*.research"}, EVERYTHING[1:2]),
        ({"filter": "fakelocator_test_resnet"}, EVERYTHING[:2]),
        ({"filter": ["*unfinished*", "*.research"]}, EVERYTHING[1:]),
        ({"filter": "nothing*"}, []),
        ({"tag": "research"}, EVERYTHING[1:2]),
        ({"pretrained": True}, EVERYTHING[:2]),
    ],
)
def test_list_models(root, options, expected):
    assert fz.list_models(**options) == expected


def test_bundled_models_of_every_type(root):
    assert bundled_names() == ["face_parser.open", *EVERYTHING]
    assert find_bundled("fakelocator_test_resnet") == root / "fakelocator_test_resnet.open"
    assert find_bundled("nothing") is None


@pytest.mark.parametrize("name", ["fakelocator_test_resnet", "fakelocator_test_resnet.open"])
def test_pretrained(root, tiny_model, name):
    weights = tiny_model.state_dict()
    for model in (
        fz.create_model(name, pretrained=True),
        fz.from_pretrained(name),
        fz.FakeLocator.from_pretrained(name),
    ):
        assert not model.training
        assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


def test_an_untrained_model_has_the_published_configuration(root, tiny_model):
    model = fz.create_model("fakelocator_test_resnet.research", dropout=0.5)
    assert model.config == {**tiny_model.config, "dropout": 0.5} and model.training


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
        ("fakelocator_test_resnt", "did you mean 'fakelocator_test_resnet'"),
        ("fakelocator_test_resnet.opn", "did you mean 'fakelocator_test_resnet.open'"),
        ("fakelocator_convnext_ato", "did you mean 'fakelocator_convnext_atto'"),
        ("resnet18", "did you mean 'fakelocator_resnet18'"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(root, name, hint):
    with pytest.raises(ValueError, match=f"unknown model.*{hint}") as caught:
        fz.create_model(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fakelocator_test_resnt", "did you mean 'fakelocator_test_resnet'"),
        ("something_else_entirely", "there are: fakelocator_test_resnet.open"),
        ("face_parser", "type face_parser, not fakelocator"),
        ("fakelocator_test_unfinished", "unfinished.open has no model.safetensors"),
    ],
)
def test_names_that_cannot_be_loaded(root, name, message):
    with pytest.raises(ValueError, match=message):
        fz.from_pretrained(name)


def test_a_typo_in_an_argument(root):
    for name in ("fakelocator_test_resnet", "fakelocator_test_efficientnet"):
        with pytest.raises(TypeError, match="decoder_chanels"):
            fz.create_model(name, decoder_chanels=(1,))


def test_both_from_pretrained_take_the_same_options():
    one, other = (inspect.signature(each).parameters for each in (fz.from_pretrained, fz.FakeLocator.from_pretrained))
    assert list(one) == list(other)
    assert all(one[name].default == other[name].default for name in one if name != "name")


def test_model_table(root, tiny_model):
    table = model_table()
    first = table[0]
    assert [row["name"] for row in table] == EVERYTHING
    assert (first["architecture"], first["tag"]) == ("fakelocator_test_resnet", "open")
    assert (first["license"], first["trained_on"], first["description"]) == ("apache-2.0", "open photos", "A tiny one.")
    assert first["parameters"] == sum(value.numel() for value in tiny_model.state_dict().values())
    assert first["megabytes"] == (root / first["name"] / "model.safetensors").stat().st_size / 1e6
    assert table[2]["parameters"] is None and table[2]["license"] == "unknown"
    (root / first["name"] / "README.md").unlink()
    assert model_table()[0]["description"] == ""


def test_the_default_model_is_shipped():
    assert DEFAULT_MODEL in list_models(pretrained=True)
