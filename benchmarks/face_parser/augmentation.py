"""Augmentation of labelled faces for training a parser, by kornia: the view, what is around and in front, the camera.

Convention: images (B, 3, H, W) float in [0, 1], labels (B, H, W) int64, 0 = background. Random numbers are those of
torch's global generator.
"""

from __future__ import annotations

from collections.abc import Sequence

import kornia.augmentation as K
import torch
from torch import Tensor, nn
from torch.nn import functional as F


def mirror_order(parts: Sequence[str]) -> tuple[int, ...]:
    """The order of the parts of a mirrored photo, `mirrored = flipped[:, mirror_order]`: left and right change places.

    >>> mirror_order(("nose", "left_eye", "right_eye"))
    (0, 2, 1)
    """
    other = {"left_": "right_", "right_": "left_"}
    names = [next((other[side] + part[len(side) :] for side in other if part.startswith(side)), part) for part in parts]
    return tuple(parts.index(name) if name in parts else i for i, name in enumerate(names))


class FaceAugmentation(nn.Module):
    """Photos and labels -> training views (B, 3, size, size) and their labels (B, size / 2, size / 2).

    Args:
        parts: names of the labels; left and right change places in a mirrored view.
        size: side of a view in pixels.
        frame: side in pixels of the whole photo at scale 1, at least ``size``.
        strength: of the changes: 1 scales by 0.5 to 1.6 and turns by up to 30 degrees, 0 changes hardly anything.
        scenery: pictures without people, (N, 3, h, w) in [0, 1]; smooth random colours where there is none.
    """

    order: Tensor
    scenery: Tensor

    def __init__(
        self, parts: Sequence[str], size: int, frame: int, strength: float = 1.0, scenery: Tensor | None = None
    ) -> None:
        super().__init__()
        self.size, self.frame, self.strength = size, frame, strength
        self.register_buffer("order", torch.tensor(mirror_order(parts)), persistent=False)
        self.register_buffer("scenery", torch.empty(0, 3, 2, 2) if scenery is None else scenery, persistent=False)
        shift = 0.2 * strength
        self.view = K.AugmentationSequential(
            K.RandomAffine(30 * strength, (shift, shift), (0.5**strength, 1.6**strength), p=1.0),
            K.RandomCrop((size, size), p=1.0),
            data_keys=["input", "mask"],
        )
        self.piece = K.RandomResizedCrop((size, size), scale=(0.03, 0.8), p=1.0)
        self.cover = K.RandomErasing(scale=(0.01, 0.12), p=strength / 3)
        self.camera = nn.Sequential(
            K.RandomGamma((0.6**strength, 1.65**strength), p=1.0),
            K.ColorJitter(0.25 * strength, 0.35 * strength, 0.5 * strength, 0.03 * strength, p=1.0),
            K.RandomGrayscale(p=0.1 * strength),
            K.RandomGaussianBlur((7, 7), (0.3, 2.0), p=0.25 * strength),
            K.RandomGaussianNoise(std=0.05, p=0.2 * strength),
        )
        self.jpeg = K.RandomJPEG((25.0, 90.0), p=0.2 * strength)

    @torch.no_grad()
    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Photos (B, 3, H, W) and labels (B, H, W), each its own change."""
        images, labels, outside = self.see(images, labels)
        images, labels = self.surround(images, labels, outside)
        images = self.jpeg(self.camera(images).clamp(0, 1)).clamp(0, 1)
        return images, labels[:, ::2, ::2]

    def see(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scaled, turned, shifted and perhaps mirrored: images, labels, and which pixels (B, size, size) lie outside.

        A mirrored photo keeps the person's left eye left.
        """
        images = F.interpolate(images, (self.frame, self.frame), mode="bilinear", antialias=True, align_corners=False)
        labels = F.interpolate(labels[:, None].float(), (self.frame, self.frame), mode="nearest").long()
        mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
        images = torch.where(mirrored, images.flip(-1), images)
        labels = torch.where(mirrored, self.order[labels.flip(-1)], labels)
        # Labels from 1 on, since the warp fills with 0.
        seen, named = self.view(images, labels.float() + 1)
        named = named[:, 0].round().long()
        return seen, (named - 1).clamp_min(0), named == 0

    def surround(self, images: Tensor, labels: Tensor, outside: Tensor) -> tuple[Tensor, Tensor]:
        """Fill what lies outside with the next face of the batch (1 in 3) or scenery, and put scenery elsewhere.

        At strength 1 the labelled background becomes scenery in 1 of 4, a rectangle of scenery covers something in
        1 of 3, and 1 of 14 is scenery alone.
        """
        draw = torch.rand(3, len(images), 1, 1, device=images.device)
        neighbour = outside & (draw[0] < 1 / 3)
        images = torch.where(neighbour[:, None], images.roll(1, 0), images)
        labels = torch.where(neighbour, labels.roll(1, 0), labels)
        covered = self.cover(torch.ones_like(images[:, :1]))[:, 0] == 0
        swapped = (labels == 0) & (draw[1] < self.strength / 4)
        away = (outside & ~neighbour) | covered | swapped | (draw[2] < self.strength / 14)
        return torch.where(away[:, None], self.filling(len(images)), images), labels.masked_fill(away, 0)

    def filling(self, count: int) -> Tensor:
        """Pieces of the scenery, or smooth random colours: (count, 3, size, size)."""
        device = self.order.device
        if len(self.scenery):
            return self.piece(self.scenery[torch.randint(len(self.scenery), (count,), device=device)])
        cells = int(torch.randint(1, 9, ()))
        return F.interpolate(torch.rand(count, 3, cells, cells, device=device), (self.size, self.size), mode="bilinear")
