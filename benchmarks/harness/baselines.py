"""Networks of other papers, trained here on the very batches that a FakeLocator is trained on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.models.encoder import build_encoder, encoder_normalisation
from fakelocator_zoo.training.recipe import Recipe
from fakelocator_zoo.training.task import FakeLocatorTask, TrainingBatch

#: Where a loss needs a black-and-white map: |real - fake| from here on is fake. A painted region holds 0.02 to
#: 0.07, so this is about the most that keeps it in one piece.
SEGMENTATION_THRESHOLD = 0.02


class BaselineOutput(NamedTuple):
    """What a baseline says of images (B, 3, H, W)."""

    fakeness_map: Tensor  #: (B, 1, H, W) in [0, 1]
    logits: Tensor  #: (B, 2): real, fake


class Baseline(nn.Module, ABC):
    """A network with the loss that its authors train it with.

    Args:
        encoder_name: any smp or timm (``tu-``) encoder with a feature pyramid, from random weights.
    """

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, encoder_name: str) -> None:
        super().__init__()
        mean, std = encoder_normalisation(encoder_name)
        self.register_buffer("image_mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @abstractmethod
    def loss(self, batch: TrainingBatch) -> Tensor:
        """The training loss of one batch."""

    def normalised(self, images: Tensor, stride: int = 32) -> Tensor:
        """Images as the encoder wants them, padded at the right and the bottom to multiples of its stride."""
        height, width = images.shape[-2:]
        padded = F.pad(images, (0, -width % stride, 0, -height % stride), mode="replicate")
        return (padded - self.image_mean) / self.image_std


class UnetDice(Baseline):
    """Plain ``smp.Unet`` that segments thresholded maps with the Dice loss, and decides with smp's own head."""

    def __init__(self, encoder_name: str, decoder_channels: Sequence[int] = (256, 128, 64, 32, 16)) -> None:
        super().__init__(encoder_name)
        self.unet = smp.Unet(
            encoder_name,
            encoder_depth=len(decoder_channels),
            encoder_weights=None,
            decoder_channels=decoder_channels,
            aux_params={"classes": 2},
        )
        self.dice = smp.losses.DiceLoss("binary")

    def forward(self, images: Tensor) -> BaselineOutput:
        """(B, 3, H, W) in [0, 1], any H and W."""
        map_logits, logits = self.unet(self.normalised(images))
        return BaselineOutput(torch.sigmoid(map_logits)[..., : images.shape[-2], : images.shape[-1]], logits)

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Dice on the thresholded map plus cross-entropy."""
        map_logits, logits = self.unet(self.normalised(batch.images))
        thresholded = (batch.fakeness_map > SEGMENTATION_THRESHOLD).float()
        return self.dice(map_logits, thresholded) + F.cross_entropy(logits, batch.label)


class AttentionMapRegressor(Baseline):
    """After FFD (Dang et al., "On the Detection of Digital Face Manipulation", CVPR 2020): one convolution regresses
    a map at stride 16, which multiplies the features that decide.

    Unlike there the encoder is any, and what follows the map is one convolution block in place of Xception's last.
    """

    def __init__(self, encoder_name: str, width: int = 128) -> None:
        super().__init__(encoder_name)
        self.encoder = build_encoder(encoder_name, 4, None)
        channels = int(self.encoder.out_channels[-1])  # type: ignore[index]
        self.attention = nn.Conv2d(channels, 1, 1)
        self.decide = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 2),
        )

    def forward(self, images: Tensor) -> BaselineOutput:
        """(B, 3, H, W) in [0, 1], any H and W."""
        attention, logits = self._regress(images)
        return BaselineOutput(_full_size(attention, images), logits)

    def loss(self, batch: TrainingBatch) -> Tensor:
        """L1 on the low-resolution map plus cross-entropy, with equal weights as in the paper."""
        attention, logits = self._regress(batch.images)
        true = F.interpolate(batch.mask, size=attention.shape[-2:], mode="area")
        return F.l1_loss(attention, true) + F.cross_entropy(logits, batch.label)

    def _regress(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(self.normalised(images))[-1]
        attention = torch.sigmoid(self.attention(features))
        return attention, self.decide(features * attention)


class GradCamClassifier(Baseline):
    """A classifier whose map is Grad-CAM (Selvaraju et al., ICCV 2017) of the fake logit in the last feature.

    With average pooling and one linear layer the gradients are that layer's weights, so none are computed. The
    map is scaled to [0, 1] in each image, as is usual, and so cannot be empty.
    """

    def __init__(self, encoder_name: str, encoder_depth: int = 5) -> None:
        super().__init__(encoder_name)
        self.encoder = build_encoder(encoder_name, encoder_depth, None)
        self.linear = nn.Linear(int(self.encoder.out_channels[-1]), 2)  # type: ignore[index]

    def forward(self, images: Tensor) -> BaselineOutput:
        """(B, 3, H, W) in [0, 1], any H and W."""
        features = self.encoder(self.normalised(images))[-1]
        cam = F.conv2d(features, self.linear.weight[1].view(1, -1, 1, 1)).relu()
        cam = cam / cam.amax(dim=(2, 3), keepdim=True).clamp_min(1e-12)
        return BaselineOutput(_full_size(cam, images), self.linear(features.mean(dim=(2, 3))))

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Cross-entropy."""
        features = self.encoder(self.normalised(batch.images))[-1]
        return F.cross_entropy(self.linear(features.mean(dim=(2, 3))), batch.label)


class BaselineTask(FakeLocatorTask):
    """Trains a :class:`Baseline` on the batches that the recipe makes for a FakeLocator."""

    def __init__(self, network: Baseline, recipe: Recipe, generators: Sequence[Generator]) -> None:
        super().__init__(network, recipe, generators)  # type: ignore[arg-type]

    def training_losses(self, batch: TrainingBatch, step: int) -> dict[str, Tensor]:
        """The network's own loss as ``loss``."""
        return {"loss": self.model.loss(batch)}


def _full_size(values: Tensor, images: Tensor, stride: int = 32) -> Tensor:
    """A map of padded images at any resolution -> (B, 1, H, W), the padding cut off."""
    height, width = images.shape[-2:]
    padded = (height + -height % stride, width + -width % stride)
    return F.interpolate(values, size=padded, mode="bilinear", align_corners=False)[..., :height, :width]
