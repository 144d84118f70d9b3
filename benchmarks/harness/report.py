"""The report of a run: bench.json with everything, bench.md, and bench.html made from it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.cells import Cell, Section
from benchmarks.harness.html import html_page
from fakelocator_zoo.evaluation.tables import markdown_table
from fakelocator_zoo.hub.files import write_whole

TITLE = "FakeLocator benchmark"
_NUMBER = re.compile(r"[-\d.,%/\[\] ]+")


def write_report(
    folder: Path,
    sections: Sequence[Section],
    about: Mapping[str, Any],
    options: Mapping[str, Any],
    cells: Mapping[str, Sequence[Cell]],
    results: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write ``bench.json``, ``bench.md`` and ``bench.html`` into ``folder``, each whole or not at all.

    Args:
        sections: of all tables, in order; their pictures lie in ``folder/pictures``.
        about: of :func:`~fakelocator_zoo.evaluation.environment.provenance`.
        options: of the run, as JSON has them.
        cells, results: table name -> its cells, and their results by key.
    """
    tables = {
        section.name: {
            "title": section.title,
            "text": section.text,
            "columns": list(section.columns),
            "rows": [list(row) for row in section.rows],
            "pictures": section.pictures,
            "cells": {
                cell.key: {"settings": dict(cell.settings), "result": results[section.name][cell.key]}
                for cell in cells.get(section.name, ())
            },
        }
        for section in sections
    }
    values = _finite({"about": dict(about), "options": dict(options), "tables": tables})
    text = markdown(sections, about)
    write_whole(folder / "bench.json", (json.dumps(values, indent=1) + "\n").encode())
    write_whole(folder / "bench.md", text.encode())
    write_whole(folder / "bench.html", html_page(text, folder, TITLE).encode())


def write_tables(
    folder: Path, pictures: Path, sections: Sequence[Section], about: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Write each table alone as ``NAME.md`` and ``NAME.json`` into ``folder``, its pictures beside them.

    What a row was made of is left out: ``bench.json`` has it. A table without rows, such as a skipped one, leaves
    the files of an earlier run as they are.

    Args:
        pictures: the folder where those of the sections lie.
        about, options: as for :func:`write_report`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for section in (each for each in sections if each.rows):
        for name in section.pictures:
            write_whole(folder / name, (pictures / name).read_bytes())
        text = [f"# {section.title}", *_body(section, ""), _origin(about)]
        table = {"title": section.title, "text": section.text, "columns": section.columns, "rows": section.rows}
        values = _finite({"about": dict(about), "options": dict(options), **table})
        write_whole(folder / f"{section.name}.md", ("\n\n".join(text) + "\n").encode())
        write_whole(folder / f"{section.name}.json", (json.dumps(values, indent=1) + "\n").encode())


def markdown(sections: Sequence[Section], about: Mapping[str, Any]) -> str:
    """The report as Markdown; pictures as links into ``pictures/``."""
    parts = [f"# {TITLE}", _origin(about)]
    for section in sections:
        parts += [f"## {section.title}", *_body(section, "pictures/")]
    return "\n\n".join(parts) + "\n"


def text_columns(rows: Sequence[Sequence[str]]) -> int:
    """How many columns, from the left, hold text; the others hold numbers."""
    columns = [all(_NUMBER.fullmatch(text) for text in column) for column in zip(*rows, strict=True)]
    return columns.index(True) if True in columns else len(columns)


def _body(section: Section, pictures: str) -> list[str]:
    """Text, pictures, rows: in print the pictures would otherwise come after pages of rows."""
    parts = [section.text, *(f"![{caption}]({pictures}{name})" for name, caption in section.pictures.items())]
    if section.rows:
        parts.append(markdown_table(section.columns, section.rows, text_columns=text_columns(section.rows)))
    return parts


def _origin(about: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{package} {number}" for package, number in about["versions"].items())
    commit = f", commit {about['commit']}" if about["commit"] else ""
    return (
        f"`{about['command']}`\n\n{about['date']}{commit}, seed {about['seed']}; {about['machine']}; "
        f"Python {about['python']}, {versions}."
    )


def _finite(value: Any) -> Any:
    """NaN and infinities as None: JSON has neither."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
