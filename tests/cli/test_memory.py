"""Memory that is kept: no page is fetched again for a block that was just freed."""

import subprocess
import sys

import pytest

_FAULTS = """
import resource
import numpy as np
from fakelocator_zoo.cli.memory import keep_freed_memory

if {keep} and not keep_freed_memory():
    raise SystemExit(3)
faults = []
for _ in range(10):  # the heap grows once or three times before it holds what is needed, wherever it ends
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.full((16, 1024, 1024), 1, np.float32)  # 64 MB, as a layer that is dropped
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(faults[-1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_a_block_that_was_freed_is_used_again() -> None:
    faults = []
    for keep in (False, True):
        # In a process of its own: the setting holds for all of one.
        run = subprocess.run([sys.executable, "-c", _FAULTS.format(keep=keep)], capture_output=True, text=True)
        if run.returncode == 3:
            pytest.skip("this C library has no such setting")
        assert run.returncode == 0, run.stderr
        faults.append(int(run.stdout))
    assert faults[1] < faults[0] / 10
