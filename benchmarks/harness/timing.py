"""Interleaved timings: networks take turns, so that a machine that slows down slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

#: Rounds before those that are counted, and rounds that are run whatever the budget.
WARM_UP, LEAST = 2, 3


@torch.inference_mode()
def interleaved_seconds(
    actions: Mapping[str, Callable[[], object]], *, budget: float, rounds: int = 40, device: str = "cpu"
) -> dict[str, list[float]]:
    """Seconds of each action in each round.

    Args:
        budget: no round starts after so many seconds, but :data:`LEAST` are always run.
        rounds: at most.
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    begin = time.perf_counter()
    for turn in range(-WARM_UP, rounds):
        if turn >= LEAST and time.perf_counter() - begin > budget:
            break
        for name, action in actions.items():
            _synchronise(device)
            start = time.perf_counter()
            action()
            _synchronise(device)
            if turn >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


@torch.inference_mode()
def count_gflop(network: nn.Module, images: Tensor) -> float:
    """Billions of floating-point operations of a forward pass, as torch counts them (a multiply-add is two)."""
    with FlopCounterMode(display=False) as counter:
        network(images)
    return counter.get_total_flops() / 1e9


def quartiles(values: Sequence[float], digits: int) -> str:
    """The median with its quartiles, as "23.1 [22.8, 23.9]"."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
