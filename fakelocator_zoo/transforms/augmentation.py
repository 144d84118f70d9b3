"""Augmentation of training batches.

Partial data augmentation changes the REAL images only (paper, section 3); shared degradation changes real and fake.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from kornia import augmentation as K
from torch import Tensor, nn

from fakelocator_zoo.transforms.regions import random_masks


def real_augmentation(strength: float = 1.0) -> nn.Module:
    """The default augmentation of real photos: colour, gamma, blur, sharpness, noise and JPEG.

    Images (B, 3, H, W) in [0, 1] keep size and range; each draws its own parameters.

    Args:
        strength: in [0, 1]; scales how often and how far images change.
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
    """Augments the real images of a batch; fakes stay as they are.

    Args:
        augmentation: anything that maps images to images; None is :func:`real_augmentation`.
        regional: probability that an image is changed in a random region only. A changed region and its seam are then
            no evidence of a fake.
        spliced: probability that a random region shows another real image of the batch, for the same reason.

    In eval mode nothing is changed (kornia's own modules ignore the mode).
    """

    def __init__(self, augmentation: nn.Module | None = None, *, regional: float = 0.5, spliced: float = 0.15) -> None:
        super().__init__()
        self.augmentation = real_augmentation() if augmentation is None else augmentation
        self.regional = regional
        self.spliced = spliced

    @torch.no_grad()
    def forward(self, images: Tensor, label: Tensor, share: float = 1.0) -> Tensor:
        """Images (B, 3, H, W) in [0, 1], label (B,) with 0 real and 1 fake -> images, reals augmented.

        Args:
            share: probability that a real image is changed at all.

        Raises:
            ValueError: where labels do not match the images.
        """
        if label.shape != images.shape[:1]:
            raise ValueError(f"label must be ({images.shape[0]},), got {tuple(label.shape)}")
        if not self.training:
            return images
        real = (label == 0) & (torch.rand(len(label), device=label.device) < share)
        if not bool(real.any()):
            return images
        before = images[real]
        if self.spliced > 0:
            before = self._inside_regions(before, before.roll(1, dims=0), self.spliced)
        after = self.augmentation(before).clamp(0, 1)
        if self.regional > 0:
            whole = torch.rand(len(after), 1, 1, 1, device=after.device) >= self.regional
            after = torch.where(whole, after, self._inside_regions(before, after, 1.0))
        images = images.clone()
        images[real] = _eight_bits(after)
        return images

    @staticmethod
    def _inside_regions(outside: Tensor, inside: Tensor, chance: float) -> Tensor:
        batch, _, height, width = outside.shape
        masks = random_masks(batch, height, width, device=outside.device, shapes=("blob", "ellipse", "box"))
        masks = masks * (torch.rand(batch, 1, 1, 1, device=outside.device) < chance)
        return outside + masks * (inside - outside)


class SharedDegradation(nn.Module):
    """Degrades real and fake images alike by JPEG, blur and noise, and reduces some batches.

    Args:
        share: of the images that are degraded, each with its own parameters. With probability 0.4 times ``share`` the
            whole batch is reduced to 0.5 to 0.95 times its sides.

    In eval mode nothing is changed.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share <= 1:
            raise ValueError(f"the share of degraded images must lie in [0, 1], got {share}")
        self.share = share
        self.degrade = K.AugmentationSequential(
            K.RandomGaussianBlur((5, 5), (0.2, 0.8), p=0.15),
            K.RandomGaussianNoise(std=0.01, p=0.15),
            K.RandomJPEG((50.0, 99.0), p=0.8),
            data_keys=["input"],
        )

    @torch.no_grad()
    def forward(self, images: Tensor, maps: Tensor, strength: float = 1.0) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) in [0, 1] and maps of their pixels (B, M, H, W) -> both at h x w.

        Args:
            strength: factor of the share.
        """
        share = strength * self.share
        if not self.training or share == 0:
            return images, maps
        if float(torch.rand(())) < 0.4 * share:
            factor = 0.5 + 0.45 * float(torch.rand(()))
            size = [max(16, 2 * round(side * factor / 2)) for side in images.shape[-2:]]  # even, as crops are
            mode = "bilinear" if float(torch.rand(())) < 0.5 else "bicubic"
            images = _eight_bits(F.interpolate(images, size, mode=mode, antialias=True))
            maps = F.interpolate(maps, size, mode="area")
        chosen = torch.rand(len(images), device=images.device) < share
        if bool(chosen.any()):
            images = images.clone()
            images[chosen] = _eight_bits(self.degrade(images[chosen]))
        return images, maps


def _eight_bits(images: Tensor) -> Tensor:
    # Saved photos have 8 bits, and a detector would see the difference; noise leaves [0, 1].
    return (images.clamp(0, 1) * 255).round() / 255
