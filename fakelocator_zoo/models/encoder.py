"""Encoders by name, with errors that tell what to do."""

from __future__ import annotations

import difflib
from typing import Any

import timm
from segmentation_models_pytorch.encoders import get_encoder, get_encoder_names
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn

#: Networks without a feature pyramid, and one close to them that has it.
_CLOSE_PYRAMID = {
    "vit": "tu-fastvit_t8",
    "deit": "tu-swin_tiny_patch4_window7_224",
    "beit": "tu-swin_tiny_patch4_window7_224",
    "eva": "tu-swin_tiny_patch4_window7_224",
    "mixer": "tu-convnext_atto",
    "cait": "tu-swin_tiny_patch4_window7_224",
    "xcit": "tu-swin_tiny_patch4_window7_224",
}


def build_encoder(name: str, depth: int, weights: str | bool | None, in_channels: int = 3) -> nn.Module:
    """An smp encoder that takes ``in_channels`` planes and gives ``depth`` stages of features.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) and for a network without a pyramid.
    """
    timm_name = name.removeprefix("tu-")
    if name.startswith("tu-"):
        base = timm_name.split(".")[0]
        if not timm.is_model(base):
            raise ValueError(f"unknown encoder {name!r}{_suggest(base, timm.list_models(), 'tu-')}")
        if weights is not None:
            weights = True  # timm's tag is part of the name
    elif name not in get_encoder_names():
        prefixed = f"; timm has it: use 'tu-{name}'" if timm.is_model(name.split(".")[0]) else ""
        raise ValueError(f"unknown encoder {name!r}{prefixed or _suggest(name, get_encoder_names(), '')}")
    options: dict[str, Any] = {"strict_img_size": False} if timm_name.startswith("swin") else {}
    try:
        return _pruned(get_encoder(name, in_channels=in_channels, depth=depth, weights=weights, **options))
    except (ValueError, RuntimeError, AttributeError) as error:
        if weights is not None or not name.startswith("tu-"):
            raise
        close = next((value for key, value in _CLOSE_PYRAMID.items() if timm_name.startswith(key)), "tu-convnext_atto")
        raise ValueError(
            f"encoder {name!r} has no feature pyramid with strides 2 to 32, which a decoder with skip connections "
            f"needs; {close!r} is a close one that works"
        ) from error


def _pruned(encoder: nn.Module) -> nn.Module:
    """Without the blocks behind the last feature, which timm's EfficientNet and MobileNetV3 would run for nothing."""
    network = getattr(encoder, "model", None)
    stages, blocks = getattr(network, "_stage_out_idx", None), getattr(network, "blocks", None)
    if network is not None and stages and isinstance(blocks, nn.Sequential):
        network.blocks = blocks[: max(stages)]
    return encoder


def encoder_normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and standard deviation that an encoder's pretrained weights expect (ImageNet's where unknown)."""
    if name.startswith("tu-"):
        config = timm.models.get_pretrained_cfg(name.removeprefix("tu-"), allow_unregistered=True)
        if config is not None and config.mean and len(config.mean) == 3:
            return tuple(config.mean), tuple(config.std)
    return IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD


def _suggest(name: str, known: list[str], prefix: str) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {prefix + close[0]!r}?" if close else ""
