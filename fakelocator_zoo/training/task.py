"""The loss of one training batch, for any loop: what is made fake, what is augmented, what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.augmentation import PartialAugmentation, real_augmentation
from fakelocator_zoo.data.pairs import PairSample
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.losses import fakelocator_losses
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.recipe import Recipe


class TrainingBatch(NamedTuple):
    """Real and fake images and their truth; reals first."""

    images: Tensor  #: (B, 3, H, W) in [0, 1]
    fakeness_map: Tensor  #: (B, 1, H, W) in [0, 1]
    mask: Tensor  #: (B, 1, H, W) in [0, 1], how much of a pixel was painted
    label: Tensor  #: (B,) 0 real, 1 fake


class FakeLocatorTask(nn.Module):
    """A model with what is needed to train it; knows nothing of the loop.

    Args:
        model: the network that is trained.
        recipe: loss, phases and augmentation.
        generators: what makes fakes from photos; may be empty when only pairs are given.
    """

    def __init__(self, model: FakeLocator, recipe: Recipe, generators: Sequence[Generator] = ()) -> None:
        super().__init__()
        if recipe.optimisation.texture_steps and model.texture is None:
            raise ValueError("optimisation.texture_steps trains the texture stem, but the model has none")
        self.model = model
        self.recipe = recipe
        self.generators = nn.ModuleList(generators)
        strength = recipe.partial_augmentation
        self.augmentation = PartialAugmentation(real_augmentation(strength)) if strength > 0 else None

    def make_batch(self, data: Tensor | PairSample) -> TrainingBatch:
        """Real crops (B, 3, H, W) of which the second half becomes fake, or pairs that are used as they are."""
        if isinstance(data, Tensor):
            half = data.shape[0] // 2
            real, source = data[:half], data[half:]
            options = self.recipe.generators
            fake, mask, fakeness = make_fakes(
                source,
                list(self.generators),  # type: ignore[arg-type]
                other_content=options.other_content,
                other_colour=options.other_colour,
                latent_edit=options.latent_edit,
            )
        else:
            real, fake, fakeness = data.real, data.fake, data.fakeness_map
            mask = (fakeness > 1.5 / 255).float()  # more than rounding
        label = torch.cat([torch.zeros(len(real)), torch.ones(len(fake))]).long().to(real.device)
        empty = torch.zeros(len(real), 1, *real.shape[-2:], device=real.device)
        images = torch.cat([real, fake])
        if self.augmentation is not None:
            images = self.augmentation(images, label)
        return TrainingBatch(images, torch.cat([empty, fakeness]), torch.cat([empty, mask]), label)

    def training_losses(self, batch: TrainingBatch, step: int) -> dict[str, Tensor]:
        """The parts of the loss and their sum ``loss`` at optimiser step ``step``.

        For the first ``texture_steps`` only the texture stem runs; afterwards it may be frozen.
        """
        optimisation = self.recipe.optimisation
        if step < optimisation.texture_steps:
            assert self.model.texture is not None
            logits = self.model.texture(batch.images).logits
            target = F.interpolate(batch.mask, size=logits.shape[-2:], mode="area")
            loss = F.binary_cross_entropy_with_logits(logits, target)
            return {"texture": loss, "loss": loss}
        self.set_texture_frozen(optimisation.freeze_texture)
        return self.losses(batch)

    def losses(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """The parts of the whole network's loss and their sum ``loss``."""
        options = self.recipe.loss
        return fakelocator_losses(
            self.model(batch.images),
            batch.fakeness_map,
            batch.mask,
            batch.label,
            kind=options.kind,  # type: ignore[arg-type]
            map_weight=options.map_weight,
            map_scale=options.map_scale,
            classification_weight=options.classification_weight,
            texture_weight=options.texture_weight,
        )

    def set_texture_frozen(self, frozen: bool) -> None:
        """Whether the texture stem keeps its weights and its batch statistics."""
        if self.model.texture is not None and frozen:
            self.model.texture.requires_grad_(False).eval()
