"""The default threshold of the decision: 0.5 is put where few real photos are called fake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.transforms.augmentation import PartialAugmentation, real_augmentation
from fakelocator_zoo.transforms.degradations import jpeg


@torch.no_grad()
def calibrate_decision(
    model: FakeLocator,
    photos: Sequence[Path],
    *,
    false_alarms: float = 0.01,
    sides: Sequence[int] = (256, 384, 512, 768),
    augmentation: float = 0.0,
) -> float:
    """Shift the classification head's bias, in place, so that ``false_alarms`` of real photos reach 0.5.

    Training sees half fakes, in small crops; users have mostly real photos, and larger ones. So 0.5 in training means
    nothing to them, and is moved either way.

    Args:
        photos: real photos that were not trained on, each reduced to every one of ``sides`` (longer side, pixels).
            Each is seen as it is and as a JPEG of quality 85.
        augmentation: strength of :func:`~fakelocator_zoo.transforms.augmentation.real_augmentation`, which changes the photos
            instead. Photos of one studio are all alike, and those of users are not: 1 keeps other sources below 0.5.

    Returns:
        What was taken from the margin of the fake logit over the real one; negative where the head was too cautious.
    """
    model.eval()
    changed = PartialAugmentation(real_augmentation(augmentation)).train()
    device = next(model.parameters()).device
    margins: list[float] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for photo in (reduced for path in photos for reduced in _reduced(path, sides)):
            pixels = torch.from_numpy(np.stack([photo, jpeg(photo, 85)])).permute(0, 3, 1, 2).float() / 255
            if augmentation:
                pixels = changed(pixels[:1], torch.zeros(1))
            logits = model.classify(pixels.to(device)).float()
            margins += (logits[:, 1] - logits[:, 0]).tolist()
    shift = float(np.quantile(margins, 1 - false_alarms))
    model.classification_head.linear.bias.add_(torch.tensor([shift / 2, -shift / 2], device=device))
    return shift


def _reduced(path: Path, sides: Sequence[int]) -> Iterator[np.ndarray]:
    """The photo (H, W, 3) uint8 with each of ``sides`` as its longer side, at most its own."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    for side in sides:
        photo = rgb.copy()
        photo.thumbnail((side, side), Image.Resampling.LANCZOS)
        yield np.array(photo)
