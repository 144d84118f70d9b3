"""The default threshold of the decision: 0.5 is put where few real photos are called fake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fakelocator_zoo.degradations import jpeg
from fakelocator_zoo.models.fakelocator import FakeLocator


@torch.no_grad()
def calibrate_decision(
    model: FakeLocator,
    photos: Sequence[Path],
    *,
    false_alarms: float = 0.01,
    sides: Sequence[int] = (256, 384, 512, 768),
    quality: int | None = 85,
) -> float:
    """Shift the classification head's bias, in place, so that ``false_alarms`` of real photos reach 0.5.

    Training sees half fakes, in small crops of changed photos; users have mostly real photos, larger ones, as
    cameras and sites save them. So 0.5 in training means nothing to them, and is moved either way.

    Args:
        photos: real photos that were not trained on, each reduced to every one of ``sides`` (longer side, pixels).
        quality: every photo is seen once as it is and once as a JPEG of this quality; None leaves that out.

    Returns:
        What was taken from the margin of the fake logit over the real one; negative where the head was too cautious.
    """
    model.eval()
    device = next(model.parameters()).device
    margins = []
    for path in photos:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        for side in sides:
            reduced = rgb.copy()
            reduced.thumbnail((side, side), Image.Resampling.LANCZOS)
            photo = np.array(reduced)
            seen = [photo] if quality is None else [photo, jpeg(photo, quality)]
            pixels = torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2).float() / 255
            logits = model.classify(pixels.to(device)).float()
            margins += (logits[:, 1] - logits[:, 0]).tolist()
    shift = float(np.quantile(margins, 1 - false_alarms))
    model.classification_head.linear.bias.add_(torch.tensor([shift / 2, -shift / 2], device=device))
    return shift
