"""The decision over a texture stem, fitted when the stem is done: a logistic regression on its statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from fakelocator_zoo.data.photos import PhotoCrops
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.models.attention import resize_attention
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.transforms.augmentation import PartialAugmentation, real_augmentation
from fakelocator_zoo.transforms.regions import random_masks

BATCH = 8
#: Whatever the stem was trained on, fakes of generators never seen are fainter and more varied than the bank's.
_VARIED = {"two_generators": 0.3, "sharpness": 0.4, "faint": 0.5}


@torch.no_grad()
def fit_decision(
    model: FakeLocator,
    crops: PhotoCrops,
    generators: Sequence[Generator],
    *,
    count: int = 64,
    sizes: Sequence[int] = (256, 384),
    chances: Mapping[str, Any] | None = None,
    augmentation: float = 0.0,
    seed: int = 0,
) -> None:
    """Set the classification head, in place, from real photos, their partial fakes and their whole fakes.

    Partial fakes are painted where the model attends to, or anywhere if it does not.

    The head that is trained beside the decoder sees small crops and hardly any whole fake: there the highest
    statistic says most, and may be weighed against the mean, which calls whole fakes real.

    Args:
        model: with a texture stem.
        crops: what real crops are drawn from, in sizes of their own.
        count: crops of each of ``sizes``.
        chances: keyword arguments of :func:`~fakelocator_zoo.generators.synthesis.make_fakes`; those of
            ``_VARIED`` are replaced.
        augmentation: strength of the change of two more sets of the real crops: one changed all over, with fakes of
            its own, as users' photos come from many cameras; and one in regions alone, the negatives of partial fakes.
            0 leaves both out.
    """
    assert model.texture is not None
    model.eval()
    everywhere = PartialAugmentation(real_augmentation(augmentation), regional=0, spliced=0).train()
    in_regions = PartialAugmentation(real_augmentation(augmentation)).train()
    varied = {**(chances or {}), **_VARIED}
    device = next(model.parameters()).device
    statistics: list[Tensor] = []
    labels: list[int] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for size in sizes:
            sized = copy(crops)
            sized.size, sized.seed = size, seed
            for first in range(0, count, BATCH):
                real = torch.stack([sized[i] for i in range(first, min(count, first + BATCH))])
                kinds: list[tuple[Tensor, Tensor | None, int]] = []
                for photos in [real, *([everywhere(real, torch.zeros(len(real)))] if augmentation else [])]:
                    attention = attention_of(model, photos)
                    masks = masks_of_parts(photos, attention)
                    kinds.append((photos, attention, 0))
                    for painted in (masks, torch.ones_like(masks)):
                        fake = make_fakes(photos, generators, masks=painted, **varied).fake
                        kinds.append((fake, attention_of(model, fake), 1))
                if augmentation:
                    changed = in_regions(real, torch.zeros(len(real)))
                    kinds.append((changed, attention_of(model, changed), 0))
                for images, attention, label in kinds:
                    logits = model.texture(images.to(device)).logits
                    statistics.append(model.texture_statistics(logits, attention, size, size).cpu())
                    labels += [label] * len(images)
    # Most rise with what was painted, and some are nearly alike: the penalty shares the weight among them.
    scaler, regression = StandardScaler(), LogisticRegression(C=1.0, class_weight="balanced")
    regression.fit(scaler.fit_transform(torch.cat(statistics).numpy()), labels)
    slope = regression.coef_[0] / scaler.scale_
    half = torch.tensor(slope / 2, dtype=torch.float32, device=device)
    offset = torch.tensor((regression.intercept_[0] - slope @ scaler.mean_) / 2, dtype=torch.float32, device=device)
    head = model.classification_head.linear
    head.weight.copy_(torch.stack([-half, half]))
    head.bias.copy_(torch.stack([-offset, offset]))


def attention_of(model: FakeLocator, images: Tensor) -> Tensor | None:
    """The model's attention to images (B, 3, H, W), (B, 1, h, w) on its device wherever they are; None without any."""
    attended = model.attend(images.to(next(model.parameters()).device))
    return None if attended is None else attended.attention


def masks_of_parts(images: Tensor, attention: Tensor | None) -> Tensor:
    """Random regions (B, 1, H, W) in [0, 1], within what is attended to, if anything is; on the images' device."""
    height, width = images.shape[-2:]
    masks = random_masks(len(images), height, width, device=images.device)
    if attention is None:
        return masks
    # What is painted outside the parts is none of the manipulations that attention is for.
    parts = resize_attention(attention, height, width).to(images.device)
    inside = masks * parts
    return torch.where(inside.mean(dim=(1, 2, 3), keepdim=True) < _LEAST_PAINTED, parts, inside)


#: A region smaller than this share of the image is given up for all of the parts: it would be a fake with nothing fake.
_LEAST_PAINTED = 0.01
