"""The script that plots the stem over the size of the bank: run, and run again."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from fakelocator_zoo.generators.bank import BANK
from fakelocator_zoo.generators.network import Generator

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bank_size.py"


def test_a_row_for_each_bank_with_and_without_noise(
    bench_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    bank = tmp_path / "bank"
    bank.mkdir()
    for name in list(BANK)[:3]:
        Generator(**BANK[name]).save_pretrained(bank / name)
    out = tmp_path / "out"
    folders = ["--photos", bench_data / "faces", "--pairs", bench_data / "pairs", "--bank", bank, "--out", out]
    options = ["--sizes", 1, "--seeds", 0, "--steps", 2, "--limit", 2]
    monkeypatch.setattr(sys, "argv", [str(each) for each in (SCRIPT, *folders, *options)])
    for _ in range(2):
        runpy.run_path(str(SCRIPT), run_name="__main__")
    table = json.loads((out / "bank-size.json").read_text())
    assert [row[0] for row in table["rows"]] == ["1", "3", "1", "3"]
    assert (out / "bank-size.png").stat().st_size > 10_000
    assert len(list(out.glob("*noise*.json"))) == len(list(out.glob("*weights-as-trained*.json"))) == 2
    assert "python benchmarks/bank_size.py" in table["about"]["command"]
