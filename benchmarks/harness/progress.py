"""A bar of cells on stderr, with the time that is left."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class CellProgress:
    """A progress bar where stderr is a terminal; elsewhere one line for each table."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            # Cells differ: the estimate looks back over many of them.
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            speed_estimate_period=300,
        )
        self._task = self._bar.add_task("", total=None)
        self._console, self._table = console, ""

    def __enter__(self) -> CellProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def report(self, what: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` cells are finished and ``what`` is computed now."""
        self._bar.update(self._task, completed=done, total=total, description=what)
        table = what.split(":")[0]
        if not self._console.is_terminal and table != self._table:
            self._console.print(f"{table} ({done} of {total} cells are finished)", highlight=False)
        self._table = table
