"""Images of any size through a model: dense maps in overlapping tiles, stitched, then one decision."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ATTENTION_SIDE = 1024  # a face parser reduces the image anyway; reduced here, a large photo needs no memory as floats


class TiledOutput(NamedTuple):
    """What a model says of images (B, 3, H, W); float32 tensors on the CPU."""

    fakeness_map: Tensor  #: (B, H, W) in [0, 1], ``p_fake * magnitude``
    fake_probability: Tensor  #: (B,) in [0, 1]
    p_fake: Tensor  #: (B, H, W) in [0, 1]
    magnitude: Tensor  #: (B, H, W) in [0, 1]
    attention: Tensor | None  #: (B, H, W) in [0, 1]; None for a model without attention
    face_found: Tensor | None  #: (B,) bool, whether the face parser found a face; None without one


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor, tile: int = 768, overlap: int = 64) -> TiledOutput:
    """Run a model over images of one size; what fits into one tile goes through whole.

    Dense maps of tiles are cut in the middle of their overlap, where both have surroundings, and the decision is made
    once on the stitched maps: neither depends on the tiles. Attention is found once in the whole image, since a face
    parser knows no face by a piece of it. Tiles go through one at a time, so that memory does not grow with them.

    Args:
        model: a :class:`~fakelocator_zoo.FakeLocator` in eval mode, of any floating dtype.
        images: (B, 3, H, W), float in [0, 1] or uint8, on any device.
        tile: side of a tile in pixels, a multiple of the encoder's output stride.
        overlap: of tiles in pixels, a multiple of the output stride and of twice the evidence stride.

    Raises:
        ValueError: for another shape, tile sizes that do not fit together, and a dtype that the device cannot run.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.numel() == 0:
        raise ValueError(f"images must be (B, 3, H, W), got {tuple(images.shape)}")
    reference = next((each for each in model.parameters() if each.is_floating_point()), torch.empty(0))
    try:
        attention, face_found = _attended(model, images, reference)
        logits, p_fake_logits, magnitude = _stitched(model, images, attention, reference, tile, overlap)
    except NotImplementedError as error:
        raise ValueError(
            f"this model cannot run as {reference.dtype} on {reference.device}; use model.float() ({error})"
        ) from error
    p_fake = p_fake_logits.sigmoid_()
    attention = None if attention is None else attention[:, 0]
    return TiledOutput(p_fake * magnitude, logits.softmax(dim=1)[:, 1], p_fake, magnitude, attention, face_found)


def _attended(model: Any, images: Tensor, reference: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Attention (B, 1, H, W) and face_found (B,) on the CPU; None and None of a model that has no face parser."""
    attended = model.attend(_as_input(_reduced(images), reference)) if hasattr(model, "attend") else None
    if attended is None:
        return None, None
    size = images.shape[-2:]
    attention = F.interpolate(attended.attention.float().cpu(), size, mode="bilinear", align_corners=False)
    return attention.clamp_(0, 1), attended.face_found.cpu()


def _stitched(
    model: Any, images: Tensor, attention: Tensor | None, reference: Tensor, tile: int, overlap: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (B, 2) of the decision, logits and magnitude (B, H, W) of each pixel."""
    stride, output_stride = int(model.evidence_stride), int(model.encoder.output_stride)
    grid = math.lcm(stride, output_stride)
    if tile % grid or overlap % math.lcm(2 * stride, output_stride) or not 0 < overlap <= tile // 2:
        raise ValueError(
            f"tile must be a multiple of {grid}, overlap a multiple of {math.lcm(2 * stride, output_stride)} "
            f"and at most half of the tile; got {tile} and {overlap}"
        )
    height, width = images.shape[-2:]
    whole: list[Tensor] = []
    for top, bottom, first_row, last_row in _spans(height, tile, overlap, grid):
        for left, right, first_column, last_column in _spans(width, tile, overlap, grid):
            part = None if attention is None else _as_input(attention[..., top:bottom, left:right], reference)
            dense = model.dense(_as_input(images[..., top:bottom, left:right], reference), part)
            if (bottom - top, right - left) == (height, width):
                logits = model.decide(dense).float().cpu()
                return logits, dense.p_fake_logits[:, 0].float().cpu(), dense.magnitude[:, 0].float().cpu()
            for index, values in enumerate(dense):
                scale = stride if index >= 2 else 1  # evidence and confidence stand on the stride
                if len(whole) <= index:
                    size = (math.ceil(height / scale), math.ceil(width / scale))
                    whole.append(values.new_empty((*values.shape[:2], *size), device="cpu"))
                rows = slice(first_row // scale, math.ceil(last_row / scale))
                columns = slice(first_column // scale, math.ceil(last_column / scale))
                whole[index][..., rows, columns] = values[
                    ...,
                    rows.start - top // scale : rows.stop - top // scale,
                    columns.start - left // scale : columns.stop - left // scale,
                ].cpu()
    logits = model.decide(type(dense)(*(values.to(reference.device) for values in whole))).float().cpu()
    return logits, whole[0][:, 0].float(), whole[1][:, 0].float()


def _spans(length: int, tile: int, overlap: int, grid: int) -> Iterator[tuple[int, int, int, int]]:
    """Start and end of each tile along one side, and of the part of it that is kept; starts lie on the grid."""
    kept, start = 0, 0
    while start + tile < length:
        yield start, start + tile, kept, start + tile - overlap // 2
        kept = start + tile - overlap // 2
        # The last tile is as large as the others: it starts earlier where that leaves it no margin to spare.
        start = min(start + tile - overlap, -(-(length - tile) // grid) * grid)
    yield start, length, kept, length


def _reduced(images: Tensor) -> Tensor:
    """At most :data:`_ATTENTION_SIDE` pixels high and wide, by whole factors."""
    factor = math.ceil(max(images.shape[-2:]) / _ATTENTION_SIDE)
    if factor == 1:
        return images
    size = [max(1, round(length / factor)) for length in images.shape[-2:]]
    return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)


def _as_input(values: Tensor, reference: Tensor) -> Tensor:
    """On the device and in the dtype of ``reference``; uint8 as [0, 1]."""
    moved = values.to(reference.device)
    return moved.to(reference.dtype) / 255 if moved.dtype == torch.uint8 else moved.to(reference.dtype)
