"""A tiny network with a FakeLocator's contract, and photos made of numbers."""

from __future__ import annotations

import math
import threading
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

STRIDE = 8


class StubDense(NamedTuple):
    """The fields of DenseOutput."""

    p_fake_logits: Tensor
    magnitude: Tensor
    evidence: Tensor
    confidence: Tensor


class StubOutput(NamedTuple):
    """The fields of FakeLocatorOutput."""

    fakeness_map: Tensor
    logits: Tensor
    fake_probability: Tensor
    p_fake: Tensor
    magnitude: Tensor
    attention: Tensor | None
    face_found: Tensor | None


class StubAttention(NamedTuple):
    """The fields of PartsAttention."""

    attention: Tensor
    face_found: Tensor


class StubModel(nn.Module):
    """Two 3x3 convolutions; the decision follows the brightest pixels. Remembers the shapes that it saw.

    With ``attention``, the brightness of the red channel, a face is found where anything is red.
    """

    evidence_stride = STRIDE
    encoder = SimpleNamespace(output_stride=STRIDE)

    def __init__(self, attention: bool = False, threshold: float = 0.5) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))
        for parameter in self.net.parameters():
            parameter.data.normal_(0, 0.5, generator=generator)
        self.with_attention, self.threshold = attention, threshold
        self.limits: dict[str, float] | None = None
        self.sizes: list[tuple[int, ...]] = []
        self.attended: list[Tensor] = []
        self._lock = threading.Lock()

    def attend(self, images: Tensor) -> StubAttention | None:
        """(B, 3, H, W) -> attention (B, 1, h, w)."""
        if not self.with_attention:
            return None
        with self._lock:
            self.attended.append(images)
        return StubAttention(images[:, :1, ::2, ::2], images[:, 0].amax(dim=(1, 2)) > 0.5)

    def dense(self, images: Tensor, attention: Tensor | None = None) -> StubDense:
        """(B, 3, H, W) -> maps of the pixels, evidence and confidence on the stride."""
        with self._lock:
            self.sizes.append(tuple(images.shape))
        logits, magnitude = self.net(images if attention is None else images * (1 + attention)).chunk(2, dim=1)
        padded = F.pad(images, (0, -images.shape[-1] % STRIDE, 0, -images.shape[-2] % STRIDE), mode="replicate")
        evidence = F.avg_pool2d(padded, STRIDE)
        return StubDense(logits, magnitude.sigmoid(), evidence, evidence.amax(dim=1, keepdim=True))

    def decide(self, dense: StubDense) -> Tensor:
        """Logits (B, 2), real and fake."""
        weights = (8 * dense.confidence).flatten(2).softmax(dim=2)
        fake = (dense.evidence.flatten(2) * weights).sum(dim=2).mean(dim=1) * 4 - 2
        fake = fake + dense.p_fake_logits.flatten(1).mean(dim=1)
        return torch.stack([-fake, fake], dim=1)

    def forward(self, images: Tensor) -> StubOutput:
        """(B, 3, H, W) -> as FakeLocator."""
        attended = self.attend(images)
        attention = found = None
        if attended is not None:
            found = attended.face_found
            attention = F.interpolate(attended.attention, images.shape[-2:], mode="bilinear", align_corners=False)
        dense = self.dense(images, attention)
        logits, p_fake = self.decide(dense), dense.p_fake_logits.sigmoid()
        probability = logits.softmax(dim=1)[:, 1]
        return StubOutput(p_fake * dense.magnitude, logits, probability, p_fake, dense.magnitude, attention, found)

    def encode(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 4)."""
        return self.net[1](self.net[0](images)).mean(dim=(2, 3))


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A photo (H, W, 3) uint8 of white noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Something like a photo (H, W, 3) uint8: soft colours and a little noise."""
    rng = np.random.default_rng(seed)
    soft = gaussian_filter(rng.standard_normal((height, width, 3)), (12, 12, 0))
    values = 128 + 40 * soft / soft.std() + rng.normal(0, 2, soft.shape)
    return np.clip(values, 0, 255).astype(np.uint8)


def as_batch(image: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255


def ceil_stride(length: int) -> int:
    """How many cells of evidence a side has."""
    return math.ceil(length / STRIDE)
