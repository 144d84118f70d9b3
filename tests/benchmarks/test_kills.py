"""Commands that write as they should, and as they should not, killed at random moments."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.harness.killing import Killed, kill_at_random
from benchmarks.tables import kills

#: Five lines, with a pause before each; what is there already is kept.
GOOD = """
import json, os, time
from pathlib import Path
out = Path("out")
out.mkdir(exist_ok=True)
for number in range(5):
    path = out / f"{number}.json"
    if not path.exists():
        time.sleep(0.05)
        draft = out / f".{number}"
        draft.write_text(json.dumps({"number": number}))
        draft.rename(path)
"""


def test_whole_files_that_stay_are_no_fault(tmp_path: Path) -> None:
    found = kill_at_random(Killed(["-c", GOOD], ["*.json"]), tmp_path, kills=4, seed=0)
    assert found["kills"] == 4 and found["finished"] >= 1 and found["faults"] == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (
            GOOD.replace("    if not", '    path.write_text("{");time.sleep(0.1);path.unlink()\n    if not'),
            "half-written",
        ),
        (GOOD.replace("mkdir(exist_ok=True)", "mkdir(exist_ok=True);[p.unlink() for p in out.iterdir()]"), "was lost"),
        (GOOD.replace('"number": number', '"number": time.time()'), "differs from the run in peace"),
    ],
)
def test_faults_are_found(code: str, fault: str, tmp_path: Path) -> None:
    faults: list[str] = []
    for seed in range(5):
        faults += kill_at_random(Killed(["-c", code], ["*.json"]), tmp_path, kills=8, seed=seed)["faults"]
        if any(fault in each for each in faults):
            return
    pytest.fail(f"no fault: {faults}")


@pytest.mark.slow
@pytest.mark.parametrize("name", kills.SUBJECTS)
def test_a_killed_command_loses_nothing(name: str) -> None:
    for package in {"train": ["lightning"], "export": ["onnxscript"], "video": ["av"]}.get(name, []):
        pytest.importorskip(package)
    found = kills.killed(name, 1, seed=0)
    assert found["kills"] == 1 and found["faults"] == []
