"""Cells are computed once: a kill at any moment, then the same command, ends with the same results."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness.cells import Cell, Skipped, files_digest, run_cells, skip_sentences


def counting(computed: list[str], key: str, value: float = 1.0, settings: dict | None = None) -> Cell:
    def compute() -> dict[str, float]:
        computed.append(key)
        return {"value": value}

    return Cell(key, settings or {"limit": 4}, compute)


def test_a_finished_cell_is_read_and_not_computed_again(tmp_path):
    computed: list[str] = []
    cells = [counting(computed, "a", 0.1), counting(computed, "b", 0.2)]
    first = run_cells(cells, tmp_path)
    assert run_cells(cells, tmp_path) == first == {"a": {"value": 0.1}, "b": {"value": 0.2}}
    assert computed == ["a", "b"]


def test_other_settings_are_another_cell(tmp_path):
    computed: list[str] = []
    run_cells([counting(computed, "a")], tmp_path)
    run_cells([counting(computed, "a", settings={"limit": 5})], tmp_path)
    assert computed == ["a", "a"]


def test_settings_that_json_changes_are_still_the_same(tmp_path):
    computed: list[str] = []
    for _ in range(2):
        run_cells([counting(computed, "a", settings={"sides": (256, 512), 1: None})], tmp_path)
    assert computed == ["a"]


@pytest.mark.parametrize(
    "damage", [b"", b'{"settings": {"limit"', b"[1, 2]", b"\xff\xfe", b'{"settings": {"limit": 4}}']
)
def test_a_damaged_cell_is_computed_again(tmp_path, damage):
    computed: list[str] = []
    run_cells([counting(computed, "a")], tmp_path)
    (file,) = tmp_path.glob("*.json")
    file.write_bytes(damage)
    assert run_cells([counting(computed, "a")], tmp_path) == {"a": {"value": 1.0}}
    assert computed == ["a", "a"]


def test_a_skipped_cell_says_why_and_is_tried_again(tmp_path):
    def missing() -> dict:
        raise Skipped("it needs weights")

    cells = [Cell("a", {}, missing), Cell("b", {}, missing), Cell("c", {}, lambda: {"value": 3})]
    results = run_cells(cells, tmp_path)
    assert results == {"a": {"skipped": "it needs weights"}, "b": {"skipped": "it needs weights"}, "c": {"value": 3}}
    assert skip_sentences(results) == ["it needs weights"]
    assert run_cells([Cell("a", {}, lambda: {"value": 1})], tmp_path) == {"a": {"value": 1}}


def test_keys_that_look_alike_as_file_names_stay_apart(tmp_path):
    computed: list[str] = []
    cells = [counting(computed, "a/b", 1), counting(computed, "a-b", 2), counting(computed, "x" * 300, 3)]
    run_cells(cells, tmp_path)
    assert [each["value"] for each in run_cells(cells, tmp_path).values()] == [1, 2, 3]


def test_two_cells_of_one_key_are_refused(tmp_path):
    with pytest.raises(ValueError, match="two cells are called 'a'"):
        run_cells([counting([], "a"), counting([], "a")], tmp_path)


def test_the_digest_of_files_knows_names_and_sizes_but_not_places(tmp_path):
    for place in ("one", "two"):
        (tmp_path / place / "real").mkdir(parents=True)
        (tmp_path / place / "real" / "a.png").write_bytes(b"12345")
    one, two = (tmp_path / place / "real" / "a.png" for place in ("one", "two"))
    assert files_digest([one]) == files_digest([two])
    two.write_bytes(b"123456")
    assert files_digest([one]) != files_digest([two])


PROGRAM = """
import sys, time
from pathlib import Path
from benchmarks.harness.cells import Cell, run_cells

def compute(key):
    with open(sys.argv[2], "a") as log:
        log.write(key + " ")
    time.sleep(float(sys.argv[3]))
    return {"key": key, "third": 1 / 3}

print(run_cells([Cell(k, {}, lambda k=k: compute(k)) for k in "abcdef"], sys.argv[1]))
"""


def test_a_killed_process_loses_one_cell(tmp_path):
    def command(folder: str, seconds: float) -> list[str]:
        return [sys.executable, "-c", PROGRAM, str(tmp_path / folder), str(tmp_path / f"{folder}.log"), str(seconds)]

    whole = subprocess.run(command("whole", 0), capture_output=True, text=True, check=True).stdout
    process = subprocess.Popen(command("killed", 0.3))
    deadline = time.monotonic() + 60
    log = tmp_path / "killed.log"
    while not (log.exists() and "c" in log.read_text()):
        assert time.monotonic() < deadline, "the process did not come to its third cell"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = subprocess.run(command("killed", 0), capture_output=True, text=True, check=True).stdout
    assert resumed == whole
    assert log.read_text().split() == ["a", "b", "c", "c", "d", "e", "f"]


def test_progress_names_each_cell(tmp_path: Path):
    told: list[tuple[str, int, int]] = []
    run_cells([counting([], "a"), counting([], "b")], tmp_path, report=lambda *what: told.append(what))
    assert told == [("a", 0, 2), ("b", 1, 2)]
