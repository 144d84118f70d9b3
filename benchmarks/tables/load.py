"""The page under 32 clients for a minute: latency, refusals and memory of its server."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.cells import Cell, run_cells
from benchmarks.harness.contenders import model_names
from benchmarks.harness.options import Options
from benchmarks.harness.table import Skipped, Table
from fakelocator_zoo.app.limits import MAX_WAITING
from fakelocator_zoo.images import write_image
from fakelocator_zoo.inference.demo import demo_photo

CLIENTS, SECONDS, ALONE_SECONDS = 32, 60.0, 20.0
QUICK_CLIENTS, QUICK_SECONDS = 3, 2.0
_START_SECONDS = 600.0
TEXT = (
    "`fakelocator serve` in a process of its own, and clients that locate in the portrait of `fakelocator demo`, "
    f"again and again. Calls take turns, and {MAX_WAITING} may wait; the next is told that the page is busy. "
    "*Allowed* is 1.3 times the median latency of one client times the length of the queue. Memory is that of the "
    "server after the one client and at its highest under load."
)


def run(options: Options) -> Table:
    """A row for each model."""
    for package in ("gradio", "gradio_client"):
        if importlib.util.find_spec(package) is None:
            raise Skipped("it needs Gradio: pip install 'fakelocator-zoo[app]'")
    clients, seconds, alone = CLIENTS, SECONDS, ALONE_SECONDS
    if options.quick:
        clients, seconds, alone = QUICK_CLIENTS, QUICK_SECONDS, QUICK_SECONDS
    cells = [
        Cell(
            Path(name).name,
            {"clients": clients, "seconds": seconds, "threads": options.threads},
            partial(loaded, name, clients, seconds, alone),
        )
        for name in model_names(options)
    ]
    rows, faults = [], []
    for name, found in run_cells(options, "load", cells).items():
        queue = min(clients, MAX_WAITING + 1)
        rows.append(
            (
                name,
                str(clients),
                *(str(found[key]) for key in ("answered", "busy", "errors")),
                *(f"{each:.2f}" for each in (found["alone"], found["median"], 1.3 * queue * found["alone"])),
                f"{found['memory']:.0f} + {found['peak'] - found['memory']:.0f}",
            )
        )
        faults += [(name, sentence, *[""] * 7) for sentence in found["sentences"]]
    columns = ("model", "clients", "answered", "busy", "errors", "s alone", "s median", "s allowed", "MB of the server")
    return Table("Load", TEXT, columns, rows, {"Errors": faults} if faults else {})


def loaded(model: str, clients: int, seconds: float, alone: float) -> dict[str, Any]:
    """Latencies in seconds, counts, and megabytes of the server.

    Raises:
        RuntimeError: where the page does not start, or a single client gets no answer.
    """
    with tempfile.TemporaryDirectory() as folder, _served(model) as (address, server):
        photo = Path(folder) / "portrait.png"
        write_image(photo, demo_photo())
        chosen = _first_model(address)
        first = _Clients(address, photo, chosen, 1, alone)
        if not first.latencies:
            raise RuntimeError(f"the page gives no answer: {first.sentences}")
        before = _megabytes(server)
        peak, ended = [before], threading.Event()

        def watch() -> None:
            while not ended.wait(0.2):
                peak.append(_megabytes(server))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            many = _Clients(address, photo, chosen, clients, seconds)
        finally:
            ended.set()
            watcher.join()
    return {
        "answered": len(many.latencies),
        "busy": many.busy,
        "errors": len(many.sentences),
        "sentences": sorted(set(many.sentences))[:10],
        "alone": statistics.median(first.latencies),
        "median": statistics.median(many.latencies or [float("nan")]),
        "memory": before,
        "peak": max(peak),
    }


class _Clients:
    """Clients that ask again and again until their time is over."""

    def __init__(self, address: str, photo: Path, model: str, count: int, seconds: float) -> None:
        self.latencies: list[float] = []
        self.busy, self.sentences = 0, list[str]()
        threads = [
            threading.Thread(target=self._ask, args=(address, photo, model, seconds), daemon=True) for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, address: str, photo: Path, model: str, seconds: float) -> None:
        from gradio_client import Client, handle_file

        client = Client(address, verbose=False, download_files=False)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            started = time.monotonic()
            try:
                client.predict(photo=handle_file(photo), model=model, api_name="/locate")
                self.latencies.append(time.monotonic() - started)
            except Exception as error:  # whatever a client may get
                if re.search("busy|full", str(error)):
                    self.busy += 1
                    time.sleep(0.5)
                else:
                    self.sentences.append(f"{type(error).__name__}: {error}"[:200])


@contextlib.contextmanager
def _served(model: str) -> Iterator[tuple[str, int]]:
    """The address of a page in a process of its own, and that process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "fakelocator_zoo.cli", "serve", "--port", str(port), "--model", model]
    address = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryFile() as messages, subprocess.Popen(command, stderr=messages) as process:
        try:
            end = time.monotonic() + _START_SECONDS
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > end:
                    messages.seek(0)
                    raise RuntimeError(f"the page does not start: {messages.read().decode(errors='replace')[-500:]}")
                time.sleep(0.2)
            yield address, process.pid
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _first_model(address: str) -> str:
    """The model that the page has chosen."""
    from gradio_client import Client

    parameters = Client(address, verbose=False).view_api(return_format="dict")["named_endpoints"]["/locate"]
    return str(
        next(each for each in parameters["parameters"] if each["parameter_name"] == "model")["parameter_default"]
    )


def _megabytes(process: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")
