"""The script that plots what is found over the size of the photo: run, and run again."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from fakelocator_zoo import FakeLocator
from fakelocator_zoo.generators.bank import BANK
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.training.recipe import load_recipe

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "photo_size.py"
NAMED = load_recipe(
    SCRIPT.parents[1] / "hub_configs" / "fakelocator_mobilenetv4_conv_small.open" / "recipe.yaml"
).generators.names


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", [str(each) for each in (SCRIPT, *arguments)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_a_row_for_each_size(
    bench_data: Path, tmp_path: Path, tiny_model: FakeLocator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    model, bank, out = tmp_path / "tiny", tmp_path / "bank", tmp_path / "out"
    tiny_model.save_pretrained(model)
    bank.mkdir()
    unseen = next(name for name in BANK if name not in NAMED)
    for name in (NAMED[0], unseen):
        Generator(**BANK[name]).save_pretrained(bank / name)
    folders = ["--photos", bench_data / "faces", "--bank", bank, "--models", model, "--out", out]
    for _ in range(2):
        run(monkeypatch, *folders, "--sizes", 48, 64, "--limit", 2)
    table = json.loads((out / "photo-size.json").read_text())
    assert [row[1] for row in table["rows"]] == ["48", "64"]
    assert "by one of 1 generators" in table["text"], "those that a recipe trains with are left out"
    assert (out / "photo-size.png").stat().st_size > 10_000
    (bank / f"{unseen}.safetensors").unlink()
    with pytest.raises(SystemExit, match="no generator that no recipe names"):
        run(monkeypatch, *folders)
