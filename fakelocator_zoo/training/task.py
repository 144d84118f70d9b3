"""The loss of one training batch, for any loop: what is made fake, what is augmented, what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.data.pairs import PairSample
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.models.texture import TextureStem
from fakelocator_zoo.training.losses import fakelocator_losses
from fakelocator_zoo.training.recipe import Recipe
from fakelocator_zoo.transforms.augmentation import PartialAugmentation, SharedDegradation, real_augmentation

#: Beside what teachers say, who know more of generators never seen than the masks of a bank do.
TRUTH_WEIGHT = 0.5


class TrainingBatch(NamedTuple):
    """Real and fake images and their truth; reals first."""

    images: Tensor  #: (B, 3, H, W) in [0, 1]
    fakeness_map: Tensor  #: (B, 1, H, W) in [0, 1]
    mask: Tensor  #: (B, 1, H, W) in [0, 1], how much of a pixel was painted
    label: Tensor  #: (B,) 0 real, 1 fake
    change: Tensor  #: (B, 1, H, W) in [0, 1], how much a pixel is changed if it is painted
    known: Tensor  #: (B, 1, H, W) in [0, 1], where ``change`` is known
    taught: Tensor | None = None  #: (B, 1, H, W), logits of the teachers; None without any


class FakeLocatorTask(nn.Module):
    """A model with what is needed to train it; knows nothing of the loop.

    Args:
        model: the network that is trained.
        recipe: loss, phases and augmentation.
        generators: what makes fakes from photos; may be empty when only pairs are given.
        teachers: texture stems whose mean logits the model's own learns while it is trained alone, beside the truth.
            They see images before they are degraded alike: so it learns to see in degraded ones what is still there.
    """

    def __init__(
        self,
        model: FakeLocator,
        recipe: Recipe,
        generators: Sequence[Generator] = (),
        teachers: Sequence[TextureStem] = (),
    ) -> None:
        super().__init__()
        if recipe.optimisation.stem_steps and model.texture is None:
            raise ValueError("optimisation.texture_steps trains the texture stem, but the model has none")
        self.model = model
        self.recipe = recipe
        self.generators = nn.ModuleList(generators)
        self.teachers = nn.ModuleList(teachers).requires_grad_(False)
        self.augmentation = PartialAugmentation(real_augmentation(recipe.partial_augmentation))
        self.texture_augmentation = PartialAugmentation(real_augmentation(recipe.texture_augmentation))
        softened = real_augmentation(recipe.texture_head_augmentation, detail=False)
        self.texture_head_augmentation = PartialAugmentation(softened, regional=0, spliced=0)
        self.degradation = SharedDegradation(recipe.degradation)

    def make_batch(self, data: Tensor | PairSample, step: int) -> TrainingBatch:
        """Real crops (B, 3, H, W) of which the second half becomes fake, or pairs that are used as they are.

        ``step`` decides how strongly the real images are augmented; in eval mode no image is changed.
        """
        if isinstance(data, Tensor):
            half = data.shape[0] // 2
            real, source = data[:half], data[half:]
            made = make_fakes(source, list(self.generators), **self.recipe.generators.chances)  # type: ignore[arg-type]
            fake, mask, fakeness, change = made
            known = torch.ones_like(mask)
        else:
            real, fake, fakeness = data.real, data.fake, data.fakeness_map
            mask = (fakeness > 1.5 / 255).float()  # more than rounding
            change, known = fakeness, mask
        label = torch.cat([torch.zeros(len(real)), torch.ones(len(fake))]).long().to(real.device)
        empty = torch.zeros(len(real), 1, *real.shape[-2:], device=real.device)
        images = torch.cat([real, fake])
        strength, augmentation = self._augmentation(step)
        if strength > 0:
            images = augmentation(images, label)
        truths = [torch.cat([empty, each]) for each in (fakeness, mask, change, known)]
        if self.teachers and self.recipe.optimisation.phase(step) != "network" and self.training:
            truths.append(self._taught(images))
        images, truth = self.degradation(images, torch.cat(truths, dim=1))
        fakeness, mask, change, known, *taught = truth.split(1, dim=1)
        return TrainingBatch(images, fakeness, mask, label, change, known, *taught)

    def _augmentation(self, step: int) -> tuple[float, PartialAugmentation]:
        """Its strength, and that of the phase that optimiser step ``step`` is in."""
        recipe = self.recipe
        return {
            "texture": (recipe.texture_augmentation, self.texture_augmentation),
            "texture_head": (recipe.texture_head_augmentation, self.texture_head_augmentation),
            "network": (recipe.partial_augmentation, self.augmentation),
        }[recipe.optimisation.phase(step)]

    def train(self, mode: bool = True) -> FakeLocatorTask:
        """As in torch; teachers stay in eval mode."""
        super().train(mode)
        self.teachers.eval()
        return self

    @torch.no_grad()
    def _taught(self, images: Tensor) -> Tensor:
        logits = torch.stack([teacher(images).logits for teacher in self.teachers]).mean(dim=0)
        return F.interpolate(logits, size=images.shape[-2:], mode="nearest")

    def training_losses(self, batch: TrainingBatch, step: int) -> dict[str, Tensor]:
        """The parts of the loss and their sum ``loss`` at optimiser step ``step``.

        For the first ``texture_steps`` only the texture stem runs, for ``texture_head_steps`` its features are frozen;
        afterwards all of it may be.
        """
        stem = self.model.texture
        if stem is not None:
            self._enter_phase(stem, step)
        if stem is not None and self.recipe.optimisation.phase(step) != "network":
            logits = stem(batch.images).logits
            size = logits.shape[-2:]
            truth = F.binary_cross_entropy_with_logits(logits, F.interpolate(batch.mask, size=size, mode="area"))
            if batch.taught is None:
                return {"texture": truth, "loss": truth}
            taught = teaching_loss(logits, F.interpolate(batch.taught, size=size, mode="area"))
            return {"texture": truth, "taught": taught, "loss": TRUTH_WEIGHT * truth + taught}
        return self.losses(batch)

    def _enter_phase(self, stem: TextureStem, step: int) -> None:
        """Let only that part of the stem learn which does at optimiser step ``step``."""
        options = self.recipe.optimisation
        phase = options.phase(step)
        if phase == "texture":
            return
        if phase == "texture_head":
            _freeze(stem)
            stem.head.requires_grad_(True)
            if step == options.texture_steps:
                # A head that has seen the fakes for longer fits them better, and those of other generators worse.
                stem.head.apply(_start_anew)
        elif options.freeze_texture:
            _freeze(stem)
        elif options.texture_head_steps:
            stem.requires_grad_(True).train()

    def losses(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """The parts of the whole network's loss and their sum ``loss``."""
        options = self.recipe.loss
        return fakelocator_losses(
            self.model(batch.images),
            batch.fakeness_map,
            batch.mask,
            batch.label,
            change=batch.change,
            known=batch.known,
            kind=options.kind,  # type: ignore[arg-type]
            map_weight=options.map_weight,
            map_scale=options.map_scale,
            classification_weight=options.classification_weight,
            texture_weight=options.texture_weight,
        )


def _start_anew(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        layer.reset_parameters()


def _freeze(stem: TextureStem) -> None:
    """It keeps its weights and its batch statistics."""
    stem.requires_grad_(False).eval()


def teaching_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """How far logits (B, 1, h, w) are from those of the teachers: cross-entropy, and a little of their square distance.

    The former hardly sees how sure a teacher is once it is sure, and the decision compares just that; beyond 8 it is
    of no interest.
    """
    distance = (logits.clamp(-8, 8) - taught.clamp(-8, 8)).square().mean()
    return F.binary_cross_entropy_with_logits(logits, torch.sigmoid(taught)) + 0.03 * distance
