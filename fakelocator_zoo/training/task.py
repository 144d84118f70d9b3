"""One training batch, for any loop: what is made fake, what is augmented, what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.crops import Kind, TrainingItems
from fakelocator_zoo.training.losses import fakelocator_losses
from fakelocator_zoo.training.recipe import Recipe
from fakelocator_zoo.transforms.augmentation import PartialAugmentation, SharedDegradation, real_augmentation
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from fakelocator_zoo.transforms.regions import random_masks


class TrainingBatch(NamedTuple):
    """Real and fake images and their truth; reals first."""

    images: Tensor  #: (B, 3, H, W) in [0, 1]
    fakeness_map: Tensor  #: (B, 1, H, W) in [0, 1]
    mask: Tensor  #: (B, 1, H, W) in [0, 1], how much of a pixel a generator made
    known: Tensor  #: (B, 1, 1, 1), 1 where the maps are known, 0 for entirely synthesised images
    label: Tensor  #: (B,) 0 real, 1 fake
    attention: Tensor | None  #: (B, 1, h, w) in [0, 1], None for a model without attention


class FakeLocatorTask(nn.Module):
    """A model with what is needed to train it; knows nothing of the loop.

    Args:
        model: the network that is trained.
        recipe: loss and augmentation.
        generators: the bank, which makes fakes from photos; empty where no item asks for it.
    """

    def __init__(self, model: FakeLocator, recipe: Recipe, generators: Sequence[Generator] = ()) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.generators = nn.ModuleList(generators)
        self.augmentation = PartialAugmentation(real_augmentation(recipe.partial_augmentation))
        self.degradation = SharedDegradation(recipe.degradation)

    @torch.no_grad()
    def make_batch(self, items: TrainingItems, strength: float = 1.0) -> TrainingBatch:
        """Items of :class:`~fakelocator_zoo.training.crops.TrainingCrops`, collated -> a batch, reals first.

        In eval mode no image is augmented or degraded.

        Args:
            strength: in [0, 1]; scales how many images are augmented and degraded.
        """
        order = (items.kind != Kind.REAL).long().argsort(stable=True)
        real, fake, mask, kind, attention = (each[order] for each in items)
        truth = torch.zeros_like(mask)
        bank = kind == Kind.BANK
        if bool(bank.any()):
            made = make_fakes(real[bank], list(self.generators), **self.recipe.fakes.probabilities)  # type: ignore[arg-type]
            fake[bank], mask[bank], truth[bank] = made.fake, made.mask, made.fakeness_map
        pair = kind == Kind.PAIR
        if bool(pair.any()):
            regions = random_masks(int(pair.sum()), *real.shape[-2:], device=real.device)
            blended = real[pair] + regions * (fake[pair] - real[pair])
            fake[pair], mask[pair] = (blended * 255).round() / 255, regions
        compared = pair | (kind == Kind.GIVEN)
        if bool(compared.any()):
            # Compression changes every pixel a little; outside the mask no generator did.
            truth[compared] = fakeness_map(real[compared], fake[compared]) * (mask[compared] > 0)
        label = (kind != Kind.REAL).long()
        images = torch.where((label == 0).view(-1, 1, 1, 1), real, fake)
        if self.recipe.partial_augmentation > 0:
            images = self.augmentation(images, label, strength)
        images, maps = self.degradation(images, torch.cat([truth, mask], dim=1), strength)
        known = (kind != Kind.WHOLE).float().view(-1, 1, 1, 1)
        attended = None if self.model.face_parser is None else attention
        truth, mask = maps.split(1, dim=1)
        return TrainingBatch(images, truth, mask, known, label, attended)

    def losses(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """The parts of the loss and their sum ``loss``."""
        options = self.recipe.loss
        return fakelocator_losses(
            self.model.training_output(batch.images, batch.attention),
            batch.fakeness_map,
            batch.mask,
            batch.known,
            batch.label,
            kind=options.kind,
            map_weight=options.map_weight,
            map_scale=options.map_scale,
            p_fake_weight=options.p_fake_weight,
            texture_weight=options.texture_weight,
            classification_weight=options.classification_weight,
            whole_weight=options.whole_weight if self.recipe.data.whole else 0.0,
        )
