"""Tables as files: ``NAME.md`` and ``NAME.json``, each written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.table import Row, Table
from fakelocator_zoo.evaluation.tables import markdown_table
from fakelocator_zoo.hub.files import write_whole


def write_table(folder: Path, name: str, table: Table, about: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Write ``NAME.md`` and ``NAME.json``.

    Args:
        about: of :func:`~fakelocator_zoo.evaluation.environment.provenance`.
        options: of the run, as JSON has them.
    """
    values = {
        "about": dict(about),
        "options": dict(options),
        "title": table.title,
        "text": table.text,
        "columns": list(table.columns),
        "rows": [list(row) for row in table.rows],
        "details": {title: [list(row) for row in rows] for title, rows in table.details.items()},
        "notes": list(table.notes),
    }
    write_whole(folder / f"{name}.md", markdown(table, about).encode())
    write_whole(folder / f"{name}.json", (json.dumps(values, indent=1) + "\n").encode())


def markdown(table: Table, about: Mapping[str, Any]) -> str:
    """A table as Markdown, with where and how it was measured below."""
    parts = [f"# {table.title}", table.text, _rows(table.columns, table.rows)]
    parts += [
        f"<details><summary>{title}</summary>\n\n{_rows(table.columns, rows)}\n\n</details>"
        for title, rows in table.details.items()
    ]
    if table.notes:
        parts.append("\n".join(f"- {note}" for note in table.notes))
    versions = ", ".join(f"{package} {number}" for package, number in about["versions"].items())
    commit = f", commit {about['commit']}" if about["commit"] else ""
    parts.append(
        f"`{about['command']}`\n\n{about['date']}{commit}, seed {about['seed']}; {about['machine']}; "
        f"Python {about['python']}, {versions}."
    )
    return "\n\n".join(parts) + "\n"


def _rows(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Leading columns without any digit or dash are text, the others numbers."""
    numeric = [all(text[:1] in "-+0123456789" for text in column) for column in zip(*rows, strict=True)]
    return markdown_table(columns, rows, text_columns=numeric.index(True) if True in numeric else len(columns))
