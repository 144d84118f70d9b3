"""Damaged images, videos, weights, configurations and recipes: crashes, hangs and memory of their readers."""

from __future__ import annotations

import multiprocessing
import resource
import time
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.harness.cells import Cell, finished, run_cells, skip_sentences
from benchmarks.harness.options import Options
from benchmarks.harness.table import Table

#: Files of each kind, of a cell, and of a run that only shows that everything works.
FILES, CELL, QUICK_FILES = 2000, 250, 20
HANG_SECONDS = 10.0
_START_SECONDS = 300.0  # importing torch on a busy machine
TEXT = (
    "Small sound files of each kind, each damaged by one to four changes of its bytes or, for configurations, recipes "
    "and the header of weights, of its values; read by a process of its own. *Read* and *refused* (one sentence) are "
    f"right; a crash is any other exception or the end of the process, a hang more than {HANG_SECONDS:g} s. Memory is "
    "the peak of the process, libraries included. The same numbers are the same files: "
    "`benchmarks.harness.readers.read_damaged(KIND, NUMBER)` repeats one."
)


def run(options: Options) -> Table:
    """A row for each kind of file."""
    from benchmarks.harness.readers import KINDS

    files = QUICK_FILES if options.quick else FILES
    cells = [
        Cell(f"{kind}/{first}", {"files": min(CELL, files)}, partial(read_all, kind, first, min(CELL, files)))
        for kind in KINDS
        for first in range(0, files, CELL)
    ]
    found = run_cells(options, "fuzz", cells)
    rows, faults = [], []
    for kind in KINDS:
        results = finished(found, f"{kind}/")
        if not results:
            continue
        total = {name: sum(result[name] for result in results) for name in ("read", "refused", "crashes", "hangs")}
        peak, slowest = (max(result[name] for result in results) for name in ("peak_mb", "slowest"))
        rows.append((kind, str(sum(total.values())), *map(str, total.values()), f"{peak:.0f}", f"{slowest:.2f}"))
        faults += [(kind, *fault) for result in results for fault in result["faults"]]
    columns = ("kind", "files", "read", "refused", "crashes", f"hangs over {HANG_SECONDS:g} s", "peak MB", "slowest s")
    details = {"Faults": [(f"{kind} {number}", what, *[""] * (len(columns) - 2)) for kind, number, what in faults]}
    return Table("Damaged files", TEXT, columns, rows, details if faults else {}, skip_sentences(found))


def read_all(kind: str, first: int, count: int, hang_seconds: float = HANG_SECONDS) -> dict[str, Any]:
    """Read files ``first`` to ``first + count`` of a kind; a process that crashes or hangs is replaced."""
    result: dict[str, Any] = {"read": 0, "refused": 0, "crashes": 0, "hangs": 0, "peak_mb": 0.0, "slowest": 0.0}
    faults: list[tuple[str, str]] = []
    number, last = first, first + count
    while number < last:
        with _Reader(kind, number, last) as reader:
            while number < last:
                answer = reader.answer(hang_seconds)
                outcome = answer["outcome"]
                result[outcome] += 1
                for name in ("peak_mb", "slowest"):
                    result[name] = max(result[name], answer.get(name, 0.0))
                if outcome in ("crashes", "hangs"):
                    faults.append((str(number), answer["what"]))
                number += 1
                if answer.get("ended"):
                    break
    return {**result, "faults": faults}


class _Reader:
    """A process that reads one file after the other and says how each went."""

    def __init__(self, kind: str, first: int, last: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._answers, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_read_files, args=(theirs, kind, first, last), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> _Reader:
        if not self._answers.poll(_START_SECONDS):
            raise TimeoutError("the reading process does not start")
        self._answers.recv()
        return self

    def answer(self, seconds: float) -> dict[str, Any]:
        """How the next file went."""
        if not self._answers.poll(seconds):
            return {"outcome": "hangs", "what": f"more than {seconds:g} s", "slowest": seconds, "ended": True}
        try:
            answer: dict[str, Any] = self._answers.recv()
        except EOFError:
            self._process.join()
            return {"outcome": "crashes", "what": f"exit code {self._process.exitcode}", "ended": True}
        return answer

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._answers.close()


def _read_files(answers: Connection, kind: str, first: int, last: int) -> None:
    import torch

    from benchmarks.harness.readers import read_damaged

    torch.set_num_threads(1)
    answers.send("ready")
    for number in range(first, last):
        answer: dict[str, Any] = {}
        started = time.monotonic()
        try:
            answer["outcome"] = read_damaged(kind, number)
        except BaseException as error:  # whatever it is, it is what the table is about
            answer |= {"outcome": "crashes", "what": f"{type(error).__name__}: {error}"[:300]}
        answer |= {
            "slowest": time.monotonic() - started,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        answers.send(answer)
