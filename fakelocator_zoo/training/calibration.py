"""The default threshold of the decision: 0.5 is put where few real photos are called fake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fakelocator_zoo.augmentation import PartialAugmentation
from fakelocator_zoo.models.fakelocator import FakeLocator


@torch.no_grad()
def calibrate_decision(
    model: FakeLocator,
    photos: Sequence[Path],
    *,
    false_alarms: float = 0.01,
    sides: Sequence[int] = (256, 384, 512, 768),
) -> float:
    """Shift the classification head's bias, in place, so that ``false_alarms`` of real photos reach 0.5.

    Training sees half fakes in small crops; users have mostly real photos, and larger ones, in which some place
    looks suspicious more often, from other cameras and compressed. So the photos are changed as partial
    augmentation changes them. The head is never made more eager.

    Args:
        photos: real photos that were not trained on, each reduced to every one of ``sides`` (longer side, pixels).

    Returns:
        What was taken from the margin of the fake logit over the real one, 0 or more.
    """
    model.eval()
    augmentation = PartialAugmentation().train()
    torch.manual_seed(0)
    device = next(model.parameters()).device
    margins = []
    for path in photos:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        for side in sides:
            photo = rgb.copy()
            photo.thumbnail((side, side), Image.Resampling.LANCZOS)
            pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float() / 255
            changed = augmentation(pixels.to(device), torch.zeros(1, device=device))
            logits = model.classify(changed)[0].float()
            margins.append(float(logits[1] - logits[0]))
    shift = max(0.0, float(np.quantile(margins, 1 - false_alarms)))
    model.classification_head.linear.bias.add_(torch.tensor([shift / 2, -shift / 2], device=device))
    return shift
