"""What a FakeLocator returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class DenseOutput(NamedTuple):
    """The maps of images (B, 3, H, W) before the decision; maps of tiles can be stitched."""

    p_fake_logits: Tensor  #: (B, 1, H, W), logit of P(fake) of each pixel
    magnitude: Tensor  #: (B, 1, H, W) in [0, 1], |real - fake| to expect of a fake pixel
    evidence: Tensor  #: (B, C, h, w), features that the decision pools; h = ceil(H / stride)
    confidence: Tensor  #: (B, 1, h, w), logit of the weight of each place in that pooling


class TrainingOutput(NamedTuple):
    """What the losses compare for images (B, 3, H, W): maps, decision, and parts of both that have their own loss."""

    dense: DenseOutput
    logits: Tensor  #: (B, 2), real and fake
    texture_logits: Tensor | None  #: (B, 1, H, W), what the texture branch alone adds to ``dense.p_fake_logits``
    log_odds: Tensor  #: (B, 2), of a fake region and of an entirely synthesised image


class FakeLocatorOutput(NamedTuple):
    """What :class:`~fakelocator_zoo.FakeLocator` predicts for images (B, 3, H, W)."""

    fakeness_map: Tensor  #: (B, 1, H, W) in [0, 1], expected |real - fake|: ``p_fake * magnitude``
    logits: Tensor  #: (B, 2), real and fake, divided by the model's temperature
    fake_probability: Tensor  #: (B,) in [0, 1], softmax of the logits
    p_fake: Tensor  #: (B, 1, H, W) in [0, 1], probability that a generator made the pixel
    magnitude: Tensor  #: (B, 1, H, W) in [0, 1], |real - fake| to expect of a fake pixel
    attention: Tensor | None  #: (B, 1, h, w) in [0, 1], the map that encoder features were multiplied by
    #: (B,) bool, whether the face parser found a face; without one attention is 1 everywhere. None where no parser
    #: ran: the model has none, or the caller gave the attention.
    face_found: Tensor | None
