"""The command from photos to a model folder, with a tiny random model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from fakelocator_zoo import FakeLocator, cli
from fakelocator_zoo.inference import faces
from tests.evaluation.conftest import save
from tests.inference.stubs import smooth


@pytest.fixture
def model(tmp_path: Path, tiny_model: FakeLocator) -> Path:
    return tiny_model.save_pretrained(tmp_path / "tiny", license="apache-2.0", dtype=torch.float16)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(faces, "find_faces", lambda image: [])
    for seed in range(24):
        save(tmp_path / "photos" / f"{seed}.png", smooth(96, 96, seed))
        save(tmp_path / "fakes" / ("one" if seed % 2 else "two") / f"{seed}.png", 255 - smooth(96, 96, 50 + seed))
    return tmp_path / "photos"


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.app, ["calibrate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_a_model_folder_of_the_same_weights(photos: Path, model: Path, tmp_path: Path) -> None:
    (photos / "bad.png").write_text("no image")
    out = tmp_path / "new" / "mine"
    given = [photos, "--fakes", tmp_path / "fakes", "--model", model, "--out", out]
    code, stdout, stderr = run(*given)
    assert code == 1 and "bad.png is not an image" in stderr and "48 photos and fakes scored, 1 failed" in stderr
    assert {path.name for path in out.iterdir()} == {"config.json", "model.safetensors", "README.md", "reliability.png"}
    before, after = (load_file(folder / "model.safetensors") for folder in (model, out))
    assert all(torch.equal(before[key], after[key]) and before[key].dtype == after[key].dtype for key in before)
    config = json.loads((out / "config.json").read_text())
    loaded = FakeLocator.from_pretrained(out)
    assert loaded.temperature == config["temperature"] != FakeLocator.from_pretrained(model).temperature
    assert "one, JPEG 75" in stdout and "license: apache-2.0" in (out / "README.md").read_text()
    code, _, stderr = run(*given)
    assert code == 1 and "nothing is overwritten" in stderr
    assert json.loads((out / "config.json").read_text()) == config


def test_without_fakes_the_threshold_alone_is_fitted(photos: Path, model: Path, tmp_path: Path) -> None:
    code, stdout, stderr = run(photos, "--model", model, "--out", tmp_path / "mine")
    assert code == 0, stderr
    assert not (tmp_path / "mine" / "reliability.png").exists()
    assert "reliability is not known" in stdout and "photos are few for 0.01 false alarms" in stderr
    old, new = (FakeLocator.from_pretrained(folder) for folder in (model, tmp_path / "mine"))
    assert old.temperature == new.temperature and old.threshold != new.threshold
    assert set(new.limits) == {*(old.limits or {}), "unsure"}


def test_too_few_photos_leave_nothing(photos: Path, model: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(photos / "0.png", few)
    before = sorted(tmp_path.iterdir())
    code, _, stderr = run(few, "--model", model, "--out", tmp_path / "mine")
    assert code == 1 and "1 photos could be judged; give 20 at least" in stderr
    assert sorted(tmp_path.iterdir()) == before
