"""Cells of benchmark tables: computed once, kept as JSON, never computed again by the same command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakelocator_zoo.hub.files import write_whole

#: Called as ``report(key, done, total)`` before each cell.
Report = Callable[[str, int, int], None]


class Skipped(Exception):
    """Raised by a table or a cell that cannot be computed here; one sentence says what is missing."""


@dataclass(frozen=True)
class Cell:
    """One independent piece of a table."""

    key: str  #: unique within the table, such as "mobilenetv4/srgan_x4"; also the file's name
    settings: Mapping[str, Any]  #: all that the result depends on, as JSON has it; another one is another cell
    compute: Callable[[], dict[str, Any]]  #: gives the result, as JSON has it


@dataclass(frozen=True)
class Section:
    """What a table shows: it goes into the Markdown, the HTML page and the JSON alike."""

    name: str
    title: str
    text: str  #: what was done, in sentences; Markdown
    columns: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)  #: formatted, as many as columns
    pictures: dict[str, str] = field(default_factory=dict)  #: PNG file name inside the folder -> its caption


def run_cells(
    cells: Sequence[Cell],
    folder: str | Path,
    *,
    report: Report = lambda key, done, total: None,
) -> dict[str, dict[str, Any]]:
    """The results by key; those that ``folder`` holds for the same settings are read, not computed.

    A result is written when it is complete (temporary name, then replaced), so a killed run loses one cell.
    A cell that raises :class:`Skipped` has the result ``{"skipped": sentence}``, which is not kept: the next run
    tries again.

    Raises:
        ValueError: where two cells share a key.
    """
    folder = Path(folder)
    results: dict[str, dict[str, Any]] = {}
    for number, cell in enumerate(cells):
        if cell.key in results:
            raise ValueError(f"two cells are called {cell.key!r}")
        report(cell.key, number, len(cells))
        settings = json.loads(json.dumps(dict(cell.settings)))
        path = _path(folder, cell.key)
        kept = _read(path, settings)
        if kept is None:
            try:
                kept = json.loads(json.dumps(cell.compute()))
            except Skipped as reason:
                results[cell.key] = {"skipped": str(reason)}
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps({"settings": settings, "result": kept}, indent=1).encode())
        results[cell.key] = kept
    return results


def files_digest(paths: Iterable[Path]) -> str:
    """Names and sizes of files in one short string, for the settings of a cell; where they lie does not matter."""
    lines = "\n".join(f"{path.parent.name}/{path.name} {path.stat().st_size}" for path in paths)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def skip_sentences(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Why cells were skipped, each reason once, in order."""
    return list(dict.fromkeys(str(result["skipped"]) for result in results.values() if "skipped" in result))


def _path(folder: Path, key: str) -> Path:
    readable = "".join(c if c.isalnum() or c in "-_." else "-" for c in key)[:80]
    return folder / f"{readable}.{hashlib.sha256(key.encode()).hexdigest()[:8]}.json"


def _read(path: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    same = isinstance(kept, dict) and kept.get("settings") == settings
    return kept["result"] if same and "result" in kept else None
