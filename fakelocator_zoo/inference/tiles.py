"""Large images through a model in overlapping tiles: full resolution, bounded memory."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Encoders halve five times, and the texture stem looks at pixels in pairs: tiles that start on this grid see
# what they would see inside the whole image.
_GRID = 32


class Prediction(NamedTuple):
    """What a model says of one image of H x W pixels; tensors on the CPU."""

    fakeness_map: Tensor  #: (H, W) float32 in [0, 1]
    fake_probability: float  #: of the most suspicious tile
    attention: Tensor | None  #: (H, W) float32 in [0, 1], or None


def predict_tiled(model: nn.Module, image: Tensor, tile: int = 768, overlap: int = 64) -> Prediction:
    """Run ``model`` over one image; what fits into one tile goes through whole.

    Tiles overlap by at least ``overlap`` pixels. The outer quarter of an overlap, where a tile lacks its
    surroundings, is dropped; the rest blends linearly. The fake probability is the highest over the tiles,
    since a small forgery in a large photo shows in one of them: more tiles make a false alarm likelier.

    Args:
        model: a :class:`~fakelocator_zoo.FakeLocator` in eval mode.
        image: (3, H, W), float in [0, 1] or uint8, on any device.
        tile: side of a tile in pixels, a multiple of 32; 768 needs about 1 GB with the small models.
        overlap: pixels, less than half of ``tile``.

    Raises:
        ValueError: for another shape, or tile sizes that do not fit together.
    """
    if image.ndim != 3 or image.shape[0] != 3 or image.numel() == 0:
        raise ValueError(f"image must be (3, H, W), got {tuple(image.shape)}")
    if tile % _GRID or tile < 4 * _GRID or not _GRID <= overlap <= tile // 2 - _GRID:
        raise ValueError(f"tile must be a multiple of 32 from 128 on, overlap 32 to tile / 2 - 32: {tile}, {overlap}")
    height, width = image.shape[1:]
    device = next(model.parameters(), torch.empty(0)).device
    rows, columns = _spans(height, tile, overlap), _spans(width, tile, overlap)
    row_weights, column_weights = _weights(rows, height, overlap), _weights(columns, width, overlap)
    fakeness = torch.zeros(height, width)
    attention: Tensor | None = None
    probability = 0.0
    with torch.no_grad():
        for (top, bottom), row_weight in zip(rows, row_weights, strict=True):
            for (left, right), column_weight in zip(columns, column_weights, strict=True):
                part = image[None, :, top:bottom, left:right].to(device)
                out = model(part.float() / 255 if part.dtype == torch.uint8 else part)
                weight = row_weight[:, None] * column_weight[None, :]
                fakeness[top:bottom, left:right] += out.fakeness_map[0, 0].float().cpu() * weight
                probability = max(probability, float(out.logits.float().softmax(dim=1)[0, 1]))
                if out.attention is not None:
                    if attention is None:
                        attention = torch.zeros(height, width)
                    size = (bottom - top, right - left)
                    full = F.interpolate(out.attention.float(), size, mode="bilinear", align_corners=False)
                    attention[top:bottom, left:right] += full[0, 0].cpu() * weight
    # Weights add up to one only within rounding.
    return Prediction(fakeness.clamp_(0, 1), probability, None if attention is None else attention.clamp_(0, 1))


def _spans(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Start and end of the tiles along one side; starts lie on the grid, the last tile ends at ``length``."""
    if length <= tile:
        return [(0, length)]
    # One grid step is kept in reserve: rounding starts up to the grid may widen a step by that much.
    count = math.ceil((length - tile) / (tile - overlap - _GRID)) + 1
    starts = [math.ceil(index * (length - tile) / (count - 1) / _GRID) * _GRID for index in range(count)]
    return [(start, min(start + tile, length)) for start in starts]


def _weights(spans: list[tuple[int, int]], length: int, overlap: int) -> list[Tensor]:
    """A weight for each pixel of each tile along one side; over the tiles they add up to one."""
    margin, ramp = overlap // 4, overlap - 2 * (overlap // 4)
    weights = []
    for start, end in spans:
        pixels = torch.arange(start, end, dtype=torch.float32)
        weight = torch.ones(end - start)
        if start > 0:
            weight = torch.minimum(weight, ((pixels - start - margin + 0.5) / ramp).clamp(0, 1))
        if end < length:
            weight = torch.minimum(weight, ((end - margin - pixels - 0.5) / ramp).clamp(0, 1))
        weights.append(weight)
    total = torch.zeros(length)
    for (start, end), weight in zip(spans, weights, strict=True):
        total[start:end] += weight
    return [weight / total[start:end] for (start, end), weight in zip(spans, weights, strict=True)]
