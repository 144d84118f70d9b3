"""Networks of other papers, trained here on the batches that a FakeLocator is trained on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.models.encoder import build_encoder, encoder_normalisation

if TYPE_CHECKING:
    from fakelocator_zoo.training.task import TrainingBatch

#: Where a loss needs a binary map: |real - fake| from here on is fake. Inside fake regions it is 0.02 to 0.07.
SEGMENTATION_THRESHOLD = 0.02
#: Encoders halve the image five times.
STRIDE = 32


class RivalOutput(NamedTuple):
    """What a rival predicts for images (B, 3, H, W)."""

    fakeness_map: Tensor  #: (B, 1, H, W) in [0, 1]
    logits: Tensor  #: (B, 2): real, fake

    @property
    def fake_probability(self) -> Tensor:
        """(B,) in [0, 1]."""
        return self.logits.softmax(dim=1)[:, 1]


class Rival(nn.Module, ABC):
    """A network with the loss that its authors train it with.

    Args:
        encoder_name: any smp or timm (``tu-``) encoder with a feature pyramid; it starts at random.
    """

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, encoder_name: str) -> None:
        super().__init__()
        mean, std = encoder_normalisation(encoder_name)
        self.register_buffer("image_mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @abstractmethod
    def forward(self, images: Tensor) -> RivalOutput:
        """Map and decision of images (B, 3, H, W) in [0, 1], any H and W."""

    @abstractmethod
    def loss(self, batch: TrainingBatch) -> Tensor:
        """The training loss of one batch; images without a known map teach the decision alone."""

    def normalised(self, images: Tensor) -> Tensor:
        """Images as the encoder wants them, padded at the right and the bottom to multiples of its stride."""
        height, width = images.shape[-2:]
        padded = F.pad(images, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        return (padded - self.image_mean) / self.image_std


class UnetDice(Rival):
    """Plain ``smp.Unet`` that segments binary maps with the Dice loss; the decision is smp's classification head."""

    def __init__(self, encoder_name: str) -> None:
        super().__init__(encoder_name)
        self.unet = smp.Unet(encoder_name, encoder_weights=None, aux_params={"classes": 2})
        self.dice = smp.losses.DiceLoss("binary")

    def forward(self, images: Tensor) -> RivalOutput:
        """See :class:`Rival`."""
        map_logits, logits = self.unet(self.normalised(images))
        return RivalOutput(torch.sigmoid(map_logits)[..., : images.shape[-2], : images.shape[-1]], logits)

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Dice on the binary map plus cross-entropy."""
        map_logits, logits = self.unet(self.normalised(batch.images))
        known = batch.known.flatten() > 0
        binary = (batch.fakeness_map > SEGMENTATION_THRESHOLD).float()
        height, width = binary.shape[-2:]
        dice = self.dice(map_logits[known, :, :height, :width], binary[known])
        return dice + F.cross_entropy(logits, batch.label)


class AttentionMapRegressor(Rival):
    """After FFD (Dang et al., "On the Detection of Digital Face Manipulation", CVPR 2020): one convolution regresses
    a map at stride 16, which multiplies the features that the decision is made of.

    Unlike there the encoder is any, and one convolution block follows the map in place of Xception's last.
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

    def forward(self, images: Tensor) -> RivalOutput:
        """See :class:`Rival`."""
        attention, logits = self._regress(images)
        return RivalOutput(_full_size(attention, images), logits)

    def loss(self, batch: TrainingBatch) -> Tensor:
        """L1 on the low-resolution map plus cross-entropy, with equal weights as in the paper."""
        attention, logits = self._regress(batch.images)
        true = F.interpolate(batch.mask, size=attention.shape[-2:], mode="area")
        return (batch.known * (attention - true).abs()).mean() + F.cross_entropy(logits, batch.label)

    def _regress(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(self.normalised(images))[-1]
        attention = torch.sigmoid(self.attention(features))
        return attention, self.decide(features * attention)


class GradCamClassifier(Rival):
    """A classifier whose map is Grad-CAM (Selvaraju et al., ICCV 2017) of the fake logit in the last feature.

    With average pooling and one linear layer the gradients are that layer's weights, so none are computed. The
    map is scaled to [0, 1] in each image, as is usual, and so cannot be empty.
    """

    def __init__(self, encoder_name: str) -> None:
        super().__init__(encoder_name)
        self.encoder = build_encoder(encoder_name, 5, None)
        self.linear = nn.Linear(int(self.encoder.out_channels[-1]), 2)  # type: ignore[index]

    def forward(self, images: Tensor) -> RivalOutput:
        """See :class:`Rival`."""
        features = self.encoder(self.normalised(images))[-1]
        cam = F.conv2d(features, self.linear.weight[1].view(1, -1, 1, 1)).relu()
        cam = cam / cam.amax(dim=(2, 3), keepdim=True).clamp_min(1e-12)
        return RivalOutput(_full_size(cam, images), self.linear(features.mean(dim=(2, 3))))

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Cross-entropy."""
        features = self.encoder(self.normalised(batch.images))[-1]
        return F.cross_entropy(self.linear(features.mean(dim=(2, 3))), batch.label)


def _full_size(values: Tensor, images: Tensor) -> Tensor:
    """A map of padded images at any resolution -> (B, 1, H, W), the padding cut off."""
    height, width = images.shape[-2:]
    padded = (height + -height % STRIDE, width + -width % STRIDE)
    return F.interpolate(values, size=padded, mode="bilinear", align_corners=False)[..., :height, :width]
