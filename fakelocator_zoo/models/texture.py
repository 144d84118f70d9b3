"""The texture branch: a small receptive field at full resolution, one more skip connection of the decoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.models.residual import residual_planes


class TextureBranch(nn.Module):
    """Convolutions on the residual planes at two scales; receptive fields of 9 and 10 pixels.

    Upsampling leaves a texture of a few pixels. A branch that sees no more than that cannot learn content. The
    coarse scale reads the image at half size, where texture survives compression and resizing.

    Args:
        channels: output channels, an even number; half of them at full resolution.

    Images (B, 3, H, W) in [0, 1], even H and W -> features (B, 2 * channels, H / 2, W / 2).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels < 2 or channels % 2:
            raise ValueError(f"texture_channels must be a positive even number or None, got {channels}")
        self.out_channels = 2 * channels
        half = channels // 2
        self.fine = nn.Sequential(_conv(6, half), _conv(half, channels, stride=2), _conv(channels, channels))
        self.coarse = nn.Sequential(_conv(6, half), _conv(half, channels, stride=2))

    def forward(self, images: Tensor) -> Tensor:
        fine = self.fine(residual_planes(images))
        height, width = fine.shape[-2:]
        # Repeat the border where H / 2 or W / 2 is odd.
        half = F.pad(F.avg_pool2d(images, 2), (0, width % 2, 0, height % 2), mode="replicate")
        coarse = F.interpolate(self.coarse(residual_planes(half)), scale_factor=2.0, mode="nearest")
        return torch.cat([fine, coarse[..., :height, :width]], dim=1)


def _conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
