"""Photos decoded and searched for faces in worker processes, while the model runs in this one."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from fakelocator_zoo.images import ImageError
from fakelocator_zoo.inference.prepare import Prepared, prepare

#: Below this many photos the start of worker processes takes longer than they save.
_MIN_PHOTOS = 16
_MAX_WORKERS = 8


def default_workers(photos: int) -> int:
    """How many worker processes pay for so many photos; 0 for a few."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MAX_WORKERS) if photos >= _MIN_PHOTOS and cores > 1 else 0


class _Pending(NamedTuple):
    path: Path
    future: Future[Prepared | ImageError]
    pool: ProcessPoolExecutor


class PreparedPhotos:
    """Iterates over photos in their order, each decoded once; a context manager that starts to read at once.

    Args:
        photos: paths.
        workers: processes; with 0 each photo is read in this process when it is asked for.
        ahead: how many photos are read before they are asked for, which bounds memory.
        find_faces: False leaves the search for faces out.
    """

    def __init__(self, photos: Sequence[Path], workers: int, ahead: int = 16, find_faces: bool = True) -> None:
        self._todo = iter(photos)
        self._workers, self._ahead, self._find_faces = workers, max(ahead, workers), find_faces
        self._pending: deque[_Pending] = deque()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._workers:
            self._pool = self._start()
            self._read_ahead(self._pool)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[Path, Prepared | ImageError]]:
        if self._pool is None:
            yield from ((path, _prepare(path, self._find_faces)) for path in self._todo)
            return
        while self._pending:
            path = self._pending[0].path
            item = self._first()
            self._pending.popleft()
            if not self._pending or self._pending[0].pool is self._pool:
                self._read_ahead(self._pool)
            yield path, item

    def _read_ahead(self, pool: ProcessPoolExecutor) -> None:
        while len(self._pending) < self._ahead and (path := next(self._todo, None)) is not None:
            try:
                future = pool.submit(_prepare, path, self._find_faces)
            except BrokenProcessPool as error:  # found out again, and mended, when its turn comes
                future = Future()
                future.set_exception(error)
            self._pending.append(_Pending(path, future, pool))

    def _first(self) -> Prepared | ImageError:
        """What became of the photo whose turn it is."""
        path, future, pool = self._pending[0]
        with contextlib.suppress(BrokenProcessPool):
            return future.result()
        # A worker was killed: the work on all photos is lost. Each is read again alone, which tells whose fault it is.
        if self._pool is None or pool is self._pool:
            self._pool = self._start()
        try:
            return self._pool.submit(_prepare, path, self._find_faces).result()
        except BrokenProcessPool:
            self._pool = self._start()
            return ImageError(f"{path} killed the process that read it, likely for want of memory; make it smaller")

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        # Spawned: a process that is forked beside the threads of torch may hang.
        return ProcessPoolExecutor(self._workers, multiprocessing.get_context("spawn"), initializer=_begin_worker)


def _prepare(path: Path, find_faces: bool) -> Prepared | ImageError:
    try:
        return prepare(path, find_faces)
    except ImageError as error:
        return error
    except ImportError:
        raise  # says what to install, once
    except Exception as error:  # whatever one file does to a decoder or the face search, the rest go on
        return ImageError(f"{path} cannot be read ({type(error).__name__}: {error}); leave it out")


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(1)  # one core a worker
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """End this process when its parent has been killed."""
    parent.join()
    os._exit(1)
