"""The model card says what is known, in front matter that the Hub reads."""

from __future__ import annotations

import re

import pytest
from huggingface_hub import ModelCard

from fakelocator_zoo.face_parsing import FaceParser
from fakelocator_zoo.generators.network import Generator


def test_a_card_without_anything_known(tiny_model, tmp_path):
    card = ModelCard.load(tiny_model.save_pretrained(tmp_path / "bare") / "README.md")
    assert card.data.license == "unknown" and card.data.library_name == "fakelocator-zoo"
    assert card.data.pipeline_tag == "image-segmentation" and card.data.eval_results is None
    assert "Measured" not in card.text


def test_a_card_with_everything(tiny_model, tmp_path):
    folder = tiny_model.save_pretrained(
        tmp_path / "full",
        name="org/full",
        license="apache-2.0",
        trained_on="one photo",
        description="A test.",
        metrics={"pairs": {"pixel AUC": 0.91234}, "whole": {"COSS": 0.5}},
        recipe="steps: 1\n",
    )
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "apache-2.0" and card.data.metrics == ["pixel-auc", "coss"]
    results = {(each.dataset_name, each.metric_name): each.metric_value for each in card.data.eval_results}
    assert results == {("pairs", "pixel AUC"): 0.91234, ("whole", "COSS"): 0.5}
    assert "| pairs | 0.912 |  |" in card.text and "| Trained on | one photo |" in card.text
    assert 'from_pretrained("org/full")' in card.text
    assert (folder / "recipe.yaml").read_text() == "steps: 1\n"


def test_a_card_of_ones_own(tiny_model, tmp_path):
    assert (tiny_model.save_pretrained(tmp_path / "own", card="mine") / "README.md").read_text() == "mine"


@pytest.mark.parametrize("kind", ["fakelocator", "face_parser", "generator"])
def test_the_snippet_of_a_card_runs(kind, tiny_model, tmp_path, monkeypatch):
    models = {
        "fakelocator": lambda: tiny_model,
        "face_parser": lambda: FaceParser(encoder_name="tu-test_resnet", side=64),
        "generator": lambda: Generator(width=4),
    }
    folder = models[kind]().save_pretrained(tmp_path / "model")
    snippet = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    exec(snippet, {})
