"""What the encoder reads: RGB, the neighbouring-pixel residual, or both."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

InputKind = Literal["residual", "rgb", "both"]

#: Planes of each kind of input.
INPUT_CHANNELS: dict[InputKind, int] = {"residual": 6, "rgb": 3, "both": 9}

#: Gain of the linear residual: texture of a few grey levels reaches the range of normalised RGB.
RESIDUAL_GAIN = 10.0
#: Residual at which the compressed planes reach half their range: 4 grey levels, between texture and edges.
RESIDUAL_KNEE = 4 / 255


def neighbour_residual(images: Tensor) -> Tensor:
    """Each pixel minus the first pixel of its 2 x 2 cell: (B, C, H, W) -> (B, C, H, W), even H and W.

    Neighbouring pixel relationships (Tan et al., CVPR 2024): upsampling correlates the pixels of a cell.
    """
    return images - F.interpolate(images[..., ::2, ::2], scale_factor=2.0, mode="nearest")


def residual_planes(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) in [0, 1] -> (B, 6, H, W): the residual amplified, and with its range compressed."""
    residual = neighbour_residual(images)
    return torch.cat([RESIDUAL_GAIN * residual, residual / (residual.abs() + RESIDUAL_KNEE)], dim=1)


def input_planes(images: Tensor, kind: InputKind, mean: Tensor, std: Tensor) -> Tensor:
    """Images (B, 3, H, W) in [0, 1], even H and W -> the planes of ``kind``, RGB normalised by ``mean`` and ``std``."""
    if kind == "residual":
        return residual_planes(images)
    rgb = (images - mean) / std
    return rgb if kind == "rgb" else torch.cat([rgb, residual_planes(images)], dim=1)


def check_input(kind: str) -> None:
    """Raise ValueError unless ``kind`` is one of :data:`InputKind`."""
    if kind not in get_args(InputKind):
        raise ValueError(f"input {kind!r} is none of {', '.join(get_args(InputKind))}")


def check_images(images: Tensor) -> None:
    """Raise ValueError unless ``images`` are float (B, 3, H, W) in [0, 1]."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(
            f"images must be float (B, 3, H, W) in [0, 1], got {str(images.dtype).removeprefix('torch.')} "
            f"{tuple(images.shape)}"
        )
    if torch.compiler.is_compiling():
        return  # a check of values would break the graph
    low, high = images.detach().aminmax()
    # Written so that nan fails as well.
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"images must lie in [0, 1], got {float(low):.3g} to {float(high):.3g}; divide 8-bit values by 255 and "
            "leave the normalisation to the model"
        )
