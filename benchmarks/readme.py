"""Puts the table of the zoo into the README: ``python -m benchmarks.readme``, after ``python -m benchmarks zoo``."""

from __future__ import annotations

import json
from pathlib import Path

from fakelocator_zoo.evaluation.tables import markdown_table

ROOT = Path(__file__).parents[1]
OPEN, CLOSE = "<!-- zoo -->\n\n", "\n\n<!-- /zoo -->"


def with_table(readme: str, table: str) -> str:
    """The README with the table between its markers.

    Raises:
        ValueError: where a marker is missing.
    """
    before, opened, rest = readme.partition(OPEN)
    _, closed, after = rest.partition(CLOSE)
    if not opened or not closed:
        raise ValueError(f"README.md has no {OPEN.strip()} with {CLOSE.strip()} after it")
    return before + OPEN + table + CLOSE + after


def zoo_table(results: Path) -> str:
    """The table of ``zoo.json`` as Markdown, each name a link to its card."""
    values = json.loads((results / "zoo.json").read_text(encoding="utf-8"))
    rows = [(f"[{row[0]}](hub_configs/{row[0].strip('`')}/README.md)", *row[1:]) for row in values["rows"]]
    return markdown_table(values["columns"], rows)


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(
        with_table(path.read_text(encoding="utf-8"), zoo_table(ROOT / "benchmarks/results")), encoding="utf-8"
    )
