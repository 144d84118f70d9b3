"""`fakelocator serve` before there is a page."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from fakelocator_zoo.cli import app


def test_without_gradio_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "fakelocator_zoo.app.page", raising=False)
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 1
    assert "fakelocator-zoo[app]" in result.output


def test_an_unknown_model_ends_the_command() -> None:
    pytest.importorskip("gradio")
    result = CliRunner().invoke(app, ["serve", "--model", "fakelocator_nothing"])
    assert result.exit_code == 1
    assert "unknown model" in result.output
