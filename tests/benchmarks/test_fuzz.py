"""Readers on damaged files: read, or refused in one sentence."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.harness import readers
from benchmarks.harness.mutation import damaged, odd_values
from benchmarks.harness.options import Options
from benchmarks.tables import fuzz


@pytest.mark.parametrize("kind", readers.KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_sentence(kind: str) -> None:
    if kind == "video":
        pytest.importorskip("av")
    if kind == "recipe":
        pytest.importorskip("pydantic")
    outcomes = set()

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32))
    def attempt(number: int) -> None:
        outcomes.add(readers.read_damaged(kind, number))

    attempt()
    assert "refused" in outcomes


def test_a_number_is_a_file() -> None:
    data, tree = bytes(range(256)) * 8, {"a": [1, 2, {"b": "c"}], "d": 3}
    for number in range(20):
        assert damaged(data, random.Random(number)) == damaged(data, random.Random(number))
        assert repr(odd_values(tree, random.Random(number))) == repr(odd_values(tree, random.Random(number)))
    assert tree == {"a": [1, 2, {"b": "c"}], "d": 3}


@pytest.mark.slow
def test_the_table_counts_every_file(options: Options) -> None:
    pytest.importorskip("av")
    table = fuzz.run(replace(options, models=()))
    assert [row[0] for row in table.rows] == list(readers.KINDS)
    for row in table.rows:
        assert int(row[1]) == fuzz.QUICK_FILES == sum(map(int, row[2:6]))
        assert row[4:6] == ("0", "0"), table.details


def test_faults_are_counted_and_the_next_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that ends with an exception, with its process, and not at all."""
    answers = iter(
        [
            {"outcome": "crashes", "what": "ZeroDivisionError: by design"},
            {"outcome": "crashes", "what": "exit code -11", "ended": True},
            {"outcome": "read", "slowest": 0.5, "peak_mb": 100.0},
            {"outcome": "hangs", "what": "more than 10 s", "ended": True},
            {"outcome": "refused", "slowest": 0.1, "peak_mb": 90.0},
        ]
    )
    started = []

    class Reader:
        def __init__(self, kind: str, first: int, last: int) -> None:
            started.append(first)

        def __enter__(self) -> Reader:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def answer(self, seconds: float) -> dict:
            return next(answers)

    monkeypatch.setattr(fuzz, "_Reader", Reader)
    found = fuzz.read_all("image", 0, 5)
    assert started == [0, 2, 4]
    assert [found[name] for name in ("read", "refused", "crashes", "hangs")] == [1, 1, 2, 1]
    assert [number for number, _ in found["faults"]] == ["0", "1", "3"] and found["peak_mb"] == 100
