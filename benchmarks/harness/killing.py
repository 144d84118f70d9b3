"""Commands that are killed at random moments, and whether what they had finished is whole and stays."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

OUT = "out"  #: what commands write, in their working folder


@dataclass(frozen=True)
class Killed:
    """A command that is killed, and started again."""

    command: Sequence[str]  #: arguments of Python; it writes into :data:`OUT` in its working folder
    results: Sequence[str]  #: patterns below OUT of files that, once there, stay as they are, as the whole run has them
    growing: Sequence[str] = ()  #: patterns of files that grow by whole lines


def kill_at_random(subject: Killed, folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Start a command again and again, kill it each time, and compare what it leaves with that of a run in peace.

    A run that comes to its end is compared with the one in peace, and the next begins in an empty folder. What is left
    by the last kill is finished in peace, and compared as well.

    Args:
        folder: for the working folders, which are removed.

    Returns:
        ``kills``, ``finished`` runs that were compared, and ``faults``, a sentence each.
    """
    rng, faults, finished = random.Random(seed), list[str](), 0
    peace = _run(subject, folder / "peace", None)
    if peace.failure or not (expected := _contents(subject, folder / "peace")):
        raise RuntimeError(f"{' '.join(subject.command)} left nothing in peace: {peace.failure}")
    done, number, timed = 0, 0, peace
    while done < kills:
        work, before = folder / f"killed-{number}", dict[str, bytes]()
        ran = None
        while done < kills and (ran is None or ran.killed):
            # Before its first output a command imports packages; there is nothing to lose yet.
            fresh = ran is None
            ran = _run(subject, work, rng.uniform(0.9 * timed.first_output, 1.1 * timed.seconds))
            done += ran.killed
            if fresh and not ran.killed:
                timed = ran  # times of a machine that was busier would let every run come to its end
            after = _contents(subject, work)
            faults += _broken(work / OUT)
            faults += [f"{name} was lost" for name in before if name not in after]
            faults += [
                f"{name} lost lines" for name in before if name in after and not after[name].startswith(before[name])
            ]
            before = after
        if ran is not None and ran.killed:
            ran = _run(subject, work, None)
        if ran is not None and ran.failure:
            faults.append(f"a killed run does not go on: {ran.failure}")
        finished += 1
        faults += _differences(expected, _contents(subject, work))
        shutil.rmtree(work)
        number += 1
    shutil.rmtree(folder / "peace")
    return {"kills": done, "finished": finished, "seconds": round(peace.seconds, 1), "faults": faults}


class _Ran(NamedTuple):
    killed: bool
    failure: str  #: the end of its messages, where it failed by itself
    first_output: float  #: seconds until there was a file
    seconds: float


def _run(subject: Killed, work: Path, kill_after: float | None) -> _Ran:
    work.mkdir(parents=True, exist_ok=True)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    started, first = time.monotonic(), None
    with (work / "messages.txt").open("w+b") as messages:
        process = subprocess.Popen(
            [sys.executable, *subject.command],
            cwd=work,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=messages,
            start_new_session=True,
        )
        while (passed := time.monotonic() - started) < (kill_after or float("inf")) and process.poll() is None:
            if first is None and (work / OUT).exists():
                first = passed
            time.sleep(0.005)
        killed = process.poll() is None
        with contextlib.suppress(ProcessLookupError):  # its worker processes as well
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        messages.seek(0)
        said = messages.read().decode(errors="replace")[-500:]
    return _Ran(killed, "" if killed or not process.returncode else said, first or 0.0, time.monotonic() - started)


def _contents(subject: Killed, work: Path) -> dict[str, bytes]:
    """Digests of the results, and the whole of the files that grow, by name."""
    found: dict[str, bytes] = {}
    for patterns, read in (
        (subject.results, lambda path: hashlib.sha256(path.read_bytes()).digest()),
        (subject.growing, lambda path: path.read_bytes()[: path.read_bytes().rfind(b"\n") + 1]),
    ):
        paths = [path for pattern in patterns for path in (work / OUT).glob(pattern) if path.is_file()]
        found |= {path.relative_to(work).as_posix(): read(path) for path in paths if not _is_draft(path, work)}
    return found


def _differences(expected: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    missing = [f"{name} is missing in the end" for name in expected if name not in found]
    more = [f"{name} is there beside the results of a run in peace" for name in found if name not in expected]
    other = [
        f"{name} differs from the run in peace"
        for name in expected
        if found.get(name, expected[name]) != expected[name]
    ]
    return missing + more + other


def _broken(folder: Path) -> list[str]:
    """A sentence for each file that cannot be read; hidden files and folders are drafts, which nobody reads."""
    faults = []
    for path in sorted(folder.rglob("*")):
        check = _CHECKS.get(path.suffix)
        if check is None or not path.is_file() or _is_draft(path, folder):
            continue
        try:
            check(path)
        except Exception as error:  # however a half-written file fails
            faults.append(f"{path.relative_to(folder)} is half-written ({type(error).__name__}: {error})")
    return faults


def _is_draft(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") or part.endswith(".unfinished") for part in path.relative_to(folder).parts)


def _read_image(path: Path) -> None:
    with Image.open(path) as image:
        np.asarray(image)


def _read_tensors(path: Path) -> None:
    from safetensors.numpy import load_file

    load_file(path)


def _read_graph(path: Path) -> None:
    import onnx

    onnx.checker.check_model(onnx.load(path))


def _read_video(path: Path) -> None:
    import av

    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)), "no frames"


def _read_lines(path: Path) -> None:
    for line in path.read_text().splitlines():
        json.loads(line)


_CHECKS: dict[str, Callable[[Path], None]] = {
    ".png": _read_image,
    ".json": lambda path: json.loads(path.read_text()),
    ".jsonl": _read_lines,
    ".safetensors": _read_tensors,
    ".onnx": _read_graph,
    ".mp4": _read_video,
}
