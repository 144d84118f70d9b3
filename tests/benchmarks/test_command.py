"""The command: what it says, what it skips, and how a killed run goes on."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import benchmarks.tables
from benchmarks import __main__ as command
from benchmarks.harness import table
from benchmarks.harness.options import Options


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command.app, list(arguments))
    return result.exit_code, result.output


def test_help_lists_every_table_with_its_line() -> None:
    code, output = run("--help")
    assert code == 0
    for name, line in command.TABLES.items():
        assert re.search(rf"^ *{name} +{re.escape(line)}$", output, re.MULTILINE), name


def test_every_table_has_a_line_and_a_function_run() -> None:
    assert {"pairs", "attributes", "whole", "controls", "rivals", "clustering"} < command.TABLES.keys()
    for name, line in command.TABLES.items():
        assert line.endswith("."), name
        assert callable(table.table_function(name))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pears"], "unknown table 'pears'; did you mean 'pairs'?"),
        (["pairs", "--data", "nowhere"], "nowhere is no folder"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str) -> None:
    code, output = run(*arguments)
    assert code == 1 and output.startswith("error: ") and sentence in output
    assert len(output.splitlines()) == 1


def test_an_unknown_model_is_one_sentence(data: Path, tmp_path: Path) -> None:
    code, output = run("pairs", "--data", str(data), "--out", str(tmp_path), "--model", "no_such_model")
    assert code == 1 and "no_such_model" in output and "Traceback" not in output


def test_a_table_without_its_folder_is_skipped_and_the_next_one_runs(
    tmp_path: Path, tiny_folder: Path, data: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/whole").symlink_to(data / "whole")
    arguments = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--model", str(tiny_folder)]
    code, output = run("pairs", "whole", "--quick", *arguments)
    assert code == 0
    assert re.search(r"^pairs: skipped, .* has no pairs/$", output, re.MULTILINE)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cells", "whole.json", "whole.md"]
    # Where data and models lie concerns no reader.
    assert str(tmp_path) not in (tmp_path / "out/whole.md").read_text()
    assert str(tmp_path) not in (tmp_path / "out/whole.json").read_text()


def test_a_new_table_is_one_file(options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example that ``benchmarks.harness.table`` gives, as it stands there."""
    example = (table.__doc__ or "").partition("::\n")[2]
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/brightness.py").write_text("\n".join(line[4:] for line in example.splitlines()))
    monkeypatch.setattr(benchmarks.tables, "__path__", [*benchmarks.tables.__path__, str(tmp_path / "tables")])
    assert table.list_tables(tmp_path / "tables") == {"brightness": "Brightness of the real photos of ``pairs/``."}
    monkeypatch.setattr(command, "TABLES", {"brightness": ""})
    code, output = run("brightness", "--data", str(options.data), "--out", str(tmp_path / "out"))
    assert code == 0, output
    assert "| pairs | " in (tmp_path / "out/brightness.md").read_text()


@pytest.mark.slow
def test_a_killed_command_ends_with_the_table_of_one_that_was_not(options: Options, tmp_path: Path) -> None:
    start = [sys.executable, "-m", "benchmarks", "pairs", "--quick", "--data", str(options.data)]
    start += ["--model", options.models[0], "--out"]
    out, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    subprocess.run([*start, str(undisturbed)], check=True, capture_output=True)

    def finished() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in out.glob("cells/pairs/*.json")}

    for cells in (1, 20):
        process = subprocess.Popen([*start, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        while len(finished()) < cells:
            assert process.poll() is None and time.monotonic() < deadline, f"it came to no {cells} cells"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (out / "pairs.json").exists()
    before = finished()
    subprocess.run([*start, str(out)], check=True, capture_output=True)
    assert before.items() <= finished().items(), "a finished cell was computed again"
    tables = [json.loads((folder / "pairs.json").read_text()) for folder in (out, undisturbed)]
    assert tables[0]["rows"] == tables[1]["rows"] and tables[0]["details"] == tables[1]["details"]
