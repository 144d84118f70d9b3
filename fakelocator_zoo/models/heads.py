"""The two heads: how much each pixel was changed, and whether the image is fake at all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.models.attention import (
    EVIDENCE_STRIDE,
    AttentionMode,
    attended_logits,
    map_weight,
    resize_attention,
)
from fakelocator_zoo.models.output import DECISION_THRESHOLD
from fakelocator_zoo.models.texture import box_mean


class FakenessHead(nn.Module):
    """Decoder output (B, C, H, W) -> how much each pixel was changed, if it was: (B, 1, H, W) in [0, 1].

    Without a texture stem this is the fakeness map, as in the paper. With one the map is a product,
    P(painted) x E[change | painted], darkened where the image is not called fake: the stem says where, the decoder how
    much, by area (:func:`amount_of_area`), and the decision whether at all (:func:`combine_factors`).
    The decoder sees far and would rather learn content than texture, so it is never asked whether a pixel is fake.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 1, 3, padding=1)

    def forward(self, decoded: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(decoded))


#: Cells of 8 x 8 pixels over which amounts are averaged.
_AREA = 11
#: Side in pixels of the box in which contrast is measured, and the contrast that a flat place counts for.
_CONTRAST_WINDOW, _FLAT = 11, 0.1


def amount_of_area(change: Tensor, images: Tensor) -> Tensor:
    """How much each pixel was changed (B, 1, H, W) -> the mean over about 90 pixels around it, by local contrast.

    How much differs between areas of a photo is known for generators never seen; from pixel to pixel each has its own
    way, and following that of the training fakes made the maps of others worse. What they have in common is that
    outlines and hair are changed more than smooth skin: so the amount of an area is shared out as its contrast is.

    Args:
        change: in [0, 1]; H and W multiples of 8.
        images: (B, 3, H, W) in [0, 1], in which it happened.
    """
    contrast = _FLAT + _local_contrast(images)
    return (_mean_of_area(change) * (contrast / _mean_of_area(contrast))).clamp(max=1)


def _local_contrast(images: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W): mean distance of the grey values around a pixel from the mean around them."""
    grey = images.mean(dim=1, keepdim=True)
    return box_mean((grey - box_mean(grey, _CONTRAST_WINDOW)).abs(), _CONTRAST_WINDOW)


def _mean_of_area(maps: Tensor) -> Tensor:
    coarse = box_mean(F.avg_pool2d(maps, 8), _AREA)
    return F.interpolate(coarse, size=maps.shape[-2:], mode="bilinear", align_corners=False)


#: A median above these logits is no photo's: most of the image was painted.
_HIGHEST_LEVEL = -2.0
#: How much of an image's own middle is taken off its logits, and how much clearer places are told apart then.
_MIDDLE_SHARE, _CONTRAST_GAIN = 0.5, 1.1


def painted_if_fake(painted: Tensor) -> Tensor:
    """P(painted) of each place -> the same in case the image is fake: (B, 1, H, W) in [0, 1].

    If it is, some of it was painted and most of it, as a rule, was not: what is at the top of the image says "yes" and
    what is at its level says "no", however faint the traces of a generator are. So half of the middle between the two
    is taken off the logits: what a stem says of a place counts, and how it compares with the rest of the image. Places
    keep their order. Where most of an image was painted, the level of a photo stands for its own.
    """
    logits = torch.logit(painted, eps=1e-6)
    ordered = logits[..., ::EVIDENCE_STRIDE, ::EVIDENCE_STRIDE].flatten(1).sort(dim=1).values
    last = ordered.shape[1] - 1
    level, top = ordered[:, last // 2].clamp(max=_HIGHEST_LEVEL), ordered[:, last - last // 40]
    middle = ((level + top) / 2).view(-1, 1, 1, 1)
    return torch.sigmoid(_CONTRAST_GAIN * logits - _MIDDLE_SHARE * middle)


def image_weight(fake_probability: Tensor) -> Tensor:
    """What an image's decision makes of its map: 1 where it is called fake, and in proportion below. Any shape."""
    return (fake_probability / DECISION_THRESHOLD).clamp(max=1)


def combine_factors(
    fake_probability: Tensor, texture_map: Tensor, change: Tensor, attention: Tensor | None, mode: AttentionMode
) -> Tensor:
    """The fakeness map beside a texture stem: what to expect of |real - fake| at each pixel, (B, 1, H, W) in [0, 1].

    That is P(painted), if the image is fake (:func:`painted_if_fake`), x amount of change, times the weights of the
    decision (:func:`image_weight`) and of attention. Within an image the decision orders nothing anew; between images
    it keeps the maps of untouched photos dark. Each place is compared with the rest of its image, so maps of tiles are
    put together first.

    Args:
        fake_probability: (B,) in [0, 1].
        texture_map, change: (B, 1, H, W) in [0, 1].
        attention: (B, 1, h, w) in [0, 1], or None.
        mode: see :func:`~fakelocator_zoo.models.attention.map_weight`.
    """
    painted = painted_if_fake(texture_map)
    fakeness_map = image_weight(fake_probability).view(-1, 1, 1, 1) * painted * change
    if attention is None:
        return fakeness_map
    return fakeness_map * map_weight(resize_attention(attention, *change.shape[-2:]), mode, painted)


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


#: How many numbers :func:`texture_statistics` gives.
TEXTURE_STATISTICS = 2
#: Side, in places of the logits, of the box over which they are averaged once more: 42 pixels at stride 2.
_LARGER_AREA = 21
#: How much of the level outside is taken off: in a photo, the highest logits rise less than the level does.
_LEVEL_SHARE = 0.7
#: The median outside the face that one photo in ten has, or a lower one.
_QUIET_LEVEL = -5.0
#: Side, in places of the logits, of the cells in which they are sorted: they are averages over more than that.
_CELL = 4


def texture_statistics(logits: Tensor, attention: Tensor | None = None, mode: AttentionMode = "multiply") -> Tensor:
    """What a decision about an image needs to know of its window-averaged logits (B, 1, h, w): (B, 2).

    First the contrast: how high the attended logits rise above most of what lies outside the parts. Painted regions
    are of many sizes, so it is the mean of three heights: the highest logit, the highest average over a larger area,
    and the highest of :func:`band_means`, for what is changed in a face lies across it, as eyes and mouth do, and few
    places to look at leave less to chance than all of them. What it rises above is the median outside, which a
    painted region there does not move; even odds and more are no photo's level, so it is at most 0. Or, where that says
    more, how high the median of the parts themselves lies above the level of the quietest photos: in an image that is
    painted all over, nothing is left to rise above. Then the spread outside, for in some photos logits are more
    restless than in others: the distance of the quartiles, in standard deviations of a Gaussian.

    Two numbers and not six: photos on which a stem was trained cannot teach how photos differ in level, so what is
    compared with what is said here and not fitted.

    Args:
        attention: (B, 1, h', w') in [0, 1], of any size; None is 1 everywhere: the whole image is looked at.
        mode: how attention weighs P(painted), see :func:`~fakelocator_zoo.models.attention.map_weight`.
    """
    attended, inside, outside = logits, torch.ones_like(logits), torch.ones_like(logits)
    if attention is not None:
        attention = resize_attention(attention, *logits.shape[-2:])
        attended = attended_logits(logits, attention, mode)
        inside, outside = attention + _OTHER_SIDE, 1 - attention + _OTHER_SIDE
    heights = [
        attended.amax(dim=(1, 2, 3)),
        box_mean(attended, _LARGER_AREA).amax(dim=(1, 2, 3)),
        band_means(logits, attention).amax(dim=1),
    ]
    cells = (F.avg_pool2d(each, _CELL, ceil_mode=True).flatten(1) for each in (logits, inside, outside))
    values, inside, outside = cells
    low, level, high = weighted_quantiles(values, outside, (0.25, 0.5, 0.75)).unbind(dim=1)
    risen = torch.stack(heights).mean(dim=0) - _LEVEL_SHARE * level.clamp(max=0)
    covered = weighted_quantiles(values, inside, (0.5,))[:, 0] - _LEVEL_SHARE * _QUIET_LEVEL
    return torch.stack([torch.maximum(risen, covered), (high - low) / _QUARTILES], dim=1)


#: Distance of the quartiles of a Gaussian, in its standard deviations.
_QUARTILES = 1.349


def weighted_quantiles(values: Tensor, weights: Tensor, shares: Sequence[float]) -> Tensor:
    """Values (B, N), weights (B, N) > 0 -> for each share the least value up to which that much weight lies, (B, S)."""
    values, order = values.sort(dim=1)
    below = weights.gather(1, order).cumsum(dim=1)
    below = below / below[:, -1:]
    # Sums round: a share that is reached but for that is reached.
    wanted = torch.tensor(shares, dtype=below.dtype, device=below.device).view(1, 1, -1) - 1e-5
    places = (below.unsqueeze(2) < wanted).sum(dim=1).clamp(max=values.shape[1] - 1)
    return values.gather(1, places)


#: Weight of the parts outside of them, so that an image that is all face has a level as well, and the other way round.
_OTHER_SIDE = 0.05
#: Middles of the bands, and how high they are: standard deviations of the attention, and of a Gaussian in them.
_BANDS, _BAND_HEIGHT = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5), 0.3
#: How wide they are, in the same unit: less than the parts, whose edges are hair and background.
_BAND_WIDTH = 0.8
#: Attention of what is not attended to: with none at all, the bands lie across the image.
_UNATTENDED = 1e-4


def band_means(logits: Tensor, attention: Tensor | None) -> Tensor:
    """Logits (B, 1, h, w) averaged over seven bands across the attended parts, from above to below: (B, 7).

    The bands are Gaussians, placed by middle and standard deviation of the attention (B, 1, h, w) over rows and
    columns; None is 1 everywhere. A band of a face is about as high as an eye with its brow.
    """
    height, width = logits.shape[-2:]
    weight = torch.ones_like(logits) if attention is None else attention + _UNATTENDED
    rows = _gaussians(weight.sum(dim=3), height, _BANDS, _BAND_HEIGHT)
    columns = _gaussians(weight.sum(dim=2), width, (0.0,), _BAND_WIDTH)
    return (rows @ logits[:, 0] @ columns.transpose(1, 2))[..., 0]


def _gaussians(weight: Tensor, places: int, middles: tuple[float, ...], sigma: float) -> Tensor:
    """Weights (B, 1, P) of P places -> K Gaussians over them, (B, K, P) each of sum 1, in their standard deviations."""
    at = torch.arange(places, dtype=weight.dtype, device=weight.device).view(1, 1, -1)
    weight = weight / weight.sum(dim=2, keepdim=True)
    mean = (weight * at).sum(dim=2, keepdim=True)
    deviation = (weight * (at - mean).square()).sum(dim=2, keepdim=True).clamp(min=1 / 12).sqrt()
    middle = torch.tensor(middles, dtype=weight.dtype, device=weight.device).view(1, -1, 1)
    return torch.softmax(-0.5 * (((at - mean) / deviation - middle) / sigma).square(), dim=2)
