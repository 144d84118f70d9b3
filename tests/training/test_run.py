"""A run end to end on made photos and pairs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fakelocator_zoo import FakeLocator
from fakelocator_zoo.training import module as training_module
from fakelocator_zoo.training import run as training_run
from fakelocator_zoo.training.recipe import Recipe, parse_recipe
from fakelocator_zoo.training.run import train
from tests.training.test_crops import write


@pytest.fixture
def data(tmp_path) -> Path:
    for number in range(6):
        write(tmp_path / f"photos/{number}.png", number)
        for generator in ("gan", "vae"):
            write(tmp_path / f"{generator}/real/{number}.png", number)
            write(tmp_path / f"{generator}/fake/{number}.png", number + 100)
    return tmp_path


def recipe(**changes: object) -> Recipe:
    values: dict[str, object] = {
        "model": {"encoder_name": "tu-test_resnet", "decoder_channels": [8, 8, 8], "texture_channels": 4},
        "data": {
            "photos": {"photos": 1.0},
            "pairs": {name: {"real": f"{name}/real", "fake": f"{name}/fake"} for name in ("gan", "vae")},
            "size": 32,
        },
        "validation": {"generators": ["vae"], "photos": ["photos/[45].png"], "every": 2, "images": 2, "side": 64},
        "fakes": {"bank": ["nearest-l1"], "bank_steps": 2},
        "optimisation": {"steps": 4, "batch_size": 4},
    }
    return parse_recipe(values | changes)


def run(asked: Recipe, data: Path, out: str) -> Path:
    return train(asked, data, data / out, bank=data / "bank", device="cpu", progress=False, report=lambda line: None)


def test_a_run_ends_in_a_model_folder(data):
    folder = run(recipe(), data, "run")
    model = FakeLocator.from_pretrained(folder)
    assert set(model.limits) == {"smallest_face", "lowest_jpeg_quality", "unsure"}
    assert 0 < model.threshold < 1 and model.temperature > 0
    assert model.predict(torch.rand(1, 3, 40, 40)).fakeness_map.shape == (1, 1, 40, 40)
    scores = json.loads((data / "run/validation.json").read_text())
    assert {"score", "vae", "vae@jpeg"} == set(scores)
    assert list((data / "run/samples").glob("*.png"))
    card = (folder / "README.md").read_text()
    assert f"{scores['vae@jpeg']['image_auc']:.3f}" in card and "vae, JPEG 75" in card
    assert "](portrait.png)" in card and (folder / "portrait.png").is_file()
    assert "seed 0; " in card and "](reliability.png)" in card and (folder / "reliability.png").is_file()


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(data, monkeypatch):
    whole = load_file(run(recipe(), data, "whole") / "model.safetensors")

    class Killed(Exception):
        pass

    step = training_run.FakeLocatorModule.training_step

    def killed(module, items, index):
        if module.global_step == 3:
            raise Killed
        return step(module, items, index)

    with monkeypatch.context() as patch:
        patch.setattr(training_run.FakeLocatorModule, "training_step", killed)
        with pytest.raises(Killed):
            run(recipe(), data, "resumed")
    assert not (data / "resumed/model").exists()
    resumed = load_file(run(recipe(), data, "resumed") / "model.safetensors")
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    assert validated(data / "resumed") == validated(data / "whole") == [1, 3]


def validated(run: Path) -> list[int]:
    """The steps, from 0, after which a run was validated."""
    rows = [row for path in sorted(run.glob("log/*/metrics.csv")) for row in csv.DictReader(path.open())]
    return [int(row["step"]) for row in rows if row.get("val/score")]


def test_the_last_checkpoint_is_kept_beside_the_best(data, monkeypatch):
    scores = iter([0.9, 0.5])
    monkeypatch.setattr(training_module, "total_score", lambda figures: next(scores))
    folder = run(recipe(), data, "run")
    best, last = (torch.load(data / f"run/checkpoints/{name}.ckpt", weights_only=True) for name in ("best", "last"))
    assert (best["global_step"], last["global_step"]) == (2, 4)
    model = FakeLocator.from_pretrained(folder).state_dict()
    key = next(name for name in model if name.startswith("decoder."))
    torch.testing.assert_close(model[key], best["state_dict"][f"task.model.{key}"], atol=1e-3, rtol=1e-3)


def test_a_folder_holds_one_recipe(data):
    run(recipe(), data, "run")
    with pytest.raises(ValueError, match="holds a run of another recipe"):
        run(recipe(seed=1), data, "run")


def test_photos_that_are_missing(data):
    with pytest.raises((FileNotFoundError, ValueError), match="nowhere"):
        run(recipe(data={"photos": {"nowhere": 1.0}, "size": 32}, validation={}), data, "run")


def test_attention_is_cropped_with_the_photo(data):
    asked = recipe(
        model={
            "encoder_name": "tu-test_resnet",
            "decoder_channels": [8, 8, 8],
            "texture_channels": None,
            "attention": "face",
        }
    )
    model = FakeLocator.from_pretrained(run(asked, data, "run"))
    assert model.face_parser is not None and model.config["attention_stages"] == [3]
