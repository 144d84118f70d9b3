"""Where in an encoder the feature of each stage is made, found by watching one small forward pass."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import torch
from segmentation_models_pytorch.encoders import TimmUniversalEncoder
from torch import Tensor, nn


class Stage(NamedTuple):
    """One encoder stage: the module that returns its feature or, where none does, the modules that read it."""

    producer: nn.Module | None
    consumers: tuple[nn.Module, ...]


def find_stages(encoder: nn.Module, in_channels: int = 3) -> dict[int, Stage]:
    """The stages whose feature can be changed while the encoder runs: {1: stride 2, 2: stride 4, ...}.

    Names differ between families and even versions; which module returned the very tensor that the encoder
    lists as a feature does not. Some encoders (``mit_*``) reshape a feature outside any module: then the
    modules that read it are returned. Stages with neither (``dpn*`` joins two tensors) are left out.

    Raises:
        ValueError: where the encoder does not run at 128 x 160 pixels, because it is made for one image size.
    """
    network = encoder.model if isinstance(encoder, TimmUniversalEncoder) else encoder
    calls: list[tuple[nn.Module, tuple[Any, ...], Any]] = []
    seen: list[Any] = []
    handles = [
        module.register_forward_hook(lambda m, inputs, output: calls.append((m, inputs, output)))
        for module in network.modules()
        if module is not network
    ]
    handles.append(network.register_forward_hook(lambda m, inputs, output: seen.append(output)))
    training = encoder.training
    parameter = next(encoder.parameters())
    try:
        with torch.no_grad():
            features = encoder.eval()(
                torch.zeros(1, in_channels, 128, 160, dtype=parameter.dtype, device=parameter.device)
            )
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ValueError(
            f"this encoder does not run at 128 x 160 pixels ({str(error).splitlines()[0]}), so it is made for one "
            "image size; choose one that takes any size, such as 'tu-convnext_atto'"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
        encoder.train(training)
    own = list(seen[0])  # timm's, before smp adds the image and makes them channels-first
    times = Counter(id(m) for m, _, _ in calls)
    stages = {}
    for number, feature in enumerate(own, start=len(features) - len(own)):
        if number < 1 or feature.numel() == 0:
            continue
        # An identity or an activation in place returns what it was given: not the maker of the feature.
        # Nor can a module that is called elsewhere as well be told apart by a hook.
        producers = [
            m for m, inputs, out in calls if out is feature and not _holds(inputs, feature) and times[id(m)] == 1
        ]
        readers = [m for m, inputs, _ in calls if _holds(inputs, feature)]
        inner = {id(child) for m in readers for child in m.modules() if child is not m}
        consumers = tuple(m for m in readers if id(m) not in inner)
        if producers:
            stages[number] = Stage(producers[-1], ())  # the outermost of nested modules returns last
        elif consumers or number == len(features) - 1:
            stages[number] = Stage(None, consumers)
    return stages


def _holds(values: tuple[Any, ...], tensor: Tensor) -> bool:
    return any(value is tensor for value in values)
