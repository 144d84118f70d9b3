"""Adapter for face parsers of other libraries: anything that maps images to part maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from fakelocator_zoo.face_parsing.parser import PartMapping

#: Channel order of the BiSeNet of zllrunning/face-parsing.PyTorch and its descendants. Some count left and right from
#: the viewer: swap the names if a person's left eye comes out as the right one.
BISENET_PARTS: tuple[str, ...] = (
    "background", "skin", "left_brow", "right_brow", "left_eye", "right_eye", "eyeglasses", "left_ear", "right_ear",
    "earring", "nose", "inner_mouth", "upper_lip", "lower_lip", "neck", "necklace", "cloth", "hair", "hat",
)  # fmt: skip

_ROUNDING = 1e-3  # by which probabilities made in half precision may leave [0, 1]


class AdaptedParser(PartMapping):
    """Another network with the interface of `FaceParser`, frozen; made by `as_face_parser`."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: Callable[[Tensor], Any],
        parts: Sequence[str],
        outputs: Literal["logits", "probabilities"],
        mean: Sequence[float],
        std: Sequence[float],
        size: int | tuple[int, int] | None,
    ) -> None:
        super().__init__(parts)
        self.model = model
        self.outputs = outputs
        self.size = (size, size) if isinstance(size, int) else size
        self.register_buffer("mean", torch.tensor(list(mean)).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(list(std)).view(1, -1, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] -> probabilities (B, P, h, w), at the network's own resolution."""
        if self.size is not None:
            images = F.interpolate(images, size=self.size, mode="bilinear", align_corners=False, antialias=True)
        maps = _first_maps(self.model((images - self.mean) / self.std)).float()
        if maps.ndim != 4 or maps.shape[1] != len(self.parts):
            raise ValueError(
                f"the adapted face parser gave {tuple(maps.shape)}, but {len(self.parts)} parts are named: "
                f"(B, {len(self.parts)}, h, w) is expected"
            )
        if self.outputs == "logits":
            return maps.softmax(dim=1)
        if not torch.compiler.is_compiling():
            low, high = maps.aminmax()
            if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
                raise ValueError(
                    f"the adapted face parser gave {float(low):.3g} to {float(high):.3g}, which are no probabilities; "
                    "give as_face_parser outputs='logits'"
                )
        return maps.clamp(0, 1)

    def train(self, mode: bool = True) -> AdaptedParser:
        """Stays in evaluation mode."""
        super().train(False)
        return self


def as_face_parser(
    model: Callable[[Tensor], Any],
    parts: Sequence[str],
    *,
    outputs: Literal["logits", "probabilities"] = "logits",
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
    size: int | tuple[int, int] | None = None,
) -> AdaptedParser:
    """Use any module or function as a face parser, frozen.

    Args:
        model: images -> part maps (B, P, h, w); or a tuple or list that begins with them (BiSeNet), an object with
            `.logits` (SegFormer), or a mapping with "logits" or "out" (torchvision).
        parts: name of each output channel. Names of `PARTS` join the groups (`"mouth"`, ...).
        outputs: what the maps are; logits get a softmax.
        mean, std: normalisation that the model expects of RGB in [0, 1].
        size: resize images to this (height and width) first; None leaves them as they are.

    Raises:
        ValueError: at the first call, if the number of maps is not that of `parts`, or probabilities leave [0, 1].
        TypeError: `model` cannot be called, or its output holds no part maps.

    A SegFormer trained on CelebAMask-HQ, whose labels are `PARTS` in order::

        segformer = SegformerForSemanticSegmentation.from_pretrained("jonathandinu/face-parsing")
        imagenet = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
        parser = as_face_parser(segformer, PARTS, size=512, **imagenet)

    The usual BiSeNet numbers the parts otherwise::

        parser = as_face_parser(bisenet, BISENET_PARTS, size=512, **imagenet)
    """
    if not callable(model):
        raise TypeError(f"a face parser must be callable on images, {type(model).__name__} is not")
    if outputs not in ("logits", "probabilities"):
        raise ValueError(f"outputs must be 'logits' or 'probabilities', not {outputs!r}")
    return AdaptedParser(model, parts, outputs, mean, std, size)


def _first_maps(output: Any) -> Tensor:
    if isinstance(output, Mapping):
        output = next((output[key] for key in ("logits", "out") if key in output), output)
    elif hasattr(output, "logits"):
        output = output.logits
    elif isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        raise TypeError(f"the adapted face parser gave {type(output).__name__}, which holds no part maps")
    return output
