"""Augmentation of labelled faces for training a parser: where the face is, how it was photographed, what is
around and in front of it. Plain functions on a batch, each image with its own parameters.

Convention: images (B, 3, H, W) float in [0, 1], labels (B, H, W) int64.
"""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F


def uniform(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Even random numbers in [low, high)."""
    return torch.rand(shape, generator=generator) * (high - low) + low


def random_view(
    images: Tensor,
    labels: Tensor,
    size: int,
    frame: int,
    order: Tensor,
    generator: torch.Generator,
    strength: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """See each photo through a randomly scaled, turned, shifted and perhaps mirrored square of `size` pixels.

    At scale 1 the whole photo spans `frame` pixels. At strength 1 the scale is 0.5 to 1.6, the rotation within 30
    degrees, the aspect 0.85 to 1.18; less at a smaller strength. `order` is the part order of a mirrored photo.
    What lies outside the photo is filled with its reflection.

    Returns:
        images (B, 3, size, size), labels (B, size / 2, size / 2), and where the photo truly was
        (B, size, size) bool.
    """
    count = len(images)
    scale = torch.exp(strength * uniform(math.log(0.5), math.log(1.6), (count,), generator)) * frame / size
    angle = uniform(-1, 1, (count,), generator).pow(3) * math.radians(30) * strength
    aspect = torch.exp(uniform(-0.16, 0.16, (count,), generator) / 2 * strength)
    mirror = torch.rand(count, generator=generator) < 0.5
    sign = torch.where(mirror, -1.0, 1.0)
    # the further in, the further the window may move over the photo
    reach = (1 - 1 / scale).abs() * 0.7 + 0.15 * strength
    shift = uniform(-1, 1, (count, 2), generator) * reach[:, None]
    cos, sin = angle.cos() / scale, angle.sin() / scale
    first = torch.stack((sign * cos * aspect, -sign * sin / aspect, shift[:, 0]), dim=1)
    second = torch.stack((sin * aspect, cos / aspect, shift[:, 1]), dim=1)
    theta = torch.stack((first, second), dim=1)
    grid = F.affine_grid(theta, [count, 3, size, size], align_corners=False)
    seen = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    coarse = F.affine_grid(theta, [count, 1, size // 2, size // 2], align_corners=False)
    named = F.grid_sample(
        labels[:, None].float(), coarse, mode="nearest", padding_mode="reflection", align_corners=False
    )
    named = named[:, 0].long()
    named = torch.where(mirror[:, None, None], order[named], named)
    return seen.clamp(0, 1), named, (grid.abs() <= 1).all(dim=-1)


def random_texture(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Random colours that change slowly over the image, with some fine noise: (count, 3, size, size)."""
    cells = int(torch.randint(1, 9, (1,), generator=generator))
    coarse = torch.rand((count, 3, cells, cells), generator=generator)
    smooth = F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)
    strength = uniform(0, 0.15, (count, 1, 1, 1), generator)
    return (smooth + strength * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)


def random_surroundings(
    images: Tensor,
    labels: Tensor,
    inside: Tensor,
    scenery: Tensor,
    generator: torch.Generator,
    strength: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Change what is not the person: around the photo, behind and in front of the person, or everything.

    `scenery` (B, 3, H, W) holds pictures without people. Outside the photo comes its reflection (1 in 6), the
    next face of the batch with its labels (1 in 3), or scenery; in 1 of 4 the labelled background becomes
    scenery; in 1 of 3 a rectangle of scenery covers something; 1 of 14 is scenery alone. The last three are as
    much rarer as `strength` is below 1.
    """
    count, size = len(images), images.shape[-1]
    draw = torch.rand((4, count), generator=generator)
    zero = torch.zeros_like(labels)
    small = inside[:, ::2, ::2]

    def mix(mask: Tensor, picture: Tensor, names: Tensor) -> None:
        nonlocal images, labels
        labels = torch.where(mask, names, labels)
        fine = mask.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        images = torch.where(fine[:, None], picture, images)

    neighbours, names = images.roll(1, dims=0), labels.roll(1, dims=0)
    mix(~small & (draw[0] < 1 / 3)[:, None, None], neighbours, names)
    mix(~small & (draw[0] > 1 / 2)[:, None, None], scenery, zero)
    mix((labels == 0) & (draw[1] < strength / 4)[:, None, None], scenery, zero)
    corner = torch.rand((count, 2), generator=generator) * size / 2
    extent = uniform(0.08, 0.35, (count, 2), generator) * size / 2
    place = torch.arange(size // 2)
    within = (place >= corner[:, :, None]) & (place < (corner + extent)[:, :, None])
    rectangle = within[:, 0, :, None] & within[:, 1, None, :]
    mix(rectangle & (draw[2] < strength / 3)[:, None, None], scenery.flip(0), zero)
    mix((draw[3] < strength / 14)[:, None, None].expand_as(labels), scenery, zero)
    return images, labels


def random_camera(images: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Light, colour, sharpness, noise and JPEG, for each image its own: (B, 3, H, W) -> same."""
    count = len(images)

    def each(low: float, high: float, channels: int = 1) -> Tensor:
        return uniform(low, high, (count, channels, 1, 1), generator)

    def often(share: float) -> Tensor:
        return torch.rand(count, generator=generator) < share * strength

    images = images.clamp(1e-3, 1) ** torch.exp(strength * each(-0.5, 0.5))
    images = images * (each(0.7, 1.25) * each(0.88, 1.12, 3)) ** strength
    centre = images.mean(dim=(1, 2, 3), keepdim=True)
    images = (images - centre) * each(0.65, 1.35) ** strength + centre
    grey = images.mean(dim=1, keepdim=True)
    saturation = torch.where(each(0, 1) < 0.1 * strength, torch.zeros(1), each(0.5, 1.5) ** strength)
    images = (grey + (images - grey) * saturation).clamp(0, 1)
    for i in torch.nonzero(often(0.25)).flatten().tolist():
        factor = float(uniform(0.2, 0.8, (1,), generator))
        low = F.interpolate(images[i : i + 1], scale_factor=factor, mode="bilinear", antialias=True)
        images[i : i + 1] = F.interpolate(low, size=images.shape[-2:], mode="bilinear")
    noisy = often(0.2)
    if noisy.any():
        noise = torch.randn(images[noisy].shape, generator=generator)
        images[noisy] += noise * uniform(0, 0.08, (int(noisy.sum()), 1, 1, 1), generator)
    images = images.clamp(0, 1)
    for i in torch.nonzero(often(0.2)).flatten().tolist():
        quality = int(torch.randint(25, 90, (1,), generator=generator))
        images[i] = _jpeg(images[i], quality)
    return images


def _jpeg(image: Tensor, quality: int) -> Tensor:
    """One image (3, H, W) in [0, 1] as it comes back from a JPEG file."""
    file = io.BytesIO()
    Image.fromarray((image * 255).byte().permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255


def augment(
    images: Tensor,
    labels: Tensor,
    size: int,
    frame: int,
    order: Tensor,
    scenery: Tensor,
    generator: torch.Generator,
    strength: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Everything above: photos and labels -> (B, 3, size, size) and labels (B, size / 2, size / 2).

    `scenery`: pictures without people (N, 3, h, w); parts of them, or random textures, fill what is empty.
    """
    count = len(images)
    seen, named, inside = random_view(images, labels, size, frame, order, generator, strength)
    filling = random_texture(count, size, generator)
    if len(scenery):
        which = torch.randint(0, len(scenery), (count,), generator=generator)
        zoom = uniform(0.15, 0.9, (count, 1, 1), generator)
        place = uniform(-1, 1, (count, 2, 1), generator) * (1 - zoom)
        theta = torch.cat((zoom * torch.eye(2), place), dim=2)
        grid = F.affine_grid(theta, [count, 3, size // 2, size // 2], align_corners=False)
        pieces = F.grid_sample(scenery[which], grid, padding_mode="reflection", align_corners=False)
        pieces = F.interpolate(pieces, size=(size, size), mode="bilinear", align_corners=False)
        real = torch.rand(count, generator=generator) < 0.7
        filling = torch.where(real[:, None, None, None], pieces, filling)
    seen, named = random_surroundings(seen, named, inside, filling, generator, strength)
    return random_camera(seen, generator, strength), named
