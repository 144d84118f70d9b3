from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from fakelocator_zoo import cli
from fakelocator_zoo.zoo import models as zoo


def test_names_are_whole_and_json_is_one_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(cli.app, ["models"])
    assert shown.exit_code == 0
    names = zoo.list_models()
    assert [line.split()[0] for line in shown.stdout.splitlines()[1:]] == names
    assert [row["name"] for row in json.loads(CliRunner().invoke(cli.app, ["models", "--json"]).stdout)] == names
