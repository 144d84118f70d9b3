"""FaceParser: the probability of each face part at each pixel of a photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fakelocator_zoo.face_parsing.parts import FEATURES, GROUPS, PARTS, resolve_parts
from fakelocator_zoo.hub import PretrainedMixin

DEFAULT_FACE_PARSER = "face_parser.research"
_STRIDE = 32  # deepest stride of the encoders: the working size is a multiple of it
_MIN_FACE, _MIN_FEATURES = 0.02, 0.005


class PartMapping(nn.Module):
    """Base of all face parsers: part names, the map of chosen parts, and whether there is a face.

    Subclasses give `forward(images) -> probabilities`, (B, 3, H, W) in [0, 1] -> (B, P, h, w) in [0, 1].
    """

    def __init__(self, parts: Sequence[str]) -> None:
        super().__init__()
        self.parts: tuple[str, ...] = tuple(parts)
        if len(set(self.parts)) != len(self.parts):
            raise ValueError("part names must differ from each other")

    def gather(self, probabilities: Tensor, parts: str | Sequence[str]) -> Tensor:
        """Sum of the chosen parts' probabilities: (B, P, h, w) -> (B, 1, h, w) in [0, 1]."""
        index = [self.parts.index(name) for name in resolve_parts(parts, self.parts)]
        return probabilities[:, index].sum(dim=1, keepdim=True).clamp(0, 1)

    def part_map(self, images: Tensor, parts: str | Sequence[str]) -> Tensor:
        """Where the chosen parts are: images (B, 3, H, W) in [0, 1] -> (B, 1, H, W) in [0, 1].

        Args:
            parts: part or group names, for example `("hair", "mouth")` or `"face"`.

        Raises:
            ValueError: a name is unknown (the nearest is suggested).
        """
        chosen = self.gather(self(images), parts)
        return F.interpolate(chosen, size=images.shape[-2:], mode="bilinear", align_corners=False)

    def has_face(self, probabilities: Tensor) -> Tensor:
        """Whether each image shows a face: (B, P, h, w) -> (B,) bool.

        A face has a mean probability of at least 2 % for facial parts and 0.5 % for nose, eyes, brows and mouth. A
        parser without such parts always gives True.
        """
        share = torch.ones(probabilities.shape[0], dtype=torch.bool, device=probabilities.device)
        for names, least in ((GROUPS["face"], _MIN_FACE), (FEATURES, _MIN_FEATURES)):
            index = [i for i, part in enumerate(self.parts) if part in names]
            if index:
                share = share & (probabilities[:, index].sum(dim=1).mean(dim=(1, 2)) >= least)
        return share


class FaceParser(PretrainedMixin, PartMapping):
    """An smp feature pyramid (FPN) on a timm encoder, stopped at stride 4.

    Convention:
        Images are (B, 3, H, W), RGB, float in [0, 1], any H and W. Each is resized, with antialiasing, so that its
        longer side is `side` pixels and both are multiples of 32. Faces far smaller than a quarter of the photo are
        lost: crop first. Probabilities (B, P, h, w) are a softmax over parts at stride 4 of the working size, 64 x 64
        for a square photo.

    Args:
        parts: names of the output channels.
        encoder_name: any smp or timm (`tu-`) encoder with five strides.
        pyramid_channels, segmentation_channels: width of the decoder (smp.FPN; the second a multiple of 32).
        side: longer side of the working size, a multiple of 32.
        mean, std: normalisation of the encoder.

    Source: Kirillov et al., "Panoptic Feature Pyramid Networks", CVPR 2019, by way of smp.FPN.

    >>> parser = FaceParser.from_pretrained(DEFAULT_FACE_PARSER).freeze()
    >>> parser(torch.rand(1, 3, 200, 200)).shape
    torch.Size([1, 19, 64, 64])
    """

    model_type = "face_parser"

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        parts: Sequence[str] = PARTS,
        encoder_name: str = "tu-mobilenetv4_conv_small_050",
        pyramid_channels: int = 64,
        segmentation_channels: int = 32,
        side: int = 256,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
    ) -> None:
        super().__init__(parts)
        if side < _STRIDE or side % _STRIDE:
            raise ValueError(f"side must be a positive multiple of {_STRIDE}, not {side}")
        self._config: dict[str, Any] = {
            "parts": list(parts),
            "encoder_name": encoder_name,
            "pyramid_channels": pyramid_channels,
            "segmentation_channels": segmentation_channels,
            "side": side,
            "mean": list(mean),
            "std": list(std),
        }
        self.side = side
        self.frozen = False
        network = smp.FPN(
            encoder_name,
            encoder_weights=None,
            decoder_pyramid_channels=pyramid_channels,
            decoder_segmentation_channels=segmentation_channels,
            decoder_dropout=0.1,
            classes=len(self.parts),
            upsampling=1,
        )
        _batch_norm_for_group_norm(network.decoder)
        # smp's own forward checks sizes in Python: calling the three parts keeps torch.export free of guards
        self.encoder = network.encoder
        self.decoder = network.decoder
        self.head = network.segmentation_head
        self.register_buffer("mean", torch.tensor(list(mean)).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(list(std)).view(1, 3, 1, 1), persistent=False)
        # As the images come in; here, so that a parser rebuilt inside a FakeLocator has it as well.
        self.to(memory_format=torch.channels_last)

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """The size, multiples of 32, at which a photo is parsed; the longer side is `side`."""
        longer = max(height, width)

        def snap(length: int) -> int:
            return max(_STRIDE, (length * self.side + longer * _STRIDE // 2) // (longer * _STRIDE) * _STRIDE)

        return snap(height), snap(width)

    def logits(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1], H and W multiples of 32 -> logits (B, P, H / 4, W / 4)."""
        x = (images - self.mean) / self.std
        x = x.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.head(self.decoder(self.encoder(x)))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] -> part probabilities (B, P, h, w), see the class.

        Raises:
            ValueError: images are not (B, 3, H, W) with H, W >= 1.
        """
        if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape[2:]:
            raise ValueError(f"images must be (B, 3, H, W), not {tuple(images.shape)}")
        size = self.working_size(*images.shape[-2:])
        if size != tuple(images.shape[-2:]):
            images = F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
        return self.logits(images).float().softmax(dim=1)

    def freeze(self) -> FaceParser:
        """Evaluation mode for good, no gradients; `train()` of a model around it changes nothing."""
        self.frozen = True
        self.requires_grad_(False)
        return self.eval()

    def train(self, mode: bool = True) -> FaceParser:
        """As `nn.Module.train`, but a frozen parser stays in evaluation mode."""
        super().train(mode and not self.frozen)
        return self


def _batch_norm_for_group_norm(module: nn.Module) -> None:
    """Replace smp.FPN's GroupNorm(32). On 32 channels it normalises each channel of each photo, which amplifies the
    noise of a flat photo into parts; batch statistics keep the scale, and cost less at inference."""
    for name, child in module.named_children():
        if isinstance(child, nn.GroupNorm):
            setattr(module, name, nn.BatchNorm2d(child.num_channels))
        else:
            _batch_norm_for_group_norm(child)
