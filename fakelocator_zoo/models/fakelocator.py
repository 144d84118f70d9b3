"""FakeLocator: a grey fakeness map at the input's full resolution, and a real/fake decision.

Huang et al., "FakeLocator: Robust Localization of GAN-Based Face Manipulations", arXiv 2001.09598.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.base import SegmentationModel
from torch import Tensor, nn

from fakelocator_zoo.face_parsing.parts import resolve_parts
from fakelocator_zoo.hub import PretrainedMixin
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
from fakelocator_zoo.models.heads import ClassificationHead, MapHead
from fakelocator_zoo.models.output import DenseOutput, FakeLocatorOutput, TrainingOutput
from fakelocator_zoo.models.residual import INPUT_CHANNELS, InputKind, check_images, check_input, input_planes
from fakelocator_zoo.models.texture import TextureBranch


class FakeLocator(PretrainedMixin, SegmentationModel):
    """Encoder, attention, decoder, map head and classification head in one smp model.

    The paper's plain network is ``input="rgb", encoder_depth=5, decoder_channels=(256, 128, 64, 32, 16),
    texture_channels=None, map_window=0``.

    Args:
        encoder_name: any smp encoder, or ``tu-`` and any timm model with a feature pyramid.
        encoder_depth: number of encoder stages used, 2 to 5; 3 ends at stride 8.
        encoder_weights: as in smp: ``"imagenet"`` downloads, None starts at random.
        input: what the encoder reads: ``residual`` (six planes of the neighbouring-pixel residual), ``rgb``, ``both``.
        decoder_channels: channels of each upsampling step, deepest first, one for each stage.
        decoder_upsampling: ``transposed``, ``nearest``, ``bilinear`` or ``pixel_shuffle``.
        texture_channels: channels of the texture branch, a skip connection at stride 2; None for none.
        map_window: side in pixels of the box over which the logits of P(fake) are averaged; 0 for none.
        attention: face parts or groups (``("hair", "mouth")``, ``"face"``) to attend to; None for none.
        attention_stages: encoder stages (1 = stride 2) that the attention is multiplied into; None takes stage 3, or
            the nearest that the encoder has.
        attention_mode: ``multiply`` gives f * a (the paper), ``residual`` gives f * (1 + a).
        attention_temperature: below 1 sharpens the parser's map towards 0 and 1, above 1 softens it towards 0.5.
        face_parser: a :class:`~fakelocator_zoo.face_parsing.FaceParser`, its name or its config, or what
            ``as_face_parser`` returns; only used with ``attention``. None takes the bundled one.
        image_mean, image_std: normalisation of RGB; None takes the encoder's own.
        dropout: of the classification head.
        temperature: the logits are divided by it (calibration); fitted on validation images.
        threshold: fake probability from which on an image is called fake; fitted on validation photos.
        limits: of size and JPEG quality below which an image is not judged, and of "unsure", by the names of
            :data:`fakelocator_zoo.inference.quality.DEFAULT_LIMITS`; fitted on validation images.
        in_channels, classes: smp's arguments; 3 and 1 are the only values.

    Raises:
        ValueError: for an encoder without a feature pyramid and for any bad argument.
    """

    model_type = "fakelocator"
    # The weights file holds the encoder; loading must never fetch another one.
    fixed_arguments: ClassVar = {"encoder_weights": None, "in_channels": 3, "classes": 1}
    submodels = ("face_parser",)
    dependent_arguments: ClassVar = {"attention": ("face_parser", "attention_stages", "attention_mode")}

    requires_divisible_input_shape = False

    def __init__(
        self,
        encoder_name: str = "tu-mobilenetv4_conv_small",
        encoder_depth: int = 3,
        encoder_weights: str | bool | None = None,
        input: InputKind = "residual",
        decoder_channels: Sequence[int] = (64, 32, 16),
        decoder_upsampling: DecoderUpsampling = "bilinear",
        texture_channels: int | None = 32,
        map_window: int = 28,
        attention: str | Sequence[str] | None = None,
        attention_stages: Sequence[int] | None = None,
        attention_mode: AttentionMode | None = None,
        attention_temperature: float = 1.0,
        face_parser: nn.Module | str | Mapping[str, Any] | None = None,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        dropout: float = 0.2,
        temperature: float = 1.0,
        threshold: float = 0.5,
        limits: Mapping[str, float] | None = None,
        in_channels: int = 3,
        classes: int = 1,
    ) -> None:
        super().__init__()
        if in_channels != 3 or classes != 1:
            raise ValueError("a FakeLocator reads RGB (in_channels=3) and predicts one fakeness map (classes=1)")
        if not 2 <= encoder_depth <= 5:
            raise ValueError(f"encoder_depth must be 2, 3, 4 or 5, got {encoder_depth}")
        for name, value in (("temperature", temperature), ("attention_temperature", attention_temperature)):
            if not value > 0:
                raise ValueError(f"{name} must be more than 0, got {value}")
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must lie between 0 and 1, got {threshold}")
        if attention is None and (attention_mode or attention_stages or face_parser is not None):
            raise ValueError(
                "attention_mode, attention_stages and face_parser belong to attention, which is None; name the parts"
            )
        check_input(input)
        self.name = f"fakelocator-{encoder_name}"
        self.input = input
        self.encoder = build_encoder(encoder_name, encoder_depth, encoder_weights, INPUT_CHANNELS[input])
        mean, std = encoder_normalisation(encoder_name)
        image_mean, image_std = tuple(image_mean or mean), tuple(image_std or std)
        self.register_buffer("image_mean", torch.tensor(image_mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(image_std).view(1, 3, 1, 1), persistent=False)

        channels: list[int] = list(self.encoder.out_channels)  # type: ignore[arg-type]
        self.texture = None if texture_channels is None else TextureBranch(texture_channels)
        skip = 0 if self.texture is None else self.texture.out_channels
        self.decoder = FakeLocatorDecoder(channels, decoder_channels, decoder_upsampling, skip)
        self.segmentation_head = MapHead(decoder_channels[-1], skip, map_window)
        self.evidence_stride = int(self.encoder.output_stride)  # type: ignore[arg-type]
        self.classification_head = ClassificationHead(channels[-1], self.evidence_stride, dropout)
        self.temperature, self.threshold = float(temperature), float(threshold)
        self.limits = None if limits is None else dict(limits)

        self.attention_temperature = float(attention_temperature)
        self.attention_parts: tuple[str, ...] | None = None
        self.face_parser: nn.Module | None = None
        self._stage_attention = StageAttention(
            self.encoder, attention_stages, attention_mode or "multiply", INPUT_CHANNELS[input]
        )
        if attention is not None:
            self.face_parser = resolve_face_parser(face_parser)
            self.attention_parts = resolve_parts(attention, self.face_parser.parts)  # type: ignore[arg-type]
        self.initialize()
        self._config = {
            "encoder_name": encoder_name,
            "encoder_depth": encoder_depth,
            "input": input,
            "decoder_channels": list(decoder_channels),
            "decoder_upsampling": decoder_upsampling,
            "texture_channels": texture_channels,
            "map_window": map_window,
            "attention": None if self.attention_parts is None else list(self.attention_parts),
            "attention_stages": None if attention is None else list(self._stage_attention.stages),
            "attention_mode": None if attention is None else self._stage_attention.mode,
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
        fitted = {"temperature": self.temperature, "threshold": self.threshold, "limits": self.limits}
        config = {**self._config, **fitted}
        if self.face_parser is None:
            return config
        parser_config = getattr(self.face_parser, "config", None)
        if parser_config is None:
            raise ValueError(
                f"the face parser {type(self.face_parser).__name__} has no config, so this model cannot be saved; "
                "build it with a FaceParser, or save with attention=None and pass the parser's map when calling"
            )
        return {**config, "face_parser": dict(parser_config)}

    def initialize(self) -> None:
        """Initialise decoder and heads; a new model starts with a nearly empty map."""
        super().initialize()
        self.segmentation_head.reset_bias()

    def train(self, mode: bool = True) -> FakeLocator:
        """As in smp; the face parser stays in eval mode."""
        super().train(mode)
        if self.face_parser is not None:
            self.face_parser.eval()
        return self

    def forward(self, images: Tensor, attention: Tensor | None = None) -> FakeLocatorOutput:
        """Predict the fakeness map and the decision.

        Args:
            images: (B, 3, H, W) float in [0, 1], any H and W.
            attention: (B, 1, h, w) in [0, 1], any h and w; replaces the face parser's map, which :meth:`attend`
                gives in advance. A model built without attention takes one as well.

        Raises:
            ValueError: for images or attention of another shape, dtype or range.
        """
        attention, face_found = self._attended(images, attention)
        dense = self._dense(images, attention)
        logits = self.decide(dense)
        p_fake = torch.sigmoid(dense.p_fake_logits)
        return FakeLocatorOutput(
            p_fake * dense.magnitude,
            logits,
            logits.softmax(dim=1)[:, 1],
            p_fake,
            dense.magnitude,
            attention,
            face_found,
        )

    def dense(self, images: Tensor, attention: Tensor | None = None) -> DenseOutput:
        """The maps of :meth:`forward` before the decision; arguments and errors are the same.

        Maps of tiles whose origins are multiples of ``evidence_stride`` can be stitched and given to :meth:`decide`.
        """
        return self._dense(images, self._attended(images, attention)[0])

    def decide(self, dense: DenseOutput) -> Tensor:
        """Logits (B, 2), real and fake, divided by the temperature."""
        return self.classification_head(dense.evidence, dense.confidence, dense.p_fake_logits) / self.temperature

    def encode(self, images: Tensor, attention: Tensor | None = None) -> Tensor:
        """Features (B, C) of the images: the evidence that the decision pools, averaged by its confidence."""
        dense = self.dense(images, attention)
        return self.classification_head.pool(dense.evidence, dense.confidence)

    def features(self, images: Tensor, attention: Tensor | None = None) -> list[Tensor]:
        """What each stage of the encoder gives, (B, C, h, w), the input planes first.

        Arguments and errors are those of :meth:`forward`.
        """
        return self._encoded(images, self._attended(images, attention)[0])[1]

    def attend(self, images: Tensor) -> PartsAttention | None:
        """The face parser's map of images (B, 3, H, W), to be kept and given to later calls; None without a parser."""
        if self.face_parser is None or self.attention_parts is None:
            return None
        check_images(images)
        return parts_attention(self.face_parser, images, self.attention_parts, self.attention_temperature)

    @torch.inference_mode()
    def predict(self, x: Tensor, attention: Tensor | None = None) -> FakeLocatorOutput:
        """:meth:`forward` in eval mode without gradients; the training mode is as before afterwards."""
        training = self.training
        self.eval()
        try:
            return self(x, attention)
        finally:
            self.train(training)

    def _encoded(self, images: Tensor, attention: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """The images, padded to multiples of the stride, and what each stage of the encoder gives for them."""
        height, width = images.shape[-2:]
        stride = self.evidence_stride
        pad = (0, -width % stride, 0, -height % stride)
        padded = F.pad(images, pad, mode="replicate") if any(pad) else images
        if attention is not None and any(pad):
            # Features cover the padding as well; the map of the image alone would be stretched over it.
            attention = F.pad(resize_attention(attention, height, width), pad, mode="replicate")
        planes = input_planes(padded, self.input, self.image_mean, self.image_std)
        with self._stage_attention.applied(attention):
            return padded, list(self.encoder(planes))

    def training_output(self, images: Tensor, attention: Tensor | None = None) -> TrainingOutput:
        """What the losses compare; arguments and errors are those of :meth:`forward`."""
        dense, fine = self._dense_and_texture(images, self._attended(images, attention)[0])
        head, stride = self.classification_head, self.evidence_stride
        averaged = F.avg_pool2d(dense.p_fake_logits, stride, ceil_mode=True)
        log_odds = head.log_odds(dense.evidence, dense.confidence, averaged)
        return TrainingOutput(
            dense, head.sum_odds(log_odds), None if fine is None else self.segmentation_head.average(fine), log_odds
        )

    def _dense(self, images: Tensor, attention: Tensor | None) -> DenseOutput:
        return self._dense_and_texture(images, attention)[0]

    def _dense_and_texture(self, images: Tensor, attention: Tensor | None) -> tuple[DenseOutput, Tensor | None]:
        height, width = images.shape[-2:]
        padded, features = self._encoded(images, attention)
        texture = None if self.texture is None else self.texture(padded)
        p_fake_logits, magnitude, fine = self.segmentation_head(self.decoder(features, texture), texture)
        evidence, confidence = self.classification_head.maps(features[-1])
        p_fake_logits, magnitude = p_fake_logits[..., :height, :width], magnitude[..., :height, :width]
        fine = None if fine is None else fine[..., :height, :width]
        return DenseOutput(p_fake_logits, magnitude, evidence, confidence), fine

    def _attended(self, images: Tensor, attention: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """The attention that the caller gave, or the parser's, and whether it found a face."""
        check_images(images)
        if attention is not None:
            check_attention(attention, images.shape[0])  # len() would fix the batch size of an export
            return attention, None
        return self.attend(images) or (None, None)
