"""Losses: L1 or L2 on the grey map, cross-entropy on P(fake) and on the decision."""

from __future__ import annotations

from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor

from fakelocator_zoo.models.output import TrainingOutput

MapLoss = Literal["l1", "l2"]


def map_loss(predicted: Tensor, true: Tensor, kind: MapLoss = "l1") -> Tensor:
    """|difference| (l1) or squared difference (l2) of maps (B, 1, H, W), elementwise: the paper's loss.

    The map is an intensity, not a segmentation: hence neither Dice nor Focal.
    """
    if kind == "l1":
        return (predicted - true).abs()
    if kind == "l2":
        return (predicted - true).square()
    raise ValueError(f"map loss {kind!r} is none of {', '.join(get_args(MapLoss))}")


def fakelocator_losses(
    output: TrainingOutput,
    fakeness_map: Tensor,
    mask: Tensor,
    known: Tensor,
    label: Tensor,
    *,
    kind: MapLoss = "l1",
    map_weight: float = 1.0,
    map_scale: float = 1.0,
    p_fake_weight: float = 1.0,
    texture_weight: float = 0.0,
    classification_weight: float = 1.0,
    whole_weight: float = 0.0,
) -> dict[str, Tensor]:
    """The weighted parts of the training loss, and their sum as ``loss``.

    Args:
        output: predictions for images (B, 3, H, W).
        fakeness_map: true |real - fake|, (B, 1, H, W) in [0, 1].
        mask: how much of each pixel the generator made, (B, 1, H, W) in [0, 1]; the target of P(fake).
        known: (B, 1, 1, 1), 1 where the two maps are known, 0 for an image that teaches the decision alone.
        label: (B,) integers, 0 real, 1 fake.
        kind: ``l1`` or ``l2``.
        map_scale: both maps are multiplied by this inside the map loss. The true map is small (0.02 to 0.07 inside a
            fake region), so unscaled it teaches "nothing anywhere" for a long time.
        texture_weight: of the same loss as P(fake)'s, on the texture branch alone (deep supervision).
        whole_weight: of cross-entropy on the log-odds of an entirely synthesised image, over such images and real ones.
            Partial fakes would otherwise keep the evidence from learning them.
    """
    p_logits = output.dense.p_fake_logits.float()
    product = p_logits.sigmoid() * output.dense.magnitude.float()
    per_pixel = map_weight * map_loss(map_scale * product, map_scale * fakeness_map, kind)
    p_fake = p_fake_weight * F.binary_cross_entropy_with_logits(p_logits, mask, reduction="none")
    count = known.sum().clamp(min=1)
    parts = {
        "map": (known * per_pixel).mean(dim=(1, 2, 3)).sum() / count,
        "p_fake": (known * p_fake).mean(dim=(1, 2, 3)).sum() / count,
        "classification": classification_weight * F.cross_entropy(output.logits.float(), label),
    }
    if whole_weight > 0:
        synthesised = (known.flatten() == 0).float()
        weight = (label == 0).float() + synthesised  # 0 for partial fakes
        odds = F.binary_cross_entropy_with_logits(output.log_odds[:, 1].float(), synthesised, reduction="none")
        parts["whole"] = whole_weight * (weight * odds).sum() / weight.sum().clamp(min=1)
    if output.texture_logits is not None:
        texture = F.binary_cross_entropy_with_logits(output.texture_logits.float(), mask, reduction="none")
        parts["texture"] = texture_weight * (known * texture).mean(dim=(1, 2, 3)).sum() / count
    parts["loss"] = sum(parts.values())  # type: ignore[assignment]
    return parts
