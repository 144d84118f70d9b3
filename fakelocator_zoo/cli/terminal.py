"""What the commands print: tables, and sentences on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import typer


def say(sentence: str) -> None:
    """Print ``sentence`` on stderr, which leaves stdout to the results."""
    typer.echo(sentence, err=True)


def say_failures(failures: Sequence[str]) -> None:
    """Print a line on stderr for each file that failed."""
    for failure in failures:
        say(f"error: {failure}")


def exit_on_failures(failures: Sequence[str], done: str) -> None:
    """End the command with exit code 1 after what failed and, beside its number, ``done``; where nothing did, go on."""
    if failures:
        say_failures(failures)
        say(f"{done}, {len(failures)} failed")
        raise typer.Exit(1)


def table(*columns: str) -> Any:
    """A `rich.table.Table` whose first and last columns are text and whose other columns are numbers."""
    from rich.table import Table

    made = Table()
    for index, column in enumerate(columns):
        made.add_column(column, overflow="fold", justify="left" if index in (0, len(columns) - 1) else "right")
    return made


def show(filled: Any) -> None:
    """Print a table on stdout."""
    from rich.console import Console

    Console().print(filled)


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Libraries announce what they load on stdout, which ``--json`` keeps for results."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
