"""Any method of PhotoHolmes (https://github.com/photoholmes/photoholmes); each has a licence of its own.

    git clone https://github.com/photoholmes/photoholmes && pip install ./photoholmes
    export PHOTOHOLMES_METHOD=splicebuster           # needs no weights; the default
    export PHOTOHOLMES_CONFIG=config.yaml            # only for methods with weights: where these are
    python -m benchmarks rivals --data DATA --bank BANK --rival benchmarks/rivals/photoholmes_method.py:predict

Methods that read a JPEG's own coefficients (DQ, CAT-Net) cannot work here, since they need the file.
"""

from __future__ import annotations

import os

import torch
from photoholmes.methods.factory import MethodFactory
from torch import Tensor

method, preprocess = MethodFactory.load(
    os.environ.get("PHOTOHOLMES_METHOD", "splicebuster"), os.environ.get("PHOTOHOLMES_CONFIG")
)


def predict(images: Tensor) -> tuple[Tensor, Tensor | None]:
    """Images (B, 3, H, W) in [0, 1] -> map (B, h, w), and the fake probability (B,) where the method has one."""
    outputs = [method.benchmark(**preprocess(image=(image * 255).round().byte())) for image in images]
    # Splicebuster leaves saturated places undefined.
    maps = torch.stack([torch.as_tensor(each["heatmap"]).float().nan_to_num(0).squeeze() for each in outputs])
    scores = [each.get("detection") for each in outputs]
    known = all(score is not None for score in scores)
    return maps, torch.stack([torch.as_tensor(score).float().squeeze() for score in scores]) if known else None
