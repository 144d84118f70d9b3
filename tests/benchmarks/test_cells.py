"""Cells are computed once, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.harness.cells import Cell, files_digest, run_cells, skip_sentences
from benchmarks.harness.options import Options
from benchmarks.harness.table import Skipped


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(out=tmp_path)


def counting(computed: list[str], key: str, value: float = 1.0, settings: dict | None = None) -> Cell:
    def compute() -> dict[str, float]:
        computed.append(key)
        return {"value": value}

    return Cell(key, settings or {"limit": 4}, compute)


def test_a_finished_cell_is_read_and_not_computed_again(options):
    computed: list[str] = []
    cells = [counting(computed, "a", 0.1), counting(computed, "b", 0.2)]
    first = run_cells(options, "t", cells)
    assert run_cells(options, "t", cells) == first == {"a": {"value": 0.1}, "b": {"value": 0.2}}
    assert computed == ["a", "b"]


def test_other_settings_are_another_cell(options):
    computed: list[str] = []
    run_cells(options, "t", [counting(computed, "a")])
    run_cells(options, "t", [counting(computed, "a", settings={"limit": 5})])
    assert computed == ["a", "a"]


def test_settings_that_json_changes_are_still_the_same(options):
    computed: list[str] = []
    for _ in range(2):
        run_cells(options, "t", [counting(computed, "a", settings={"sides": (256, 512), 1: None})])
    assert computed == ["a"]


@pytest.mark.parametrize(
    "damage", [b"", b'{"settings": {"limit"', b"[1, 2]", b"\xff\xfe", b'{"settings": {"limit": 4}}']
)
def test_a_damaged_cell_is_computed_again(options, damage):
    computed: list[str] = []
    run_cells(options, "t", [counting(computed, "a")])
    (file,) = options.out.rglob("*.json")
    file.write_bytes(damage)
    assert run_cells(options, "t", [counting(computed, "a")]) == {"a": {"value": 1.0}}
    assert computed == ["a", "a"]


def test_a_skipped_cell_says_why_and_is_tried_again(options):
    def missing() -> dict:
        raise Skipped("it needs weights")

    cells = [Cell("a", {}, missing), Cell("b", {}, missing), Cell("c", {}, lambda: {"value": 3})]
    results = run_cells(options, "t", cells)
    assert results == {"a": {"skipped": "it needs weights"}, "b": {"skipped": "it needs weights"}, "c": {"value": 3}}
    assert skip_sentences(results) == ["it needs weights"]
    assert run_cells(options, "t", [Cell("a", {}, lambda: {"value": 1})]) == {"a": {"value": 1}}


def test_an_error_leaves_what_was_finished(options):
    def broken() -> dict:
        raise RuntimeError("out of memory")

    computed: list[str] = []
    with pytest.raises(RuntimeError, match="out of memory"):
        run_cells(options, "t", [counting(computed, "a"), Cell("b", {}, broken)])
    run_cells(options, "t", [counting(computed, "a"), counting(computed, "b")])
    assert computed == ["a", "b"]


def test_keys_that_look_alike_as_file_names_stay_apart(options):
    computed: list[str] = []
    cells = [counting(computed, "a/b", 1), counting(computed, "a-b", 2), counting(computed, "x" * 300, 3)]
    run_cells(options, "t", cells)
    assert [each["value"] for each in run_cells(options, "t", cells).values()] == [1, 2, 3]


def test_two_cells_of_one_key_are_refused(options):
    with pytest.raises(ValueError, match="two cells are called 'a'"):
        run_cells(options, "t", [counting([], "a"), counting([], "a")])


def test_the_digest_of_files_knows_names_and_sizes_but_not_places(tmp_path):
    one, two = tmp_path / "one/real/a.png", tmp_path / "two/real/a.png"
    for path in (one, two):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"12345")
    assert files_digest([one]) == files_digest([two])
    two.write_bytes(b"123456")
    assert files_digest([one]) != files_digest([two])
