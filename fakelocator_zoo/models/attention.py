"""Attention: a map multiplied into the encoder's stages while the encoder runs, so that later stages see it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from timm.models._features import FeatureHookNet
from torch import Tensor, nn

from fakelocator_zoo.models.stages import find_stages

AttentionMode = Literal["multiply", "residual"]


class _Call(threading.local):
    """The map of the call that this thread is in; each thread sees its own, and None outside a call."""

    attention: Tensor | None = None

    def __reduce__(self) -> tuple[type[_Call], tuple[()]]:
        return _Call, ()  # a copied or pickled model starts outside any call


#: timm's hook-collecting encoders keep the features of the running call on the model.
_HOOK_NET_LOCK = threading.Lock()


class StageAttention:
    """Multiplies features of chosen encoder stages by a map, through forward hooks set once.

    Nothing of a call outlives it, and threads that share one model do not see each other's map.

    Args:
        encoder: an smp or timm (``tu-``) encoder of segmentation-models-pytorch.
        stages: 1 is the first stage after the input (stride 2), and so on; none of them where it is empty; None takes
            3 or the nearest there is.
        mode: ``multiply`` gives f * a (the paper), ``residual`` gives f * (1 + a).
        in_channels: planes that the encoder reads.

    Raises:
        ValueError: for a stage that the encoder lacks or that no hook can reach, or an unknown mode.
    """

    def __init__(
        self,
        encoder: nn.Module,
        stages: Sequence[int] | None = None,
        mode: AttentionMode = "multiply",
        in_channels: int = 3,
    ) -> None:
        if mode not in get_args(AttentionMode):
            raise ValueError(f"attention_mode {mode!r} is none of {', '.join(get_args(AttentionMode))}")
        found = find_stages(encoder, in_channels)
        if stages is None:
            stages = sorted(found, key=lambda stage: abs(stage - 3))[:1]
        unknown = [stage for stage in stages if stage not in found]
        if unknown:
            raise ValueError(
                f"attention_stages {tuple(stages)}: this encoder can be attended at stages {tuple(sorted(found))}"
            )
        self.stages = tuple(stages)
        self.mode = mode
        self._call = _Call()
        self._channels_last = bool(getattr(encoder, "_is_channel_last", False))
        self._one_at_a_time = isinstance(getattr(encoder, "model", None), FeatureHookNet)
        for stage in self.stages:
            producer, consumers = found[stage]
            if producer is not None:
                # Before timm's own feature-collecting hooks, so that skip connections are attended as well.
                producer.register_forward_hook(partial(self._after_producer, stage), prepend=True)
                continue
            for consumer in consumers:
                consumer.register_forward_pre_hook(partial(self._before_consumer, stage))
            encoder.register_forward_hook(partial(self._after_encoder, stage))

    @contextmanager
    def applied(self, attention: Tensor | None) -> Iterator[None]:
        """While inside, this thread's encoder calls are multiplied by ``attention`` (B, 1, h, w)."""
        before = self._call.attention
        self._call.attention = attention
        try:
            if self._one_at_a_time and not torch.compiler.is_compiling():
                with _HOOK_NET_LOCK:
                    yield
            else:
                yield
        finally:
            self._call.attention = before

    def _after_producer(self, stage: int, module: nn.Module, inputs: Any, feature: Tensor) -> Tensor:
        return self._attended(stage, feature, self._channels_last)

    def _before_consumer(self, stage: int, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._attended(stage, inputs[0], self._channels_last), *inputs[1:])

    def _after_encoder(self, stage: int, module: nn.Module, inputs: Any, features: list[Tensor]) -> list[Tensor]:
        return [*features[:stage], self._attended(stage, features[stage], False), *features[stage + 1 :]]

    def _attended(self, stage: int, feature: Tensor, channels_last: bool) -> Tensor:
        attention = self._call.attention
        if attention is None:
            return feature
        size = feature.shape[1:3] if channels_last else feature.shape[-2:]
        if attention.shape[-2:] == (size[0] * 2**stage, size[1] * 2**stage):
            weight = F.avg_pool2d(attention, 2**stage)  # a window of fixed size can be exported for any H and W
        else:
            weight = resize_attention(attention, size[0], size[1])
        weight = weight.to(feature.dtype)
        if channels_last:
            weight = weight.permute(0, 2, 3, 1)
        return feature * (weight if self.mode == "multiply" else 1 + weight)


def resize_attention(attention: Tensor, height: int, width: int) -> Tensor:
    """(B, 1, h, w) -> (B, 1, height, width): averaged when smaller, interpolated when larger."""
    if attention.shape[-2:] == (height, width):
        return attention
    if attention.shape[-2] >= height and attention.shape[-1] >= width:
        return F.adaptive_avg_pool2d(attention, (height, width))
    return F.interpolate(attention, size=(height, width), mode="bilinear", align_corners=False)


class PartsAttention(NamedTuple):
    """Where the chosen face parts of images (B, 3, H, W) are."""

    attention: Tensor  #: (B, 1, h, w) in [0, 1]; 1 everywhere in an image without a face
    face_found: Tensor  #: (B,) bool, whether the face parser found a face


@torch.no_grad()
def parts_attention(
    face_parser: nn.Module, images: Tensor, parts: Sequence[str], temperature: float = 1.0
) -> PartsAttention:
    """The face parser's map of the chosen parts, at its own resolution.

    An image in which it finds no face gets 1 everywhere: no attention rather than a blind encoder.

    Args:
        face_parser: images (B, 3, H, W) in [0, 1] -> part probabilities (B, P, h, w), with ``parts``, the names of
            the P parts, and ``has_face``, probabilities -> (B,) bool.
        parts: names of the parser's parts.
        temperature: a becomes sigmoid(logit(a) / temperature): below 1 the map is sharper, above 1 softer; 0.5
            stays 0.5, and 1 changes nothing.

    Raises:
        ValueError: where the parser gives another number of maps than it names parts.
    """
    probabilities = face_parser(images)
    names = tuple(face_parser.parts)  # type: ignore[arg-type]
    if probabilities.ndim != 4 or probabilities.shape[1] != len(names):
        raise ValueError(
            f"the face parser gave {tuple(probabilities.shape)} but names {len(names)} parts; "
            f"it must give (B, {len(names)}, h, w)"
        )
    attention = probabilities[:, [names.index(part) for part in parts]].sum(dim=1, keepdim=True).clamp(0, 1)
    if temperature != 1:
        attention = torch.sigmoid(torch.logit(attention, eps=1e-6) / temperature)
    found = face_parser.has_face(probabilities)  # type: ignore[operator]
    return PartsAttention(torch.where(found.view(-1, 1, 1, 1), attention, torch.ones_like(attention)), found)


def resolve_face_parser(face_parser: nn.Module | str | Mapping[str, Any] | None) -> nn.Module:
    """A frozen face parser from what ``FakeLocator`` takes as ``face_parser``; None is the bundled one.

    Raises:
        ValueError: for what does not behave as a face parser.
    """
    from fakelocator_zoo.face_parsing.parser import DEFAULT_FACE_PARSER, FaceParser

    if face_parser is None:
        face_parser = DEFAULT_FACE_PARSER
    if isinstance(face_parser, str):
        face_parser = FaceParser.from_pretrained(face_parser)
    elif isinstance(face_parser, Mapping):
        face_parser = FaceParser(**face_parser)
    behaves = hasattr(face_parser, "parts") and hasattr(face_parser, "has_face")
    if not isinstance(face_parser, nn.Module) or not behaves:
        raise ValueError(
            "face_parser must be a FaceParser, its name, or as_face_parser(your_network, parts=[...]), "
            f"got {type(face_parser).__name__}"
        )
    return face_parser.eval().requires_grad_(False)


def check_attention(attention: Tensor, batch: int) -> None:
    """Raise ValueError unless ``attention`` is float (B, 1, h, w) in [0, 1], with h and w at least 1."""
    if not isinstance(attention, Tensor):
        raise ValueError(f"attention must be a float tensor ({batch}, 1, h, w), got {type(attention).__name__}")
    shaped = attention.ndim == 4 and tuple(attention.shape[:2]) == (batch, 1) and 0 not in attention.shape[2:]
    if not shaped or not attention.is_floating_point():
        raise ValueError(
            f"attention must be float ({batch}, 1, h, w) in [0, 1], one map an image, got "
            f"{str(attention.dtype).removeprefix('torch.')} {tuple(attention.shape)}"
        )
    if torch.compiler.is_compiling():
        return  # a check of values would break the graph
    low, high = attention.aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"attention must lie in [0, 1], got {float(low):.3g} to {float(high):.3g}; give probabilities, for example "
            "the sigmoid of logits"
        )
