"""A process of its own that loads a network and runs it once: start-up time and peak memory.

``python -m benchmarks.harness.footprint fakelocator NAME SIZE`` or ``... unet ARGUMENTS SIZE``, where the
arguments of ``smp.Unet`` are JSON, prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def footprint(kind: str, name: str, size: int) -> dict[str, float]:
    """Load in a fresh process and run one image of size x size.

    Returns:
        Seconds ``loaded`` and ``first_image`` since the process's first line, ``peak_megabytes``, and
        ``process_seconds`` from outside.

    Raises:
        OSError: where the process fails.
    """
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.harness.footprint", kind, name, str(size)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command[1:])} failed: {done.stderr.strip().splitlines()[-1:]}")
    values = json.loads(done.stdout.splitlines()[-1])
    return {**values, "process_seconds": time.perf_counter() - start}


def help_seconds() -> float:
    """Seconds of ``fakelocator --help``, which is to import no torch."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "fakelocator_zoo.cli", "--help"], capture_output=True, check=True)
    return time.perf_counter() - start


def _main(kind: str, name: str, size: int) -> dict[str, float]:
    start = time.perf_counter()
    import torch

    network: Any
    if kind == "unet":
        import segmentation_models_pytorch as smp

        network = smp.Unet(**json.loads(name)).eval()
    else:
        import fakelocator_zoo

        network = fakelocator_zoo.from_pretrained(name)
    loaded = time.perf_counter() - start
    with torch.inference_mode():
        network(torch.rand(1, 3, size, size))
    first = time.perf_counter() - start
    return {"loaded": loaded, "first_image": first, "peak_megabytes": _peak_megabytes()}


def _peak_megabytes() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        # Linux's ru_maxrss begins with the peak of the process that started this one; VmHWM does not.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) * 1024 / 1e6
    import resource

    # Kilobytes, but bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    print(json.dumps(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))  # noqa: T201
