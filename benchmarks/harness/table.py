"""What a table is, and how the command finds it.

A table is one file, ``benchmarks/tables/NAME.py`` (an underscore in the file name is a hyphen on the command line):

- The first line of its docstring is what ``python -m benchmarks --help`` says of it.
- ``run(options: Options) -> Table`` measures. It takes folders from ``options.folder("pairs")``, which raises
  :class:`Skipped` where ``--data`` has none; the command then prints the sentence and goes on with the next table.
- What takes time goes into cells: ``run_cells(options, "NAME", [Cell(key, settings, compute), ...])`` returns their
  results by key and reads those that an earlier run of the same settings has written, so that a killed run goes on.

Nothing is registered. Names that start with an underscore are no tables. A whole example::

    \"""Brightness of the real photos of ``pairs/``.\"""

    from benchmarks.harness.cells import Cell, run_cells
    from benchmarks.harness.options import Options
    from benchmarks.harness.table import Table
    from fakelocator_zoo.evaluation.samples import read_photos

    def run(options: Options) -> Table:
        photos = read_photos([options.folder("pairs/real")], limit=options.limit)
        def compute() -> dict[str, float]:
            return {"mean": sum(float(photo.mean()) for photo in photos) / len(photos)}
        found = run_cells(options, "brightness", [Cell("pairs", {"photos": len(photos)}, compute)])
        rows = [("pairs", f"{found['pairs']['mean']:.1f}")]
        return Table("Brightness", "Mean of all pixels and colours, 0 to 255.", ("photos", "mean"), rows)
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.harness.options import Options

FOLDER = Path(__file__).parent.parent / "tables"
Row = tuple[str, ...]


class Skipped(Exception):
    """A table or a cell cannot be computed here; one sentence says what is missing."""


@dataclass(frozen=True)
class Table:
    """What ``NAME.md`` and ``NAME.json`` show."""

    title: str
    text: str  #: what was measured and how, Markdown
    columns: Sequence[str]
    rows: Sequence[Row]  #: formatted cells, as many as columns
    details: Mapping[str, Sequence[Row]] = field(default_factory=dict)  #: title -> more rows, folded away in Markdown
    notes: Sequence[str] = ()  #: sentences on what was left out


def list_tables(folder: Path = FOLDER) -> dict[str, str]:
    """Table -> the first line of its docstring; nothing is imported."""
    found = {}
    for path in sorted(folder.glob("[!_]*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[path.stem.replace("_", "-")] = docstring.partition("\n")[0]
    return found


def check_names(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The tables of a run, each once; all of them where none is named.

    Raises:
        ValueError: for an unknown name; the nearest is suggested.
    """
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise ValueError(f"unknown table {name!r}; {hint}")
    return tuple(dict.fromkeys(names)) or tuple(known)


def table_function(name: str) -> Callable[[Options], Table]:
    """The function ``run`` of a table.

    Raises:
        Skipped: where a package that it imports is not installed.
    """
    try:
        return importlib.import_module(f"benchmarks.tables.{name.replace('-', '_')}").run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("benchmarks", "fakelocator_zoo"):
            raise
        raise Skipped(f"it needs {error.name}: pip install 'fakelocator-zoo[bench]'") from error
