"""The command killed as an operating system kills: the same command then ends with the same tables."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness.options import BenchOptions

TABLES = ("generators", "ablation")


def tables(out: Path) -> dict:
    return json.loads((out / "bench.json").read_text())["tables"]


def finished(out: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_mtime_ns) for path in out.glob("cells/*/*.json")}


@pytest.mark.slow
def test_a_killed_command_ends_with_the_tables_of_one_that_was_not(options: BenchOptions, tmp_path: Path) -> None:
    out, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    data = options.pairs.parent  # type: ignore[union-attr]
    (tmp_path / "data").mkdir()
    for name in ("pairs", "faces"):
        (tmp_path / "data" / name).symlink_to(data / name)
    # Sums differ with the number of threads, and so would the trainings.
    command = [sys.executable, "-m", "benchmarks", *TABLES, "--quick", "--threads", "1"]
    command += ["--data", str(tmp_path / "data"), "--models", options.models[0], "--rivals", ",".join(options.rivals)]
    command += ["--limit", str(options.limit), "--steps", str(options.steps), "--size", str(options.size)]
    subprocess.run([*command, "--out", str(undisturbed)], check=True, capture_output=True)
    command += ["--out", str(out)]
    # In the first cells, and in or before a training.
    for cells in (1, 9):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        while len(finished(out)) < cells:
            assert process.poll() is None and time.monotonic() < deadline, f"it came to no {cells} cells"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (out / "bench.json").exists()
    before = finished(out)
    subprocess.run(command, check=True, capture_output=True)
    assert before <= finished(out), "a finished cell was computed again"
    assert tables(out) == tables(undisturbed)
