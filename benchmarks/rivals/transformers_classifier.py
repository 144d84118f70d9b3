"""Any image classifier of the Hugging Face Hub that calls images real or fake: a decision without a map.

    pip install transformers
    export HF_CLASSIFIER=organisation/name           # or a folder
    python -m benchmarks rivals --data DATA --bank BANK --rival benchmarks/rivals/transformers_classifier.py:predict

The fake label is the one whose name says fake, synthetic, generated or ai; HF_FAKE_LABEL names another. Weights are
read from safetensors alone.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageClassification

FAKE_WORDS = ("fake", "synthetic", "generated", "ai")


def _fake_index(labels: dict[int, str]) -> int:
    wanted = os.environ.get("HF_FAKE_LABEL")
    names = {index: name.lower() for index, name in labels.items()}
    found = [
        index
        for index, name in names.items()
        if (name == wanted.lower() if wanted else any(word in name.replace("_", " ").split() for word in FAKE_WORDS))
    ]
    if len(found) != 1:
        raise ValueError(f"set HF_FAKE_LABEL to one of {', '.join(labels.values())}")
    return found[0]


name = os.environ.get("HF_CLASSIFIER")
if not name:
    raise ValueError("set HF_CLASSIFIER to a classifier of the Hub; transformers_classifier.py says how")
processor = AutoImageProcessor.from_pretrained(name)
network = AutoModelForImageClassification.from_pretrained(name, use_safetensors=True).eval()
fake = _fake_index(network.config.id2label)


def predict(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) in [0, 1] -> fake probability (B,)."""
    inputs = processor(images=list(images), do_rescale=False, return_tensors="pt")
    return torch.softmax(network(**inputs).logits, dim=1)[:, fake]
