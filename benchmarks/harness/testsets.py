"""The test sets of a data folder, each read whole."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.harness.edits import read_edits
from benchmarks.harness.options import Options
from benchmarks.harness.table import Skipped
from fakelocator_zoo.evaluation.samples import EvaluationSet, read_paired, read_whole
from fakelocator_zoo.transforms.degradations import degradation


def evaluation_sets(options: Options) -> dict[str, EvaluationSet]:
    """The test sets that ``--data`` holds, by what a table calls them.

    Raises:
        Skipped: where it holds none.
    """
    jpeg = degradation("jpeg", 75)
    readers: dict[str, Callable[[], EvaluationSet]] = {
        "pairs": lambda: read_paired(options.folder("pairs"), limit=options.limit),
        "pairs, JPEG 75": lambda: read_paired(options.folder("pairs"), limit=options.limit, degrade=jpeg),
        "attributes": lambda: read_edits(options.folder("attributes/attgan128"), limit=options.limit),
        "whole": lambda: read_whole(options.folder("whole"), limit=options.limit),
    }
    found = {}
    for name, read in readers.items():
        try:
            found[name] = read()
        except Skipped:
            continue
    if not found:
        raise Skipped("it needs fakes: give --data a folder with pairs/, attributes/attgan128/ or whole/")
    return found
