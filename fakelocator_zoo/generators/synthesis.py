"""Training fakes from real photos alone: a region is re-synthesised by a generator and blended in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from kornia.filters import filter2d, gaussian_blur2d
from torch import Tensor

from fakelocator_zoo.generators.network import Generator, noisy_decoder
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from fakelocator_zoo.transforms.regions import random_masks

#: Noise on a decoder's weights reaches this many times their own root mean square.
MOST_WEIGHT_NOISE = 0.4
#: A faint fake has at least this share of the change that its generator made.
FAINTEST = 0.25
#: What was painted is brought to between this and that many times the detail of the photo. Trained decoders paint less
#: detail than a photo has; without the upper half a network learns that "smooth" means fake and misses all others.
DETAIL = 0.6, 2.4
#: Gains of detail stay within this, for a flat photo or a flat painting.
DETAIL_GAIN = 0.2, 6.0


class FakeBatch(NamedTuple):
    """Fakes made from real images (B, 3, H, W)."""

    fake: Tensor  #: (B, 3, H, W) in [0, 1], rounded to 8 bits as a saved image is
    mask: Tensor  #: (B, 1, H, W) in [0, 1], how much of each pixel the generator painted
    fakeness_map: Tensor  #: (B, 1, H, W) in [0, 1], |real - fake|
    change: Tensor  #: (B, 1, H, W) in [0, 1], |real - fake| had the generator painted everywhere


@torch.no_grad()
def make_fakes(
    real: Tensor,
    generators: Sequence[Generator],
    *,
    masks: Tensor | None = None,
    groups: int = 4,
    other_content: float = 0.3,
    other_colour: float = 0.3,
    latent_edit: float = 0.3,
    refilter: float = 0.3,
    residual: float = 0.25,
    weight_noise: float = 0.0,
    two_generators: float = 0.0,
    sharpness: float = 0.0,
    faint: float = 0.0,
    random: torch.Generator | None = None,
) -> FakeBatch:
    """Re-synthesise a region of each image.

    Args:
        real: (B, 3, H, W) in [0, 1].
        generators: drawn from anew for each of ``groups`` parts of the batch.
        masks: how much of each pixel is painted, (B, 1, H, W) in [0, 1]; None draws random regions.
        other_content: chance that a region shows another image's content (identity swap).
        other_colour: chance that the content's colours are changed before it is re-synthesised.
        latent_edit: chance that the generator's latent is changed (attribute edit).
        refilter: chance that what was painted passes one more random filter, as other decoders would end.
        residual: chance that the generator's change is added to the photo, in place of its image.
        weight_noise: chance that a part of the batch is painted by a generator whose decoder has noise on its
            weights, of a strength up to :data:`MOST_WEIGHT_NOISE`: one trained decoder stands for many.
        two_generators: chance that a part of the batch is a mean, in random shares, of what two generators paint, each
            of a content of its own.
        sharpness: chance that what was painted is sharpened or blurred, to :data:`DETAIL` times the photo's detail.
        faint: chance that only a share of the change is made, from :data:`FAINTEST` to all of it.
        random: source of chance on the images' device; None is torch's own.

    Raises:
        ValueError: where ``masks`` are of another shape than the images.
    """
    if masks is not None and masks.shape != real[:, :1].shape:
        raise ValueError(f"masks must be {tuple(real[:, :1].shape)}, got {tuple(masks.shape)}")
    batch, _, height, width = real.shape
    edits = _chance(batch, residual, real, random)
    contents = [
        _draw_content(real, edits, other_content, other_colour, random) for _ in range(2 if two_generators else 1)
    ]
    painted = torch.empty_like(real)
    for part in torch.arange(batch, device=real.device).chunk(min(groups, batch)):
        pictures = []
        for content in contents[: 2 if two_generators and _uniform(real, random) < two_generators else 1]:
            generator = generators[_integer(len(generators), real, random)]
            noise = 0.0
            if weight_noise and _uniform(real, random) < weight_noise:
                noise = MOST_WEIGHT_NOISE * _uniform(real, random)
            pictures.append(_paint(generator, real[part], content[part], edits[part], latent_edit, noise, random))
        first, last = pictures[0], pictures[-1]
        painted[part] = torch.lerp(first, last, _random(len(part), real, random)) if len(pictures) > 1 else first
    painted = _refilter(painted, _chance(batch, refilter, real, random) & ~edits, random)
    if sharpness:
        painted = _change_sharpness(painted, real, _chance(batch, sharpness, real, random), random)
    if faint:
        share = FAINTEST + (1 - FAINTEST) * _random(batch, real, random)
        painted = torch.where(_chance(batch, faint, real, random), torch.lerp(real, painted, share), painted)
    mask = masks
    if mask is None:
        mask = random_masks(batch, height, width, generator=random, device=real.device)
    fake = ((real + mask * (painted - real)) * 255).round() / 255
    return FakeBatch(fake, mask, fakeness_map(real, fake), fakeness_map(real, painted))


def _draw_content(
    real: Tensor, edits: Tensor, other_content: float, other_colour: float, random: torch.Generator | None
) -> Tensor:
    """What is re-synthesised (B, 3, H, W): the photo, another one, or other colours; ``edits`` keep the photo."""
    content = real
    if len(real) > 1:
        swap = _chance(len(real), other_content, real, random) & ~edits
        content = torch.where(swap, real.roll(1, dims=0), real)
    return _change_colour(content, _chance(len(real), other_colour, real, random) | edits, random)


def _paint(
    generator: Generator,
    real: Tensor,
    content: Tensor,
    edits: Tensor,
    latent_edit: float,
    weight_noise: float,
    random: torch.Generator | None,
) -> Tensor:
    """What the generator makes of ``content``; for ``edits``, real plus the change that the edit makes in it."""
    # The generator's pixel grid starts anywhere: users crop faces where they find them.
    height, width = content.shape[-2:]
    top, left = (_integer(generator.stride, content, random) for _ in range(2))
    bottom, right = -(height + top) % generator.stride, -(width + left) % generator.stride
    pad = (left, right, top, bottom)
    features = generator.encode(F.pad(content, pad, mode="replicate"))
    deepest = features[-1]
    edited = _chance(deepest.shape[0], latent_edit, content, random) | edits
    change = torch.randn((*deepest.shape[:2], 1, 1), generator=random, device=deepest.device)
    features[-1] = torch.where(edited, deepest * (1 + 0.15 * change), deepest)
    with noisy_decoder(generator, weight_noise, random):
        painted = generator.decode(features)
    chosen = edits.flatten()
    if bool(chosen.any()):
        # As networks do that predict a change and add it to the photo, whose fine detail then stays. The texture of
        # a noisy decoder is part of the change: such fakes have more detail than the photo, not less.
        kept = F.pad(real[chosen], pad, mode="replicate")
        painted[chosen] = (kept + painted[chosen] - generator(kept)).clamp(0, 1)
    return painted[..., top : top + height, left : left + width]


def _refilter(images: Tensor, chosen: Tensor, random: torch.Generator | None) -> Tensor:
    """Each chosen image through a 3 x 3 filter of its own, near identity: one more last layer for the decoder."""
    kernel = 0.12 * torch.randn((images.shape[0], 1, 3, 3), generator=random, device=images.device)
    kernel = kernel - kernel.mean(dim=(2, 3), keepdim=True)  # brightness stays
    kernel[:, :, 1, 1] += 1
    return torch.where(chosen, filter2d(images, kernel[:, 0], border_type="replicate").clamp(0, 1), images)


def _change_sharpness(images: Tensor, real: Tensor, chosen: Tensor, random: torch.Generator | None) -> Tensor:
    """Each chosen image with its fine detail times a gain, so that it has :data:`DETAIL` times that of ``real``."""
    sigma = (0.5 + _random(len(images), images, random)).view(-1, 1).expand(-1, 2)
    fine, fine_real = (each - gaussian_blur2d(each, (7, 7), sigma) for each in (images, real))
    low, high = DETAIL
    wanted = low * (high / low) ** _random(len(images), images, random)
    energy, energy_real = (each.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() for each in (fine, fine_real))
    gain = (wanted * energy_real / energy.clamp(min=1e-4)).clamp(*DETAIL_GAIN)
    return torch.where(chosen, (images + (gain - 1) * fine).clamp(0, 1), images)


def _change_colour(images: Tensor, chosen: Tensor, random: torch.Generator | None) -> Tensor:
    shape = (images.shape[0], 3, 1, 1)
    gain = 1 + 0.15 * (torch.rand(shape, generator=random, device=images.device) * 2 - 1)
    offset = 0.06 * (torch.rand(shape, generator=random, device=images.device) * 2 - 1)
    return torch.where(chosen, (images * gain + offset).clamp(0, 1), images)


def _chance(batch: int, probability: float, like: Tensor, random: torch.Generator | None) -> Tensor:
    return _random(batch, like, random) < probability


def _random(batch: int, like: Tensor, random: torch.Generator | None) -> Tensor:
    """A number in [0, 1) for each image, (B, 1, 1, 1)."""
    return torch.rand(batch, 1, 1, 1, generator=random, device=like.device)


def _uniform(like: Tensor, random: torch.Generator | None) -> float:
    return float(torch.rand((), generator=random, device=like.device))


def _integer(high: int, like: Tensor, random: torch.Generator | None) -> int:
    return int(torch.randint(high, (1,), generator=random, device=like.device))
