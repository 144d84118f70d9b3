"""A decoder with skip connections whose upsampling is a choice of four kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.base.modules import Conv2dReLU
from torch import Tensor, nn

DecoderUpsampling = Literal["transposed", "nearest", "bilinear", "pixel_shuffle"]


class Upsample(nn.Module):
    """(B, C, h, w) -> (B, out_channels, height, width), about twice as large.

    ``nearest`` and ``bilinear`` only interpolate and keep C channels; ``transposed`` (kernel 4, stride 2)
    and ``pixel_shuffle`` learn the step and give C / 2. Where twice the size is not the size of the skip
    connection (encoders that round up or down), learnt steps are cropped or their border repeated.
    """

    def __init__(self, kind: DecoderUpsampling, in_channels: int) -> None:
        super().__init__()
        self.kind = kind
        self.out_channels = in_channels
        self.conv: nn.Module | None = None
        if kind in ("transposed", "pixel_shuffle"):
            self.out_channels = max(1, in_channels // 2)
        if kind == "transposed":
            self.conv = nn.ConvTranspose2d(in_channels, self.out_channels, 4, stride=2, padding=1)
        elif kind == "pixel_shuffle":
            self.conv = nn.Conv2d(in_channels, 4 * self.out_channels, 1)
        elif kind not in ("nearest", "bilinear"):
            raise ValueError(f"decoder_upsampling {kind!r} is none of {', '.join(get_args(DecoderUpsampling))}")

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        if self.conv is None:
            align = {"align_corners": False} if self.kind == "bilinear" else {}
            return F.interpolate(x, size=(height, width), mode=self.kind, **align)
        x = self.conv(x)
        if self.kind == "pixel_shuffle":
            x = F.pixel_shuffle(x, 2)
        missing_rows, missing_columns = height - x.shape[-2], width - x.shape[-1]
        if missing_rows > 0 or missing_columns > 0:
            x = F.pad(x, (0, max(0, missing_columns), 0, max(0, missing_rows)), mode="replicate")
        return x[..., :height, :width]


class DecoderBlock(nn.Module):
    """Upsample, add the skip connection (1 x 1 projections, as in a feature pyramid), one 3 x 3 convolution."""

    def __init__(self, kind: DecoderUpsampling, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.upsample = Upsample(kind, in_channels)
        self.project = nn.Conv2d(self.upsample.out_channels, out_channels, 1)
        self.lateral = nn.Conv2d(skip_channels, out_channels, 1) if skip_channels else None
        self.conv = Conv2dReLU(out_channels, out_channels, kernel_size=3, padding=1, use_norm="batchnorm")

    def forward(self, x: Tensor, height: int, width: int, skip: Tensor | None) -> Tensor:
        if self.upsample.conv is None:
            # Interpolation and a 1 x 1 convolution commute; the small map is the cheaper one to project.
            x = self.upsample(self.project(x), height, width)
        else:
            x = self.project(self.upsample(x, height, width))
        if skip is not None and self.lateral is not None:
            x = x + self.lateral(skip)
        return self.conv(x)


class FakeLocatorDecoder(nn.Module):
    """From encoder features back to full resolution, one upsampling step for each encoder stage.

    Args:
        encoder_channels: channels of the encoder's features, strides 1, 2, 4, ... (the first is not used).
        decoder_channels: output channels of each step, deepest first; one for each stage.
        upsampling: the kind of every step.
        texture_channels: channels of the texture branch, which joins at stride 2; 0 for none.
    """

    def __init__(
        self,
        encoder_channels: Sequence[int],
        decoder_channels: Sequence[int],
        upsampling: DecoderUpsampling = "bilinear",
        texture_channels: int = 0,
    ) -> None:
        super().__init__()
        stages = len(encoder_channels) - 1
        if len(decoder_channels) != stages:
            raise ValueError(
                f"decoder_channels has {len(decoder_channels)} entries but the encoder has {stages} stages; "
                f"give one for each stage, or another encoder_depth"
            )
        deepest_first = list(encoder_channels[1:])[::-1]
        skips = [*deepest_first[1:], 0]
        if stages > 1:
            skips[-2] += texture_channels
        inputs = [deepest_first[0], *decoder_channels[:-1]]
        self.blocks = nn.ModuleList(
            DecoderBlock(upsampling, i, s, o) for i, s, o in zip(inputs, skips, decoder_channels, strict=True)
        )

    def forward(self, features: list[Tensor], texture: Tensor | None = None) -> Tensor:
        """Features [(B, C, H, W), (B, C, H/2, W/2), ...], texture (B, C, H/2, W/2) -> (B, C, H, W)."""
        sizes = [feature.shape[-2:] for feature in features]
        x = features[-1]
        for step, block in enumerate(self.blocks):
            level = len(features) - 2 - step
            skip = features[level] if level > 0 else None
            if level == 1 and texture is not None:
                assert skip is not None
                if texture.shape[-2:] != skip.shape[-2:]:
                    texture = F.interpolate(texture, size=skip.shape[-2:], mode="nearest")
                skip = torch.cat([skip, texture], dim=1)
            x = block(x, *sizes[level], skip)
        return x
