"""Random soft masks of image regions."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from kornia.filters import gaussian_blur2d
from torch import Tensor

SHAPES = ("blob", "ellipse", "box", "half", "whole")
#: Range of the share of the image that an off-centre mask covers, and the largest share of it inside the centre.
OFF_CENTRE_AREA, OFF_CENTRE_INSIDE = (0.03, 0.35), 0.4
#: The centre of an image: the ellipse around its middle that holds half of it, as a share of its half sides.
CENTRE_RADIUS = math.sqrt(2 / math.pi)
# Off-centre masks are drawn at this side, so many at once, and enlarged; about one in eight is accepted.
_GRID, _DRAWN = 64, 16


def random_masks(
    batch: int,
    height: int,
    width: int,
    *,
    generator: torch.Generator | None = None,
    device: str | torch.device = "cpu",
    shapes: tuple[str, ...] = ("blob", "blob", "blob", "ellipse", "box", "half", "whole"),
) -> Tensor:
    """Soft masks (B, 1, H, W) in [0, 1], each of its own shape, size, place and softness.

    Args:
        shapes: drawn from with equal chance; a shape named twice comes twice as often.
    """

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(batch, 1, 1, 1, generator=generator, device=device) * (high - low) + low

    y = torch.linspace(-1, 1, height, device=device).view(1, 1, -1, 1)
    x = torch.linspace(-1, 1, width, device=device).view(1, 1, 1, -1)
    angle = uniform(0, math.pi)
    cy, cx = uniform(-0.8, 0.8), uniform(-0.8, 0.8)
    u = (x - cx) * angle.cos() + (y - cy) * angle.sin()
    v = (y - cy) * angle.cos() - (x - cx) * angle.sin()
    ru, rv = uniform(0.2, 0.8), uniform(0.2, 0.8)
    noise = torch.rand(batch, 1, 6, 6, generator=generator, device=device)
    noise = F.interpolate(noise, size=(height, width), mode="bicubic", align_corners=False)
    level = torch.quantile(noise.flatten(1), 0.7, dim=1).view(-1, 1, 1, 1) + uniform(-0.12, 0.06)
    fields = {
        "blob": noise - level,
        "ellipse": 1 - (u / ru).square() - (v / rv).square(),
        "box": torch.minimum(1 - (u / ru).abs(), 1 - (v / rv).abs()),
        "half": u.expand(batch, 1, height, width),
        "whole": torch.ones(batch, 1, height, width, device=device),
    }
    unknown = set(shapes) - set(fields)
    if unknown:
        raise ValueError(f"unknown region shapes {sorted(unknown)}; there are {', '.join(SHAPES)}")
    stacked = torch.stack([fields[shape].expand(batch, 1, height, width) for shape in shapes])
    choice = torch.randint(len(shapes), (batch,), generator=generator, device=device)
    masks = (stacked[choice, torch.arange(batch, device=device)] > 0).float()
    return soften(masks, float(torch.randint(0, 4, (1,), generator=generator, device=device)))


def off_centre_mask(height: int, width: int, seed: int) -> Tensor:
    """A soft mask (H, W) in [0, 1] away from the image's centre, so that a centred map scores below a constant one.

    It covers 3 % to 35 % of the image (mask > 0.5). At most two fifths of it are inside the central ellipse that covers
    half of the image. A seed gives the same mask at any size.
    """
    grid = _off_centre_grid(seed)
    return F.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)[0, 0]


@functools.lru_cache(maxsize=1024)
def _off_centre_grid(seed: int) -> Tensor:
    """The mask (1, 1, 64, 64) that :func:`off_centre_mask` enlarges."""
    random = torch.Generator().manual_seed(seed)
    side = torch.linspace(-1, 1, _GRID)
    centre = (side[:, None].square() + side.square() < CENTRE_RADIUS**2).float()
    # A little narrower than promised, for what another size rounds.
    low, high = OFF_CENTRE_AREA[0] + 0.005, OFF_CENTRE_AREA[1] - 0.01
    while True:
        masks = random_masks(_DRAWN, _GRID, _GRID, generator=random, shapes=("blob", "ellipse", "box", "half"))
        areas = (masks > 0.5).float().mean(dim=(1, 2, 3))
        inside = (masks * centre).sum(dim=(1, 2, 3)) / masks.sum(dim=(1, 2, 3)).clamp_min(1e-6)
        taken = (areas >= low) & (areas <= high) & (inside <= OFF_CENTRE_INSIDE)
        if bool(taken.any()):
            return masks[taken][:1]


def soften(masks: Tensor, sigma: float) -> Tensor:
    """Gaussian edges of ``sigma`` pixels (0 changes nothing); (B, 1, H, W) in [0, 1] -> the same."""
    if sigma <= 0:
        return masks
    side = 2 * min(int(3 * sigma + 0.5), min(masks.shape[-2:]) - 1) + 1
    return gaussian_blur2d(masks, side, (sigma, sigma), border_type="replicate").clamp(0, 1)
