"""The texture stem: a small receptive field at full resolution that reads what upsampling leaves behind.

A network that sees far learns content, seams and smoothness, and fails on generators it has not seen. This
stem sees nine pixels of a residual from which content is all but removed, so texture is all it can learn.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TextureOutput(NamedTuple):
    """What the stem saw in images (B, 3, H, W), at stride 2: h = ceil(H / 2), w = ceil(W / 2)."""

    features: Tensor  #: (B, C, h, w), of the finer scale
    logits: Tensor  #: (B, 1, h, w), of "painted", averaged over a window


#: Side, in places of the logits, of the box over which a map averages them once more.
_MAP_WINDOW = 19


def painted_probability(logits: Tensor) -> Tensor:
    """A stem's logits (B, 1, h, w) -> P(painted) at each place, (B, 1, h, w) in [0, 1].

    Averaged twice, what is near weighs more than what is far, as in a Gaussian. A decision about the image reads the
    logits as they are: the second average would lower the peaks of small regions.
    """
    return torch.sigmoid(box_mean(logits, _MAP_WINDOW))


def neighbour_residual(images: Tensor) -> Tensor:
    """Each pixel minus the first one of its 2 x 2 cell: (B, C, H, W) -> (B, C, H, W), even H and W.

    Neighbouring pixel relationships (Tan et al., CVPR 2024): upsampling ties the pixels of a cell together.
    """
    return images - F.interpolate(images[..., ::2, ::2], scale_factor=2.0, mode="nearest")


#: Two by two pixels are noisy if their colours differ by more than that, in grey levels, and than their grey does.
_COLOUR_STEP = 3.0
#: Larger ones are outlines, and count no more than this.
_LARGE_STEP = 8.0
#: The correlation that neighbouring cells have by chance, and that from which on nothing is taken for noise.
_BY_CHANCE, _ALIKE = 0.1, 0.25
#: A place is noisy if its share of them is larger by this than that of the image, and than this.
_NOISE_MARGIN = 0.08
#: What is taken off the logits of a noisy place, times the share beyond that.
_NOISE_WEIGHT = 60.0


def colour_noise(images: Tensor, window: int) -> Tensor:
    """Images (B, 3, H, W), even H and W -> share of noisy places in a window, (B, 1, H / 2, W / 2) in [0, 1].

    Noise is what each colour has for itself, which outlines and hair have not, and each place for itself, which what
    a decoder leaves has not: its colours may differ too, but alike from cell to cell.
    """
    across = images[..., ::2] - images[..., 1::2]
    step = 255 * (across[..., ::2, :] - across[..., 1::2, :])
    grey = step.mean(dim=1, keepdim=True)
    colour = step - grey
    size = colour.abs().mean(dim=1, keepdim=True)
    # Steps are ninths of a level: what is equal stays so, however a runtime rounds.
    noisy = (size > _COLOUR_STEP) & (size > grey.abs() + 0.01)
    colour = colour.clamp(-_LARGE_STEP, _LARGE_STEP)
    following = F.pad(colour, (1, 0, 1, 0), mode="replicate")[..., :-1, :-1]
    products = [(colour * other).mean(dim=1, keepdim=True) for other in (following, colour)]
    means = box_mean(torch.cat([noisy.to(images.dtype), *products], dim=1), window)
    share, together, energy = means.split(1, dim=1)
    alike = together / (energy + 1e-3)
    return share * ((_ALIKE - alike) / (_ALIKE - _BY_CHANCE)).clamp(0, 1)


def noise_penalty(images: Tensor, window: int) -> Tensor:
    """What is taken off the logits of places that are noisier than the rest of their image, (B, 1, H / 2, W / 2) >= 0.

    Noise that somebody laid over a region gives it more fine detail than the rest has, as some generators do, and in
    the features of a stem the two look alike. Noise everywhere is the photo's own and sets no place apart.
    """
    share = colour_noise(images, window)
    level = share.mean(dim=(1, 2, 3), keepdim=True).clamp(min=_NOISE_MARGIN)
    return _NOISE_WEIGHT * (share - level - _NOISE_MARGIN).relu()


class TextureStem(nn.Module):
    """Small convolutions on the neighbouring-pixel residual at two scales; receptive fields of 9 and 10 pixels.

    The finer scale sees what the last upsampling left, the coarser one what the one before it did, and what is left
    where the finest detail was lost to compression or resizing.

    Args:
        channels: features at stride 2, a multiple of 4 (half as many at full resolution).
        window: side in pixels of the box over which logits are averaged; texture is a matter of areas.
    """

    def __init__(self, channels: int = 32, window: int = 44) -> None:
        super().__init__()
        if channels % 4 or channels < 4:
            raise ValueError(f"texture stem channels must be a positive multiple of 4, got {channels}")
        self.channels = channels
        self.window = 2 * (window // 4) + 1  # odd, at stride 2
        self.conv1 = _conv(6, channels // 2)
        self.conv2 = _conv(channels // 2, channels, stride=2)
        self.conv3 = _conv(channels, channels)
        self.coarse1 = _conv(6, channels // 2)
        self.coarse2 = _conv(channels // 2, channels, stride=2)
        self.compare = nn.InstanceNorm2d(2 * channels)
        self.head = nn.Sequential(
            nn.Conv2d(4 * channels, channels, 1), nn.ReLU(inplace=True), nn.Conv2d(channels, 1, 1)
        )

    def forward(self, images: Tensor) -> TextureOutput:
        """Images (B, 3, H, W) in [0, 1], even H and W. In eval mode, logits are less :func:`noise_penalty`."""
        features, evidence = self.evidence(images)
        logits = box_mean(self.head[-1](evidence), self.window)
        if not self.training:
            logits = logits - noise_penalty(images, self.window)
        return TextureOutput(features, logits)

    @torch.no_grad()
    def amplify(self, gain: float) -> None:
        """Multiply the logits by ``gain``, for good: the same order of places, told apart more or less clearly.

        What noise takes off in eval mode stays as it is.
        """
        for parameter in self.head[-1].parameters():
            parameter.mul_(gain)

    def evidence(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the finer scale, and the hidden layer whose weighted sum the logits are, (B, C, h, w) each.

        In eval mode the hidden layer is the mean of two looks at the image, as it is and with rows and columns
        exchanged: what a stem learned of one direction by chance weighs half.
        """
        features, evidence = self._look(images)
        if not self.training:
            _, other = self._look(images.transpose(2, 3))
            evidence = (evidence + other.transpose(2, 3)) / 2
        return features, evidence

    def _look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.conv3(self.conv2(self.conv1(_residuals(images))))
        height, width = features.shape[-2:]
        half = F.pad(F.avg_pool2d(images, 2), (0, width % 2, 0, height % 2), mode="replicate")
        coarse = self.coarse2(self.coarse1(_residuals(half)))
        coarse = F.interpolate(coarse, scale_factor=2.0, mode="nearest")[..., :height, :width]
        # Cameras and scalings differ by more than photo and fake do; within one image they are alike.
        both = torch.cat([features, coarse], dim=1)
        return features, self.head[:-1](torch.cat([both, self.compare(both)], dim=1))


def _residuals(images: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 6, H, W): the neighbouring-pixel residual as it is, and with its range compressed."""
    residual = neighbour_residual(images)
    # Edges are 30 grey levels and more, texture is one to four: the second half keeps the small ones apart.
    return torch.cat([10 * residual, residual / (residual.abs() + 4 / 255)], dim=1)


def box_mean(maps: Tensor, window: int) -> Tensor:
    """Mean over an odd ``window`` around each place, without what lies beyond the edge: (B, C, h, w) -> the same.

    Rows, then columns: a box of 19 x 19 needs 38 additions a place instead of 361. As a convolution it takes half
    the time of torch's pooling, or less.
    """
    batch, channels, height, width = maps.shape
    sums = maps.reshape(batch * channels, 1, height, width)
    # How many places of the box lie within is the same in each row, and in each column.
    for size, line in (((1, window), sums[:1, :, :1]), ((window, 1), sums[:1, :, :, :1])):
        kernel = torch.ones(1, 1, *size, dtype=maps.dtype, device=maps.device)
        half = (size[0] // 2, size[1] // 2)
        sums = F.conv2d(sums, kernel, padding=half) / F.conv2d(torch.ones_like(line), kernel, padding=half)
    return sums.reshape(batch, channels, height, width)


def _conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
