"""Tables side by side, each in a process of its own; what they find is in the cells that they leave."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait

import torch

from benchmarks.harness.cells import Report
from benchmarks.harness.options import BenchOptions
from fakelocator_zoo.cli.memory import keep_freed_memory

#: Tables that measure time have the machine for themselves, when the others are done.
TIMED = ("speed", "clustering-scale")
#: The longest first, so that no process is left with it alone at the end.
LONGEST = ("cross-attribute", "in-domain", "cross-generator", "ablation", "generators")


def compute_tables(
    compute: Callable[[BenchOptions, str, Report], object],
    options: BenchOptions,
    tables: Sequence[str],
    total: int,
    report: Report,
) -> int:
    """Call ``compute(options, table, report)`` for each of the tables that measure no time, ``options.jobs`` at once.

    Args:
        compute: a function of a module, which other processes import.
        tables: names; those of :data:`TIMED` are left to the caller.
        total: cells of the whole run.
        report: hears of the cells as they begin, in whatever order.

    Returns:
        How many cells began here.
    """
    order = {name: number for number, name in enumerate(LONGEST)}
    chosen = sorted((name for name in tables if name not in TIMED), key=lambda name: order.get(name, len(order)))
    context = multiprocessing.get_context("spawn")
    began = 0
    with context.Manager() as manager, ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        heard: queue.Queue[str] = manager.Queue()
        running: set[Future[None]] = {pool.submit(_work, compute, options, name, heard) for name in chosen}
        try:
            while running:
                done, running = wait(running, timeout=0.2)
                while not heard.empty():
                    report(heard.get(), began, total)
                    began += 1
                for each in done:
                    each.result()  # what went wrong in it goes wrong here
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise
    return began


def _work(
    compute: Callable[[BenchOptions, str, Report], object],
    options: BenchOptions,
    table: str,
    heard: queue.Queue[str],
) -> None:
    keep_freed_memory()  # this process has not gone through the command
    torch.set_num_threads(options.threads or max(1, (os.cpu_count() or 1) // options.jobs))
    compute(options, table, lambda key, done, total: heard.put(f"{table}: {key}"))
