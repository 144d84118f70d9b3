"""Training in several processes that share each batch."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fakelocator_zoo.training.crops import Steps
from tests.data.trees import write_image


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_the_shares_of_all_processes_make_the_batch_half_real_half_fake(world_size: int) -> None:
    whole = list(Steps(3, 2, 8))
    shares = [list(Steps(3, 2, 8, rank, world_size)) for rank in range(world_size)]
    for step, batch in enumerate(whole):
        assert sorted(item for share in shares for item in share[step]) == batch
    for share in shares:
        assert all(sum(item % 2 for item in batch) * 2 == len(batch) == 8 // world_size for batch in share)


def test_a_batch_that_cannot_be_shared() -> None:
    with pytest.raises(ValueError, match="give a multiple of 6 as optimisation.batch_size"):
        Steps(0, 1, 16, 0, 3)


def losses(data: Path, devices: int) -> list[float]:
    out = data / f"run-{devices}"
    command = [sys.executable, "-m", "tests.training.processes", str(data), str(out), str(devices)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("trained model in") == 1  # by the first process alone
    assert (out / "model" / "model.safetensors").is_file()
    with (out / "log" / "version_0" / "metrics.csv").open() as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(6):
        for split in ("train", "test"):
            pixels = rng.integers(0, 200, (48, 64, 3), dtype=np.uint8)
            write_image(tmp_path / "set" / split / "real" / f"{number}.png", pixels)
            pixels[10:30, 20:40] += 50
            write_image(tmp_path / "set" / split / "fake" / f"{number}.png", pixels)
    one, two = losses(tmp_path, 1), losses(tmp_path, 2)
    assert len(one) == 4
    assert two == pytest.approx(one, rel=1e-4)
