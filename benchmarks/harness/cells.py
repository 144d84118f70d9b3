"""Cells: the parts of a table that take time, computed once and kept as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

import fakelocator_zoo
from benchmarks.harness.options import Options
from benchmarks.harness.table import Skipped
from fakelocator_zoo.hub.files import write_whole


@dataclass(frozen=True)
class Cell:
    """One part of a table."""

    key: str  #: unique within the table, such as "fakelocator_x/srgan_x4"
    settings: Mapping[str, Any]  #: all that the result depends on, as JSON has it
    compute: Callable[[], dict[str, Any]]  #: gives the result, as JSON has it


def run_cells(options: Options, table: str, cells: Sequence[Cell]) -> dict[str, dict[str, Any]]:
    """The results by key; those that an earlier run kept for the same settings are read, not computed.

    A result is written when it is complete (temporary name, then replaced), so a killed run loses one cell. A cell
    that raises :class:`Skipped` has the result ``{"skipped": sentence}``, which is not kept: the next run tries again.

    Raises:
        ValueError: where two cells share a key.
    """
    results: dict[str, dict[str, Any]] = {}
    console = Console(stderr=True)
    shown: Iterable[Cell] = track(
        cells, table, console=console, transient=True, disable=not console.is_terminal, update_period=0.5
    )
    for cell in shown:
        if cell.key in results:
            raise ValueError(f"two cells are called {cell.key!r}")
        # Another version of the package may give other results.
        settings = json.loads(json.dumps({**cell.settings, "fakelocator-zoo": fakelocator_zoo.__version__}))
        path = _path(options.out / "cells" / table, cell.key)
        result = _read(path, settings)
        if result is None:
            try:
                result = json.loads(json.dumps(cell.compute()))
            except Skipped as reason:
                results[cell.key] = {"skipped": str(reason)}
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps({"settings": settings, "result": result}).encode())
        results[cell.key] = result
    return results


def files_digest(paths: Iterable[Path]) -> str:
    """Names and sizes of files as one short string, for the settings of a cell; where they lie does not matter."""
    lines = "\n".join(f"{path.parent.name}/{path.name} {path.stat().st_size}" for path in paths)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def finished(results: Mapping[str, Mapping[str, Any]], prefix: str = "") -> list[Mapping[str, Any]]:
    """The results of the cells whose key starts with ``prefix``, without those that were skipped."""
    return [result for key, result in results.items() if key.startswith(prefix) and "skipped" not in result]


def skip_sentences(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Why cells were skipped, each reason once, in order."""
    return list(dict.fromkeys(str(result["skipped"]) for result in results.values() if "skipped" in result))


def _path(folder: Path, key: str) -> Path:
    readable = "".join(c if c.isalnum() or c in "-_." else "-" for c in key)[:80]
    return folder / f"{readable}.{hashlib.sha256(key.encode()).hexdigest()[:8]}.json"


def _read(path: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    same = isinstance(kept, dict) and kept.get("settings") == settings
    return kept.get("result") if same else None
