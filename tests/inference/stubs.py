"""A tiny network with a FakeLocator's output, and photos made of numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn


class StubOutput(NamedTuple):
    """The fields of FakeLocatorOutput."""

    fakeness_map: Tensor
    logits: Tensor
    attention: Tensor | None
    texture_map: Tensor | None


class StubModel(nn.Module):
    """Two 3x3 convolutions; the logit is the brightest pixel, so that tiles differ. Remembers what it saw."""

    def __init__(self, attention: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))
        self.attention = attention
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> StubOutput:
        """(B, 3, H, W) -> as FakeLocator."""
        self.sizes.append(tuple(images.shape))
        fake = images.amax(dim=(1, 2, 3)) * 4 - 2
        attention = images.mean(1, keepdim=True)[..., ::2, ::2] if self.attention else None
        fakeness = torch.sigmoid(self.net(images))
        return StubOutput(fakeness, torch.stack([-fake, fake], 1), attention, None)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A photo (H, W, 3) uint8 of white noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
