"""Output of the commands: results on stdout, messages and progress on stderr. Names are text, never markup."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Column, Table

T = TypeVar("T")

#: Unicode categories: control characters, surrogates (bytes that are no UTF-8), line and paragraph separators.
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
#: Least width of a column of sentences before columns are left out.
_SENTENCE = 24
#: Width of a table in a file or a pipe.
_UNLIMITED = 100_000


def replace_unencodable() -> None:
    """Print a question mark for what stdout and stderr cannot encode, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def printable(text: object, keep: str = "") -> str:
    """The text with control characters, which could move the cursor, as escapes such as ``\\x1b``."""
    return "".join(
        char if char in keep or unicodedata.category(char) not in _UNPRINTABLE else repr(char)[1:-1]
        for char in str(text)
    )


def say(sentence: str) -> None:
    """Print a sentence on stderr."""
    typer.echo(printable(sentence, keep="\n"), err=True)


def say_failures(failures: Sequence[str]) -> None:
    """Print a line on stderr for each file that failed."""
    for failure in failures:
        say(f"error: {failure}")


def exit_on_failures(failures: Sequence[str], done: str) -> None:
    """Where something failed, print each failure, ``done`` and their number, and exit with status 1."""
    if failures:
        say_failures(failures)
        say(f"{done}, {len(failures)} failed")
        raise typer.Exit(1)


def table(*columns: str) -> Table:
    """An empty table. The first column holds names, the last sentences or names, those between numbers.

    Where there is no room, :func:`show` leaves out columns from the right.
    """
    from rich.table import Table

    made = Table(box=None, padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index in (0, len(columns) - 1) else "right")
    return made


def show(filled: Table) -> None:
    """Print a table on stdout: names and numbers whole, sentences wrapped, as many columns as fit."""
    from rich.table import Table

    console = _console()
    columns = list(filled.columns)
    while len(columns) > 1 and _width(columns, shortest=True) > console.width:
        columns.pop()
    width = max(_width(columns[:1], shortest=False), min(console.width, _width(columns, shortest=False)))
    shown = Table(box=None, padding=(0, 2, 0, 0), width=width)
    for index, column in enumerate(columns):
        shown.add_column(
            printable(column.header),
            justify=column.justify,
            no_wrap=not (index and _is_sentence(column)),
            overflow="fold",
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        shown.add_row(*(printable(cell, keep="\n") for cell in row))
    # A name wider than the terminal is not wrapped here, so that it can be copied whole.
    console.width = max(console.width, width)
    console.print(shown, soft_wrap=True)
    if left_out := [printable(column.header) for column in filled.columns[len(columns) :]]:
        say(f"no room for: {', '.join(left_out)}; a wider terminal shows them")


class JsonRows:
    """One JSON array on stdout, one row a line as it comes; nothing if an error ends the command before the first.

    Args:
        wanted: False prints nothing.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted, self._started = wanted, False

    def add(self, row: Mapping[str, Any]) -> None:
        """Print one row."""
        if self._wanted:
            typer.echo(("," if self._started else "[") + "\n" + json.dumps(row), nl=False)
            self._started = True

    def __enter__(self) -> JsonRows:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._started:
            typer.echo("\n]")
        elif self._wanted and kind is None:
            typer.echo("[]")


@contextlib.contextmanager
def progress(doing: str) -> Iterator[Progress]:
    """A bar on stderr with items a second and the time left, where stderr is a terminal; add tasks to it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} a second")

    console = _console(stderr=True)
    columns = (TextColumn(doing, markup=False), BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield bars


def track(items: Iterable[T], doing: str, total: int | None) -> Iterator[T]:
    """The items, with a bar of :func:`progress`."""
    with progress(doing) as bars:
        yield from bars.track(items, total=total)


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what libraries print on stdout to stderr, since ``--json`` keeps stdout for results."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNLIMITED
    return console


def _width(columns: Sequence[Column], shortest: bool) -> int:
    """Width of a table in cells, with sentences wrapped if ``shortest``."""
    from rich.cells import cell_len

    total = 0
    for index, column in enumerate(columns):
        longest = max(cell_len(line) for text in (column.header, *column.cells) for line in str(text).split("\n"))
        total += 2 + (min(longest, _SENTENCE) if shortest and index and _is_sentence(column) else longest)
    return total


def _is_sentence(column: Column) -> bool:
    return column.justify == "left" and any(" " in str(cell) for cell in column.cells)
