"""Losses: L1 or L2 on the grey map, cross-entropy on the decision, and the texture stem's own map."""

from __future__ import annotations

from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor

from fakelocator_zoo.models.output import FakeLocatorOutput

MapLoss = Literal["l1", "l2"]


def map_loss(predicted: Tensor, true: Tensor, kind: MapLoss = "l1") -> Tensor:
    """Mean |difference| (l1) or squared difference (l2) of maps (B, 1, H, W): the paper's loss.

    The map is an intensity, not a segmentation: hence neither Dice nor Focal.
    """
    if kind == "l1":
        return F.l1_loss(predicted, true)
    if kind == "l2":
        return F.mse_loss(predicted, true)
    raise ValueError(f"map loss {kind!r} is none of {', '.join(get_args(MapLoss))}")


def fakelocator_losses(
    output: FakeLocatorOutput,
    fakeness_map: Tensor,
    mask: Tensor,
    label: Tensor,
    *,
    change: Tensor,
    known: Tensor,
    kind: MapLoss = "l1",
    map_weight: float = 1.0,
    map_scale: float = 1.0,
    classification_weight: float = 1.0,
    texture_weight: float = 1.0,
) -> dict[str, Tensor]:
    """The weighted parts of the training loss, and their sum as ``loss``.

    Args:
        output: of the model for images (B, 3, H, W).
        fakeness_map: true |real - fake|, (B, 1, H, W) in [0, 1].
        mask: how much of each pixel the generator painted, (B, 1, H, W) in [0, 1]; the texture map's target.
        label: (B,) integers, 0 real, 1 fake.
        change: how much a pixel is changed if it is painted, (B, 1, H, W) in [0, 1]; the target of the decoder
            beside a texture stem.
        known: where ``change`` is known, (B, 1, H, W) in [0, 1].
        kind: ``l1`` or ``l2``.
        map_scale: both maps are multiplied by this inside the map loss. The true map is small (0.02 to
            0.07 inside a painted region), so unscaled it teaches "nothing anywhere" for a long time.
    """
    if output.texture_map is None:
        predicted, true = output.fakeness_map.float(), fakeness_map
    else:
        # Each factor of the map has its own truth: the texture map the mask, the decoder's amount the change
        # wherever it is known. What is real has an amount as well, or the decoder would call it what it likes.
        predicted, true = known * output.change.float(), known * change
    parts = {
        "map": map_weight * map_loss(map_scale * predicted, map_scale * true, kind),
        "classification": classification_weight * F.cross_entropy(output.logits.float(), label),
    }
    if output.texture_map is not None:
        texture = output.texture_map.float().clamp(1e-6, 1 - 1e-6)
        parts["texture"] = texture_weight * F.binary_cross_entropy(texture, mask)
    parts["loss"] = sum(parts.values())  # type: ignore[assignment]
    return parts
