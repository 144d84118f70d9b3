"""Small auto-encoders whose decoders leave the texture that a FakeLocator learns to detect."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.hub import PretrainedMixin

GeneratorUpsampling = Literal["transposed", "transposed3", "transposed2", "nearest", "bilinear", "pixel_shuffle"]
Normalisation = Literal["none", "batch", "instance"]


class GeneratorUpsample(nn.Module):
    """Doubles the resolution and changes the channels: (B, in, H, W) -> (B, out, 2H, 2W).

    ``transposed`` has kernel 4 (overlap even), ``transposed3`` kernel 3 (overlap uneven, the classic
    checkerboard), ``transposed2`` kernel 2 (no overlap); the others interpolate or rearrange, then convolve.
    """

    def __init__(self, kind: GeneratorUpsampling, in_channels: int, out_channels: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.kind = kind
        padding = kernel_size // 2
        self.conv: nn.Module
        if kind == "transposed":
            self.conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)
        elif kind == "transposed3":
            self.conv = nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)
        elif kind == "transposed2":
            self.conv = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
        elif kind == "pixel_shuffle":
            self.conv = nn.Conv2d(in_channels, 4 * out_channels, kernel_size, padding=padding)
        elif kind in ("nearest", "bilinear"):
            self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding)
        else:
            raise ValueError(f"upsampling {kind!r} is none of {', '.join(get_args(GeneratorUpsampling))}")

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "nearest":
            return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        if self.kind == "bilinear":
            return self.conv(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False))
        if self.kind == "pixel_shuffle":
            return F.pixel_shuffle(self.conv(x), 2)
        return self.conv(x)


def _norm(kind: Normalisation, channels: int) -> nn.Module:
    if kind == "none":
        return nn.Identity()
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    raise ValueError(f"norm {kind!r} is none of {', '.join(get_args(Normalisation))}")


class Noise(nn.Module):
    """Adds white noise of a learned strength per channel, as style-based generators do."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.full((1, channels, 1, 1), 0.05))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.strength * torch.randn_like(x[:, :1])


class Generator(PretrainedMixin, nn.Module):
    """Re-synthesises an image: encode to stride 2**levels, decode with one kind of upsampling.

    Args:
        upsampling: how the decoder doubles its resolution, ``levels`` times.
        levels: number of doublings, 1 to 4.
        width: channels at full resolution; each level down has twice as many, at most four times ``width``.
        kernel_size: odd kernel of the convolution after interpolation.
        norm: normalisation inside encoder and decoder.
        noise: inject noise after every upsampling.
        skips: add encoder features of the same stride inside the decoder, but not at full resolution: every pixel
            passes an upsampling.
        blocks: residual blocks in the middle.
    """

    model_type = "generator"

    def __init__(
        self,
        upsampling: GeneratorUpsampling = "transposed",
        levels: int = 2,
        width: int = 16,
        kernel_size: int = 3,
        norm: Normalisation = "none",
        noise: bool = False,
        skips: bool = False,
        blocks: int = 1,
    ) -> None:
        super().__init__()
        if not 1 <= levels <= 4:
            raise ValueError(f"levels must be 1 to 4, got {levels}")
        self._config = {
            "upsampling": upsampling,
            "levels": levels,
            "width": width,
            "kernel_size": kernel_size,
            "norm": norm,
            "noise": noise,
            "skips": skips,
            "blocks": blocks,
        }
        self.stride = 2**levels
        self.skips = skips
        channels = [width * min(2**level, 4) for level in range(levels + 1)]
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.LeakyReLU(0.2))
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1), _norm(norm, b), nn.LeakyReLU(0.2))
            for a, b in itertools.pairwise(channels)
        )
        self.middle = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels[-1], channels[-1], 3, padding=1),
                _norm(norm, channels[-1]),
                nn.LeakyReLU(0.2),
                nn.Conv2d(channels[-1], channels[-1], 3, padding=1),
            )
            for _ in range(blocks)
        )
        self.up = nn.ModuleList(
            nn.Sequential(
                GeneratorUpsample(upsampling, b, a, kernel_size),
                Noise(a) if noise else nn.Identity(),
                _norm(norm, a),
                nn.LeakyReLU(0.2),
            )
            for a, b in reversed(list(itertools.pairwise(channels)))
        )
        self.head = nn.Conv2d(width, 3, 3, padding=1)

    def encode(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1], H and W multiples of ``stride`` -> features from stride 2 to the deepest."""
        x = self.stem(images * 2 - 1)
        features = []
        for down in self.down:
            x = down(x)
            features.append(x)
        for block in self.middle:
            features[-1] = features[-1] + block(features[-1])
        return features

    def decode(self, features: list[Tensor]) -> Tensor:
        """Features of :meth:`encode` -> images (B, 3, H, W) in [0, 1]."""
        x = features[-1]
        for step, up in enumerate(self.up):
            if self.skips and step > 0:
                x = x + features[-1 - step]
            x = up(x)
        return torch.sigmoid(2 * self.head(x))

    def forward(self, images: Tensor) -> Tensor:
        """Re-synthesise images (B, 3, H, W) in [0, 1] of any size (padded inside to a multiple of the stride)."""
        height, width = images.shape[-2:]
        pad = (0, -width % self.stride, 0, -height % self.stride)
        padded = F.pad(images, pad, mode="replicate") if any(pad) else images
        return self.decode(self.encode(padded))[..., :height, :width]


@contextmanager
def noisy_decoder(generator: Generator, strength: float, random: torch.Generator | None = None) -> Iterator[None]:
    """Add white noise to the decoder's kernels while inside: another decoder without another training.

    Args:
        strength: standard deviation of the noise over the root mean square of each output channel's kernel;
            0 changes nothing.
        random: random generator on the device of ``generator``; None is torch's global one.
    """
    kernels: list[nn.Parameter] = []
    if strength > 0:
        decoder = itertools.chain(generator.middle.parameters(), generator.up.parameters(), generator.head.parameters())
        kernels = [parameter for parameter in decoder if parameter.ndim == 4]
    trained = [kernel.data for kernel in kernels]
    for kernel in kernels:
        size = kernel.data.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        noise = torch.randn(kernel.shape, generator=random, device=kernel.device, dtype=kernel.dtype)
        kernel.data = kernel.data + strength * size * noise
    try:
        yield
    finally:
        for kernel, weight in zip(kernels, trained, strict=True):
            kernel.data = weight
