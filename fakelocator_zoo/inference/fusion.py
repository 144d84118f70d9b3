"""Batch normalisation folded into the convolution before it: the same outputs with fewer passes over memory."""

from __future__ import annotations

import copy
from collections import Counter

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from fakelocator_zoo.models.fakelocator import FakeLocator


class _Folded(nn.BatchNorm2d):
    """What is left of a batch normalisation: nothing. The module stays, since hooks may hang on it."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class _FoldedAct(BatchNormAct2d):
    """What is left of a batch normalisation with an activation: the activation."""

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.drop(x))


_LEFT = {nn.BatchNorm2d: _Folded, BatchNormAct2d: _FoldedAct}


@torch.inference_mode(False)
@torch.no_grad()
def folded(model: FakeLocator) -> FakeLocator:
    """A copy whose batch normalisations are part of the convolutions that they alone read.

    Outputs stay the same but for rounding. The copy can be run, not trained. It shares the face parser. Which
    normalisation follows which convolution is seen in one run over a small image.
    """
    model = copy.deepcopy(model, {id(model.face_parser): model.face_parser}).eval()
    convolutions: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # by their output, which is kept so that its id stays unique
    pairs: list[tuple[nn.Conv2d, nn.Module]] = []
    calls: Counter[nn.Module] = Counter()

    def after_convolution(module: nn.Conv2d, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls[module] += 1
        convolutions[id(output)] = (module, output)

    def before_norm(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        calls[module] += 1
        if id(inputs[0]) in convolutions:
            pairs.append((convolutions[id(inputs[0])][0], module))

    hooks = []
    shared = set() if model.face_parser is None else set(model.face_parser.modules())
    for module in set(model.modules()) - shared:
        # A subclass may change its weights before it uses them, and a hook may read what it gives.
        if type(module) is nn.Conv2d and not module._forward_hooks:
            hooks.append(module.register_forward_hook(after_convolution))
        elif type(module) in _LEFT and not module._forward_pre_hooks:
            hooks.append(module.register_forward_pre_hook(before_norm))
    reference = next(model.parameters())
    example = torch.zeros(1, 3, 64, 64, dtype=reference.dtype, device=reference.device)
    model.dense(example, torch.ones_like(example[:, :1]))
    for hook in hooks:
        hook.remove()
    for convolution, norm in pairs:
        if calls[convolution] == calls[norm] == 1:
            _fold(convolution, norm)
    return model


def _fold(convolution: nn.Conv2d, norm: nn.Module) -> None:
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    norm.__class__ = _LEFT[type(norm)]
