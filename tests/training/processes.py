"""A training run as a program, which Lightning starts once more for each further process.

Fakes are given, images unchanged, dropout off and the statistics of batch normalisation fixed: nothing is drawn for a
batch as a whole, so that any number of processes that share batches must find the same losses.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from fakelocator_zoo.training.recipe import parse_recipe
from fakelocator_zoo.training.run import train

RECIPE = {
    "model": {"encoder_name": "tu-test_resnet", "decoder_channels": [8, 8, 8], "dropout": 0.0},
    "data": {"dataset": "set", "size": 32},
    "optimisation": {"steps": 4, "batch_size": 8, "learning_rate": 0.001},
    "validation": {"images": 1, "every": 1},
    "partial_augmentation": 0.0,
    "degradation": 0.0,
}


if __name__ == "__main__":
    data, out, devices = sys.argv[1:]
    torch.set_num_threads(1)
    # Batch normalisation is in eval mode from its construction on, whatever is asked for.
    _BatchNorm.training = property(lambda norm: False, lambda norm, mode: None)  # type: ignore[assignment]
    strategy = "auto" if devices == "1" else "ddp"
    train(
        parse_recipe(RECIPE),
        Path(data),
        Path(out),
        device="cpu",
        devices=int(devices),
        strategy=strategy,
        progress=False,
    )
