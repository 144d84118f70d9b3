"""The two heads: how much each pixel was changed, and whether the image is fake at all."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.models.texture import box_mean


class FakenessHead(nn.Module):
    """Decoder output (B, C, H, W) -> how much each pixel was changed, if it was: (B, 1, H, W) in [0, 1].

    Without a texture stem this is the fakeness map, as in the paper. With one the map is a product,
    P(painted) x E[change | painted]: the stem says where, the decoder how much, by area (:func:`amount_of_area`).
    The decoder sees far and would rather learn content than texture, so it is never asked whether a pixel is fake.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 1, 3, padding=1)

    def forward(self, decoded: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(decoded))


#: Cells of 8 x 8 pixels over which :func:`amount_of_area` averages.
_AREA = 11


def amount_of_area(change: Tensor) -> Tensor:
    """How much each pixel was changed (B, 1, H, W), H and W multiples of 8 -> the mean over about 90 pixels around it.

    How much differs between areas of a photo is known for generators never seen; from pixel to pixel each has its own
    way, and following that of the training fakes made the maps of others worse.
    """
    coarse = box_mean(F.avg_pool2d(change, 8), _AREA)
    return F.interpolate(coarse, size=change.shape[-2:], mode="bilinear", align_corners=False)


class ClassificationHead(nn.Module):
    """Logits (B, 2), real and fake, from the texture statistics (B, S); without any, from the pooled feature (B, C).

    The encoder's feature knows the content of the photos it was trained on; beside the statistics it only made the
    decision on other photos worse.
    """

    def __init__(self, in_channels: int, statistics: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        self.dropout = dropout
        self.linear = nn.Linear(statistics or in_channels, 2)

    def forward(self, pooled: Tensor | None, statistics: Tensor | None) -> Tensor:
        if statistics is not None:
            return self.linear(statistics)
        assert pooled is not None
        return self.linear(F.dropout(pooled, self.dropout, self.training))
