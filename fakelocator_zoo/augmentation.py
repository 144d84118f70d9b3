"""Partial data augmentation: only the REAL images of a batch are changed (paper section 3)."""

from __future__ import annotations

import torch
from kornia import augmentation as K
from torch import Tensor, nn

from fakelocator_zoo.generators.regions import random_masks


def real_augmentation(strength: float = 1.0) -> nn.Module:
    """The default change of real photos: what happens to photos, and none of it is a generator's work.

    Every image draws its own parameters. Images (B, 3, H, W) in [0, 1] stay of that size and range.

    Args:
        strength: 1 is the default, 0 changes nothing; scales how often and how far images change.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"augmentation strength must lie in [0, 1], got {strength}")
    return K.AugmentationSequential(
        K.ColorJitter(0.3 * strength, 0.3 * strength, 0.3 * strength, 0.05 * strength, p=0.5 * strength),
        K.RandomGamma((1 - 0.3 * strength, 1 + 0.3 * strength), p=0.2 * strength),
        K.RandomGaussianBlur((7, 7), (0.3, 0.3 + 1.2 * strength), p=0.35 * strength),
        K.RandomMedianBlur((3, 3), p=0.15 * strength),
        K.RandomSharpness((0.0, 1.5 * strength), p=0.2 * strength),
        K.RandomGaussianNoise(std=0.015 * strength, p=0.25 * strength),
        K.RandomJPEG((60.0, 98.0), p=0.3 * strength),
        data_keys=["input"],
    )


class PartialAugmentation(nn.Module):
    """Augments the real images of a batch on the batch's device, and gives the fakes back as they were.

    Args:
        augmentation: anything that maps images to images; None is :func:`real_augmentation`.
        regional: chance that an image is changed in a random region alone, so that a changed region, its
            seam included, is not what "fake" means.
        spliced: chance that a random region shows another real image of the batch, for the same reason.

    In eval mode nothing is changed (kornia's own modules ignore the mode).
    """

    def __init__(self, augmentation: nn.Module | None = None, *, regional: float = 0.5, spliced: float = 0.15) -> None:
        super().__init__()
        self.augmentation = real_augmentation() if augmentation is None else augmentation
        self.regional = regional
        self.spliced = spliced

    @torch.no_grad()
    def forward(self, images: Tensor, label: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1], label (B,) with 0 real and 1 fake -> images, reals augmented.

        Raises:
            ValueError: where labels do not match the images.
        """
        if label.shape != images.shape[:1]:
            raise ValueError(f"label must be ({images.shape[0]},), got {tuple(label.shape)}")
        real = label == 0
        if not self.training or not bool(real.any()):
            return images
        before = images[real]
        if self.spliced > 0:
            before = self._inside_regions(before, before.roll(1, dims=0), self.spliced)
        # Noise leaves [0, 1].
        after = self.augmentation(before).clamp(0, 1)
        if self.regional > 0:
            whole = torch.rand(len(after), 1, 1, 1, device=after.device) >= self.regional
            after = torch.where(whole, after, self._inside_regions(before, after, 1.0))
        images = images.clone()
        # Saved photos have 8 bits, and a detector would see the difference.
        images[real] = (after * 255).round() / 255
        return images

    @staticmethod
    def _inside_regions(outside: Tensor, inside: Tensor, chance: float) -> Tensor:
        batch, _, height, width = outside.shape
        masks = random_masks(batch, height, width, device=outside.device, shapes=("blob", "ellipse", "box"))
        masks = masks * (torch.rand(batch, 1, 1, 1, device=outside.device) < chance)
        return outside + masks * (inside - outside)
