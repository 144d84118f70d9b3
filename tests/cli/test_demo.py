from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from fakelocator_zoo import FakeLocator, cli
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.hub import sources
from tests.inference.stubs import StubModel


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeLocator, "from_pretrained", lambda name: StubModel().eval())
    torch.manual_seed(0)
    Generator("nearest", levels=1, width=4).save_pretrained(tmp_path / "hub" / "generator_demo.open")
    monkeypatch.setattr(sources, "bundled_root", lambda: tmp_path / "hub")
    result = CliRunner().invoke(cli.app, ["demo", "--out", str(tmp_path / "out"), "--part", "eyes"])
    assert result.exit_code == 0, result.stderr
    for words in ("located", "constant", "centred Gaussian", "high-pass", "COSS", "untouched", "manipulated"):
        assert words in result.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["demo.png"]


def test_unknown_part() -> None:
    assert CliRunner().invoke(cli.app, ["demo", "--part", "ear"]).exit_code == 2
