"""A run of the benchmark: the cells of all tables, then one report of them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import fakelocator_zoo
from benchmarks.harness.cells import Cell, Report, Section, Skipped, run_cells
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.parallel import TIMED, compute_tables
from benchmarks.harness.report import write_report, write_tables
from benchmarks.harness.rivals import contenders
from fakelocator_zoo.evaluation.environment import provenance

#: Table -> its module here, which has ``cells(options) -> list[Cell]`` (raises Skipped) and
#: ``section(results, folder) -> Section``, a function of the results alone that writes its pictures into ``folder``.
TABLES: dict[str, str] = {
    "generators": "generators",
    "cross-attribute": "cross_attribute",
    "cross-generator": "cross_generator",
    "in-domain": "in_domain",
    "clustering-scale": "clustering_scale",
    "robustness": "robustness",
    "ablation": "ablation",
    "speed": "speed",
    "controls": "controls",
    "demo": "demo",
}


def check_tables(names: Sequence[str]) -> tuple[str, ...]:
    """The tables of a run, all where none is named.

    Raises:
        ValueError: for an unknown table; the nearest is suggested.
    """
    for name in names:
        if name not in TABLES:
            close = get_close_matches(name, TABLES, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(TABLES)}"
            raise ValueError(f"unknown table {name!r}; {hint}")
    return tuple(dict.fromkeys(names)) or tuple(TABLES)


def _silent(what: str, done: int, total: int) -> None:
    pass


def run_bench(options: BenchOptions, tables: Sequence[str] = (), report: Report = _silent) -> list[Section]:
    """Compute the cells that ``options.out`` lacks, and write ``bench.json``, ``bench.md`` and ``bench.html`` there.

    A finished cell is never computed again for the same settings, so the same command goes on where it was killed
    and ends with the same tables.

    ``report`` hears of each cell as "table: key", and of the report at the end.

    Raises:
        ValueError: for unknown tables and rivals, and whatever else is wrong before the first cell.
        OSError: where the output folder cannot be written, or data cannot be read.
    """
    names = check_tables(tables)
    contenders(options)  # what is wrong with them is said now, and not after an hour
    pictures = options.out / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    cells: dict[str, list[Cell]] = {}
    skipped: dict[str, str] = {}
    for name in names:
        try:
            cells[name] = _cells(options, name)
        except Skipped as reason:
            skipped[name] = str(reason)
    total = sum(len(each) for each in cells.values())
    done = compute_tables(compute_table, options, list(cells), total, report) if options.jobs > 1 else 0
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for name, each in cells.items():
        here = options.jobs == 1 or name in TIMED  # what other processes computed is read
        said = _within(report, name, done, total) if here else _silent
        results[name] = run_cells(each, options.cells / name, report=said)
        done += len(each) if here else 0
    report("report", total, total)
    sections = [
        Section(name, name.capitalize(), f"Skipped: {skipped[name]}.")
        if name in skipped
        else _module(name).section(results[name], pictures)
        for name in names
    ]
    about = provenance(options.seed)
    write_report(options.out, sections, about, options.described(), cells, results)
    if options.results is not None:
        write_tables(options.results, pictures, sections, about, options.described())
    return sections


def compute_table(options: BenchOptions, table: str, report: Report) -> None:
    """Compute the cells of one table that ``options.out`` lacks."""
    run_cells(_cells(options, table), options.cells / table, report=report)


def _cells(options: BenchOptions, table: str) -> list[Cell]:
    return [_versioned(cell) for cell in _module(table).cells(options)]


def _module(table: str) -> Any:
    name = f"benchmarks.harness.{TABLES[table]}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise Skipped(f"this installation has no table {table}") from None
        raise Skipped(f"it needs {error.name}: pip install 'fakelocator-zoo[bench]'") from error


def _versioned(cell: Cell) -> Cell:
    """Another version of this package may give other results."""
    return replace(cell, settings={**cell.settings, "fakelocator-zoo": fakelocator_zoo.__version__})


def _within(report: Report, table: str, before: int, total: int) -> Report:
    return lambda key, done, _: report(f"{table}: {key}", before + done, total)
