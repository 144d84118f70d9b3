"""The command `python -m benchmarks`."""

from __future__ import annotations

import typer

from benchmarks.harness.commands import bench
from fakelocator_zoo.cli import one_sentence
from fakelocator_zoo.cli.memory import keep_freed_memory

if __name__ == "__main__":
    keep_freed_memory()
    typer.run(one_sentence(bench))
