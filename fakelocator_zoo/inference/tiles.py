"""Large images through a model in overlapping tiles: full resolution, bounded memory."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.models.attention import PartsAttention
from fakelocator_zoo.models.heads import combine_factors

# Encoders halve five times, and the texture stem looks at pixels in pairs: tiles that start on this grid see
# what they would see inside the whole image.
_GRID = 32


class Prediction(NamedTuple):
    """What a model says of one image of H x W pixels; tensors on the CPU."""

    fakeness_map: Tensor  #: (H, W) float32 in [0, 1]
    fake_probability: float  #: of the most suspicious tile
    attention: Tensor | None  #: (H, W) float32 in [0, 1], or None
    face_found: bool | None = None  #: whether the model's face parser found a face; None without one
    texture_map: Tensor | None = None  #: (H, W) float32 in [0, 1] with ``explain``, where the model has it
    change: Tensor | None = None  #: (H, W) float32 in [0, 1] with ``explain``, where the model has it


def predict_tiled(
    model: nn.Module, image: Tensor, tile: int = 768, overlap: int = 64, explain: bool = False
) -> Prediction:
    """Run ``model`` over one image; what fits into one tile goes through whole.

    Tiles overlap by at least ``overlap`` pixels. The outer quarter of an overlap, where a tile lacks its
    surroundings, is dropped; the rest blends linearly. The fake probability is the highest over the tiles,
    since a small forgery in a large photo shows in one of them: more tiles make a false alarm likelier.
    Attention is found once in the whole image, since a face parser knows no face by a piece of it, and the factors of a
    fakeness map are multiplied once they are whole, since some depend on all of the image.

    Args:
        model: a :class:`~fakelocator_zoo.FakeLocator` in eval mode.
        image: (3, H, W), float in [0, 1] or uint8, on any device.
        tile: side of a tile in pixels, a multiple of 32; 768 needs about 1 GB with the small models.
        overlap: pixels, less than half of ``tile``.
        explain: keep the factors of the fakeness map as well.

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
    factors = ("texture_map", "change")
    maps: dict[str, Tensor] = {}
    probability = 0.0
    with torch.no_grad():
        several = len(rows) * len(columns) > 1
        attended = _attend(model, image, tile, device) if several else None
        combined = several and getattr(model, "texture", None) is not None
        names = ("attention", *(() if combined else ("fakeness_map",)), *(factors if combined or explain else ()))
        face_found = None if attended is None else bool(attended.face_found[0])
        for (top, bottom), row_weight in zip(rows, row_weights, strict=True):
            for (left, right), column_weight in zip(columns, column_weights, strict=True):
                part = image[None, :, top:bottom, left:right].to(device)
                part = part.float() / 255 if part.dtype == torch.uint8 else part
                if attended is None:
                    out = model(part)
                    found = getattr(out, "face_found", None)
                    face_found = None if found is None else bool(found[0])
                else:
                    out = model(part, attention=attended.attention[..., top:bottom, left:right].to(device))
                probability = max(probability, float(out.logits.float().softmax(dim=1)[0, 1]))
                weight = row_weight[:, None] * column_weight[None, :]
                for name in names:
                    values = getattr(out, name, None)
                    if values is None:
                        continue
                    if values.shape[-2:] != part.shape[-2:]:
                        values = F.interpolate(values.float(), part.shape[-2:], mode="bilinear", align_corners=False)
                    whole = maps.setdefault(name, torch.zeros(height, width))
                    whole[top:bottom, left:right] += values[0, 0].float().cpu() * weight
        # Weights add up to one only within rounding.
        maps = {name: values.clamp_(0, 1) for name, values in maps.items()}
        if combined:
            painted, change = (maps[name][None, None] for name in factors)
            attention = None if attended is None else attended.attention
            fake = torch.tensor([probability])
            mode = model.attention_mode
            maps["fakeness_map"] = combine_factors(fake, painted, change, attention, mode)[0, 0]  # type: ignore[arg-type]
    explained = {name: maps.get(name) for name in factors if explain}
    return Prediction(maps["fakeness_map"], probability, maps.get("attention"), face_found, **explained)


def _attend(model: nn.Module, image: Tensor, side: int, device: torch.device) -> PartsAttention | None:
    """The attention of a FakeLocator to a whole image (3, H, W), as (1, 1, H, W) on the CPU; None without a parser."""
    attend = getattr(model, "attend", None)
    if attend is None:
        return None
    height, width = image.shape[1:]
    # A face parser looks at a reduced image anyway; reduced here, the floats of a large photo need no memory.
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    reduced = F.interpolate(image.cpu()[None], size, mode="bilinear", align_corners=False, antialias=True)
    attended = attend((reduced.float() / 255 if reduced.dtype == torch.uint8 else reduced).to(device))
    if attended is None:
        return None
    attention = F.interpolate(attended.attention.cpu(), (height, width), mode="bilinear", align_corners=False)
    return PartsAttention(attention.clamp_(0, 1), attended.face_found)


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
