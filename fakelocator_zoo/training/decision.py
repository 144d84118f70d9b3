"""The decision over a texture stem, fitted when the stem is done: a logistic regression on its statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from fakelocator_zoo.augmentation import PartialAugmentation, real_augmentation
from fakelocator_zoo.data.photos import PhotoCrops
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.models.texture import texture_statistics

BATCH = 8


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

    The head that is trained beside the decoder sees small crops and hardly any whole fake: there the highest
    statistic says most, and may be weighed against the mean, which calls whole fakes real.

    Args:
        model: with a texture stem.
        crops: what real crops are drawn from, in sizes of their own.
        count: crops of each of ``sizes``.
        chances: keyword arguments of :func:`~fakelocator_zoo.generators.synthesis.make_fakes`.
        augmentation: strength of the change of the real crops.
    """
    assert model.texture is not None
    model.eval()
    changed = PartialAugmentation(real_augmentation(augmentation)).train()
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
                everywhere = torch.ones_like(real[:, :1])
                partial = make_fakes(real, generators, **(chances or {})).fake
                whole = make_fakes(real, generators, masks=everywhere, **(chances or {})).fake
                if augmentation:
                    real = changed(real, torch.zeros(len(real)))
                for images, label in ((real, 0), (partial, 1), (whole, 1)):
                    statistics.append(texture_statistics(model.texture(images.to(device)).logits).cpu())
                    labels += [label] * len(images)
    # All four rise with what was painted. The penalty shares the weight, so that none is set against another.
    scaler, regression = StandardScaler(), LogisticRegression(C=1.0, class_weight="balanced")
    regression.fit(scaler.fit_transform(torch.cat(statistics).numpy()), labels)
    slope = regression.coef_[0] / scaler.scale_
    half = torch.tensor(slope / 2, dtype=torch.float32, device=device)
    offset = torch.tensor((regression.intercept_[0] - slope @ scaler.mean_) / 2, dtype=torch.float32, device=device)
    head = model.classification_head.linear
    head.weight.copy_(torch.stack([-half, half]))
    head.bias.copy_(torch.stack([-offset, offset]))
