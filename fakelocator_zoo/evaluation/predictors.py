"""Predictors: anything that maps images to fakeness maps and fake probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from fakelocator_zoo.evaluation import metrics
from fakelocator_zoo.inference import tiles

if TYPE_CHECKING:
    from fakelocator_zoo.models.fakelocator import FakeLocator


class Prediction(NamedTuple):
    """The prediction for images (B, 3, H, W); float tensors on the CPU."""

    maps: Tensor | None  #: (B, H, W) in [0, 1], 1 = fake; None for a predictor that only decides
    scores: Tensor  #: (B,) in [0, 1], the fake probability


#: Images (B, 3, H, W) float in [0, 1], any height and width -> prediction.
Predict = Callable[[Tensor], Prediction]


class Predictor(Protocol):
    """The protocol of a predictor.

    An image is called fake from the fake probability ``threshold`` on, where the predictor has that attribute, or 0.5.
    """

    @property
    def name(self) -> str:
        """Its name in tables."""

    def predict(self, images: Tensor) -> Prediction:
        """Images (B, 3, H, W) float in [0, 1], any height and width."""


class ModelPredictor:
    """A :class:`~fakelocator_zoo.FakeLocator`, or a network with such an output, on whole images without face search.

    Args:
        model: stays on its device, and is put into eval mode.
        name: its name in tables.
        tile: larger images go through in overlapping tiles of this side, as in a Localizer.
    """

    def __init__(self, model: FakeLocator, name: str, *, tile: int = 768) -> None:
        self.model, self.name, self.tile = model.eval(), name, tile
        self.threshold = float(getattr(model, "threshold", 0.5))

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Prediction:
        """Maps (B, H, W) and fake probabilities (B,) of images (B, 3, H, W) in [0, 1]."""
        if max(images.shape[-2:]) > self.tile:
            tiled = tiles.predict(self.model, images, self.tile)
            return Prediction(tiled.fakeness_map, tiled.fake_probability)
        output = self.model(images.to(next(self.model.parameters()).device))
        return Prediction(output.fakeness_map[:, 0].float().cpu(), output.fake_probability.float().cpu())


class TrivialPredictor:
    """A baseline map that needs no model.

    Args:
        name: its name in tables.
        make_map: image (H, W, 3) uint8 -> map (H, W) in [0, 1].
        decides: the fake probability is the mean of the map; otherwise 0.5.
    """

    def __init__(self, name: str, make_map: Callable[[np.ndarray], np.ndarray], *, decides: bool = False) -> None:
        self.name, self.make_map, self.decides = name, make_map, decides

    def predict(self, images: Tensor) -> Prediction:
        """Maps (B, H, W) and fake probabilities (B,) of images (B, 3, H, W) in [0, 1]."""
        pixels = (images.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
        maps = torch.from_numpy(np.stack([self.make_map(image) for image in pixels]).astype(np.float32))
        return Prediction(maps, maps.mean(dim=(1, 2)) if self.decides else torch.full((len(maps),), 0.5))


constant = TrivialPredictor("constant", lambda image: metrics.constant_map(*image.shape[:2]))
centred_gaussian = TrivialPredictor("centred Gaussian", lambda image: metrics.centred_gaussian_map(*image.shape[:2]))
high_pass = TrivialPredictor("high-pass", metrics.high_pass_map, decides=True)

TRIVIAL_PREDICTORS: tuple[Predictor, ...] = (constant, centred_gaussian, high_pass)
