"""Tiny-LaDeDa (Cavia et al., "Real-Time Deepfake Detection in the Real-World", arXiv 2406.09398).

    git clone https://github.com/barcavia/RealTime-DeepfakeDetection-in-the-RealWorld
    export TINY_LADEDA=RealTime-DeepfakeDetection-in-the-RealWorld
    python -m benchmarks rivals --data DATA --bank BANK --rival benchmarks/rivals/tiny_ladeda.py:predict

Its weights are pickles, which this project never reads. Convert the ones in its folder once, where you trust them:

    torch_weights = torch.load("weights/Tiny_LaDeDa/WildRF_Tiny_LaDeDa.pth", map_location="cpu")
    safetensors.torch.save_file(torch_weights, "tiny_ladeda.safetensors")  # in the clone's own folder

It scores patches of 9 pixels. The read-out here is ours, and does more for it on partial fakes than its own mean over
the image: logits are averaged over 17 x 17 patches, and the decision is the highest of them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

WINDOW = 17


def _load() -> nn.Module:
    clone = Path(os.environ.get("TINY_LADEDA", ""))
    weights = clone / "tiny_ladeda.safetensors"
    if not os.environ.get("TINY_LADEDA") or not weights.is_file():
        raise FileNotFoundError("set TINY_LADEDA to a clone with tiny_ladeda.safetensors; tiny_ladeda.py says how")
    sys.path.insert(0, str(clone))
    from networks.Tiny_LaDeDa import tiny_ladeda

    network = tiny_ladeda("NPR", num_classes=1, pool=False)
    network.fc = nn.Linear(8, 1)
    network.load_state_dict(load_file(weights))
    return network.eval()


network = _load()
mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def predict(images: Tensor) -> tuple[Tensor, Tensor]:
    """Images (B, 3, H, W) in [0, 1] -> map (B, 1, h, w) and fake probability (B,)."""
    height, width = images.shape[-2:]
    even = F.pad(images, (0, width % 2, 0, height % 2), mode="replicate")  # it halves and doubles the image
    logits = network((even - mean) / std)
    averaged = F.avg_pool2d(logits, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)
    maps = torch.sigmoid(averaged)
    return maps, maps.amax(dim=(1, 2, 3))
