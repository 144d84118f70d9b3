"""What a FakeLocator gives: of its encoder, and as a whole."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from fakelocator_zoo.models.texture import TextureOutput

#: From this fake probability on an image is called fake.
DECISION_THRESHOLD = 0.5


class FakeLocatorOutput(NamedTuple):
    """What :class:`~fakelocator_zoo.FakeLocator` says of images (B, 3, H, W)."""

    fakeness_map: Tensor  #: (B, 1, H, W) in [0, 1]: what to expect of |real - fake| at each pixel
    logits: Tensor  #: (B, 2): real, fake
    attention: Tensor | None  #: (B, 1, h, w) in [0, 1], the map that was multiplied in
    texture_map: Tensor | None  #: (B, 1, H, W) in [0, 1], P(painted) by the texture stem alone
    change: Tensor  #: (B, 1, H, W) in [0, 1], how much a pixel was changed if it was painted
    #: (B,) bool, whether the face parser found a face; where it did not, attention is 1 everywhere. None where no
    #: parser ran: the model has no attention, or the caller gave the map.
    face_found: Tensor | None = None


class Encoding(NamedTuple):
    """What the encoder saw in images (B, 3, H, W)."""

    padded: Tensor  #: the images, padded below and on the right to a multiple of the encoder's stride
    texture: TextureOutput | None  #: of the texture stem, of the padded images
    features: list[Tensor]  #: the padded images as the encoder got them, then each stage's feature, deepest last
    attention: Tensor | None  #: (B, 1, h, w) in [0, 1]
    face_found: Tensor | None  #: (B,) bool, see :class:`FakeLocatorOutput`
