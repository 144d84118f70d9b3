"""FakeLocator: a grey fakeness map at the input's full resolution, and a real/fake decision.

Huang et al., "FakeLocator: Robust Localization of GAN-Based Face Manipulations", arXiv 2001.09598.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.base import SegmentationModel
from torch import Tensor, nn

from fakelocator_zoo.face_parsing.parts import resolve_parts
from fakelocator_zoo.models.attention import (
    AttentionMode,
    PartsAttention,
    StageAttention,
    check_attention,
    parts_attention,
    resize_attention,
    resolve_face_parser,
)
from fakelocator_zoo.models.decoder import DecoderUpsampling, FakeLocatorDecoder
from fakelocator_zoo.models.encoder import build_encoder, encoder_normalisation
from fakelocator_zoo.models.heads import (
    TEXTURE_STATISTICS,
    ClassificationHead,
    FakenessHead,
    amount_of_area,
    combine_factors,
    texture_statistics,
)
from fakelocator_zoo.models.output import Encoding, FakeLocatorOutput
from fakelocator_zoo.models.texture import TextureOutput, TextureStem, painted_probability


class FakeLocator(SegmentationModel):
    """Encoder, texture stem, attention, decoder, map head and classification head in one smp model.

    Args:
        encoder_name: any smp encoder, or ``tu-`` and any timm model with a feature pyramid.
        encoder_depth: number of encoder stages used, 3 to 5.
        encoder_weights: as in smp: ``"imagenet"`` downloads, None starts at random.
        decoder_channels: channels of each upsampling step, deepest first, one for each stage.
        decoder_upsampling: ``transposed``, ``nearest``, ``bilinear`` or ``pixel_shuffle``.
        texture_stem: channels of the texture stem; None gives the paper's plain network.
        attention: face parts or groups (``("hair", "mouth")``, ``"face"``) to attend to; None for none. Beside a
            texture stem the fakeness map is multiplied by it, and the decision looks there first.
        attention_stages: encoder stages (1 = stride 2) that the map is multiplied into; None takes stage 3
            (the nearest where the encoder lacks it), or none beside a texture stem.
        attention_mode: ``multiply`` (the paper); ``residual``: 1 + a in the encoder, (1 + a) / 2 on the map, so that
            what lies outside the parts is still seen; or ``prior``, on the map of a texture stem alone: the odds of
            "painted" are down to a quarter outside the parts, unless the clearest traces lie there.
        attention_temperature: below 1 sharpens the parser's map towards 0 and 1, above 1 softens it towards 0.5.
        face_parser: a :class:`~fakelocator_zoo.face_parsing.FaceParser`, its name or its config, or what
            ``as_face_parser`` returns; only used with ``attention``. None takes the bundled one.
        image_mean, image_std: the encoder's normalisation; None takes the encoder's own.
        dropout: on the pooled feature before the classification head of a model without texture stem.
        in_channels, classes: smp's arguments; 3 and 1 are the only values.

    Raises:
        ValueError: for an encoder without a feature pyramid and for any bad argument.
    """

    requires_divisible_input_shape = False

    def __init__(
        self,
        encoder_name: str = "tu-mobilenetv4_conv_small",
        encoder_depth: int = 5,
        encoder_weights: str | bool | None = "imagenet",
        decoder_channels: Sequence[int] = (256, 128, 64, 32, 16),
        decoder_upsampling: DecoderUpsampling = "bilinear",
        texture_stem: int | None = 32,
        attention: str | Sequence[str] | None = None,
        attention_stages: Sequence[int] | None = None,
        attention_mode: AttentionMode = "multiply",
        attention_temperature: float = 1.0,
        face_parser: nn.Module | str | Mapping[str, Any] | None = None,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        dropout: float = 0.2,
        in_channels: int = 3,
        classes: int = 1,
    ) -> None:
        super().__init__()
        if in_channels != 3 or classes != 1:
            raise ValueError("a FakeLocator reads RGB (in_channels=3) and predicts one fakeness map (classes=1)")
        if not 3 <= encoder_depth <= 5:
            raise ValueError(f"encoder_depth must be 3, 4 or 5, got {encoder_depth}")
        self.name = f"fakelocator-{encoder_name}"
        self.encoder = build_encoder(encoder_name, encoder_depth, encoder_weights)
        mean, std = encoder_normalisation(encoder_name)
        image_mean, image_std = tuple(image_mean or mean), tuple(image_std or std)
        self.register_buffer("image_mean", torch.tensor(image_mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(image_std).view(1, 3, 1, 1), persistent=False)

        channels: list[int] = list(self.encoder.out_channels)  # type: ignore[arg-type]
        self.texture: TextureStem | None = None
        self.texture_projection: nn.Conv2d | None = None
        if texture_stem is not None:
            self.texture = TextureStem(texture_stem)
            self.texture_projection = nn.Conv2d(texture_stem // 4, 3, 1, bias=False)
        self.decoder = FakeLocatorDecoder(channels, decoder_channels, decoder_upsampling, texture_stem or 0)
        self.segmentation_head = FakenessHead(decoder_channels[-1])
        self.classification_head = ClassificationHead(channels[-1], TEXTURE_STATISTICS if texture_stem else 0, dropout)

        if attention_stages is None and texture_stem is not None:
            attention_stages = ()
        self._stage_attention = StageAttention(self.encoder, attention_stages, attention_mode)
        if not attention_temperature > 0:
            raise ValueError(f"attention_temperature must be more than 0, got {attention_temperature}")
        self.attention_temperature = float(attention_temperature)
        self.attention_parts: tuple[str, ...] | None = None
        self.face_parser: nn.Module | None = None
        if attention is not None:
            self.face_parser = resolve_face_parser(face_parser)
            self.attention_parts = resolve_parts(attention, self.face_parser.parts)  # type: ignore[arg-type]
        elif face_parser is not None:
            raise ValueError("face_parser is given but attention is None; name the parts to attend to")
        self.initialize()
        self._config = {
            "encoder_name": encoder_name,
            "encoder_depth": encoder_depth,
            # The weights file holds the encoder; loading must never fetch another one.
            "encoder_weights": None,
            "decoder_channels": list(decoder_channels),
            "decoder_upsampling": decoder_upsampling,
            "texture_stem": texture_stem,
            "attention": None if self.attention_parts is None else list(self.attention_parts),
            "attention_stages": list(self._stage_attention.stages),
            "attention_mode": attention_mode,
            "attention_temperature": self.attention_temperature,
            "image_mean": list(image_mean),
            "image_std": list(image_std),
            "dropout": dropout,
        }

    @property
    def config(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this model, as JSON has them, without ImageNet weights.

        Raises:
            ValueError: where the face parser is a foreign one, which no configuration can rebuild.
        """
        if self.face_parser is None:
            return dict(self._config)
        parser_config = getattr(self.face_parser, "config", None)
        if parser_config is None:
            raise ValueError(
                f"the face parser {type(self.face_parser).__name__} has no config, so this model cannot be saved; "
                "build it with a FaceParser, or save with attention=None and pass the parser's map when calling"
            )
        return {**self._config, "face_parser": dict(parser_config)}

    @property
    def attention_mode(self) -> AttentionMode:
        """How the map is multiplied in, as the argument of the same name says."""
        return self._stage_attention.mode

    def initialize(self) -> None:
        """Initialise decoder and heads; a new model starts with a nearly empty map."""
        super().initialize()
        nn.init.constant_(self.segmentation_head.conv.bias, -2.0)  # type: ignore[arg-type]
        if self.texture_projection is not None:
            # The encoder starts on plain RGB, so that pretrained weights see what they were trained on.
            nn.init.zeros_(self.texture_projection.weight)

    def train(self, mode: bool = True) -> FakeLocator:
        """As in smp; the face parser stays frozen in eval mode."""
        super().train(mode)
        if self.face_parser is not None:
            self.face_parser.eval()
        return self

    def forward(self, images: Tensor, attention: Tensor | None = None) -> FakeLocatorOutput:
        """Locate what a generator painted.

        Args:
            images: (B, 3, H, W) float in [0, 1], any H and W.
            attention: (B, 1, h, w) in [0, 1], any h and w; replaces the face parser's map, which :meth:`attend`
                gives in advance. A model built without attention takes one as well.

        Raises:
            ValueError: for images or attention of another shape, dtype or range.
        """
        padded, texture, features, attention, face_found = self.encode_stages(images, attention)
        height, width = images.shape[-2:]
        logits = self._classify(features[-1], texture, attention, height, width)
        decoded = self.decoder(features, None if texture is None else texture.features)
        change = self.segmentation_head(decoded)
        if texture is None:
            change = change[..., :height, :width]
            return FakeLocatorOutput(change, logits, attention, None, change, face_found)
        change = amount_of_area(change, padded)[..., :height, :width]
        painted = painted_probability(texture.logits)
        painted = F.interpolate(painted, size=padded.shape[-2:], mode="bilinear", align_corners=False)
        texture_map = painted[..., :height, :width]
        fakeness_map = combine_factors(logits.softmax(dim=1)[:, 1], texture_map, change, attention, self.attention_mode)
        return FakeLocatorOutput(fakeness_map, logits, attention, texture_map, change, face_found)

    def attend(self, images: Tensor) -> PartsAttention | None:
        """The face parser's map of images (B, 3, H, W), to be kept and given to later calls; None without a parser."""
        if self.face_parser is None or self.attention_parts is None:
            return None
        _check_images(images)
        return parts_attention(self.face_parser, images, self.attention_parts, self.attention_temperature)

    def encode(self, images: Tensor, attention: Tensor | None = None) -> Tensor:
        """The encoder's deepest feature, averaged over the image: (B, 3, H, W) -> (B, C)."""
        return _pool(self.encode_stages(images, attention).features[-1])

    def classify(self, images: Tensor, attention: Tensor | None = None) -> Tensor:
        """Logits (B, 2), real and fake, without the cost of the decoder; beside a texture stem without the encoder's.

        Arguments and errors are those of :meth:`forward`.
        """
        height, width = images.shape[-2:]
        if self.texture is None:
            features = self.encode_stages(images, attention).features
            return self._classify(features[-1], None, None, height, width)
        attention, _ = self._attended(images, attention)
        return self._classify(None, self.texture(self._padded(images)), attention, height, width)

    def encode_stages(self, images: Tensor, attention: Tensor | None = None) -> Encoding:
        """Every stage of the encoder and the texture stem, without decoder and heads.

        Arguments and errors are those of :meth:`forward`.
        """
        attention, face_found = self._attended(images, attention)
        padded = self._padded(images)
        x = (padded - self.image_mean) / self.image_std
        texture = None
        if self.texture is not None:
            assert self.texture_projection is not None
            texture = self.texture(padded)
            x = x + self.texture_projection(F.pixel_shuffle(texture.features, 2))
        applied = attention
        if attention is not None and padded.shape != images.shape:
            # Features cover the padding as well; the map of the image alone would be stretched over it.
            applied = self._padded(resize_attention(attention, *images.shape[-2:]))
        with self._stage_attention.applied(applied):
            features = self.encoder(x)
        return Encoding(padded, texture, features, attention, face_found)

    @torch.inference_mode()
    def predict(self, x: Tensor, attention: Tensor | None = None) -> FakeLocatorOutput:
        """:meth:`forward` in eval mode without gradients; the training mode is as before afterwards."""
        training = self.training
        self.eval()
        try:
            return self(x, attention)
        finally:
            self.train(training)

    def _padded(self, images: Tensor) -> Tensor:
        stride = int(self.encoder.output_stride)  # type: ignore[arg-type]
        pad = (0, -images.shape[-1] % stride, 0, -images.shape[-2] % stride)
        return F.pad(images, pad, mode="replicate") if any(pad) else images

    def _attended(self, images: Tensor, attention: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """The attention that the caller gave, or the parser's, and whether it found a face."""
        _check_images(images)
        if attention is not None:
            check_attention(attention, images.shape[0])  # len() would fix the batch size of an export
            return attention, None
        return self.attend(images) or (None, None)

    def texture_statistics(self, logits: Tensor, attention: Tensor | None, height: int, width: int) -> Tensor:
        """What the decision reads of a stem's logits for padded images of H x W pixels: (B, S)."""
        # Without the padding, which is no photo.
        logits = logits[..., : (height + 1) // 2, : (width + 1) // 2]
        return texture_statistics(logits, attention, self.attention_mode)

    def _classify(
        self, deepest: Tensor | None, texture: TextureOutput | None, attention: Tensor | None, height: int, width: int
    ) -> Tensor:
        statistics = None
        if texture is not None:
            statistics = self.texture_statistics(texture.logits, attention, height, width)
        return self.classification_head(None if deepest is None else _pool(deepest), statistics)

    # Files: see fakelocator_zoo.hub, which these call.

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> FakeLocator:
        """A published model's name, a folder, or a Hub id with ``@revision``; see :func:`fakelocator_zoo.hub.load`."""
        from fakelocator_zoo.hub import load

        return load(name, **options)

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> Path:
        """Write config.json, model.safetensors and a model card; see :func:`fakelocator_zoo.hub.save`."""
        from fakelocator_zoo.hub import save

        return save(self, save_directory, **options)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Save and upload; see :func:`fakelocator_zoo.hub.push`."""
        from fakelocator_zoo.hub import push

        return push(self, repo_id, **options)


def _pool(feature: Tensor) -> Tensor:
    return feature.mean(dim=(2, 3))


def _check_images(images: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(
            f"images must be float (B, 3, H, W) in [0, 1], got {str(images.dtype).removeprefix('torch.')} "
            f"{tuple(images.shape)}"
        )
