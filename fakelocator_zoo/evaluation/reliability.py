"""Do fake probabilities mean what they say? Reliability, its expected calibration error, and its diagram."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fakelocator_zoo.evaluation.card_picture import append_picture

BINS = 10
PICTURE = "reliability.png"
_SIDE, _LEFT, _HEAD, _FOOT, _COLUMNS = 240, 56, 60, 52, 3  # pixels of a panel and around it; panels in a row
_INK, _PALE, _BAR = (40, 40, 40), (205, 205, 205), (60, 90, 200)


class Reliability(NamedTuple):
    """Fake probabilities against what they promise, in bins of equal width over [0, 1]; both labels weigh alike."""

    predicted: np.ndarray  #: (bins,) mean fake probability, NaN in an empty bin
    observed: np.ndarray  #: (bins,) share of fakes, NaN in an empty bin
    counts: np.ndarray  #: (bins,) images
    weights: np.ndarray  #: (bins,) share of the weight of all images

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of the two, weighted by the weights; NaN without images."""
        if not self.counts.sum():
            return float("nan")
        return float(np.nansum(self.weights * np.abs(self.predicted - self.observed)))


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Reliability:
    """Reliability of fake probabilities (N,) in [0, 1] with labels (N,) bool, True = fake.

    A fake probability is that of an image which is as likely real as fake, so the real images weigh as much as the
    fakes, however many there are of each (Guo et al., ICML 2017, with that weight).

    Raises:
        ValueError: where the two differ in length, or ``labels`` is not bool.
    """
    if probabilities.shape != labels.shape or labels.dtype != np.bool_:
        raise ValueError(f"give a bool label for each probability, got {labels.shape} {labels.dtype}")
    weights = label_weights(labels)
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    total = np.bincount(index, weights, bins)
    with np.errstate(invalid="ignore"):
        predicted, observed = (np.bincount(index, weights * each, bins) / total for each in (probabilities, labels))
    return Reliability(predicted, observed, np.bincount(index, minlength=bins), total)


def label_weights(labels: np.ndarray) -> np.ndarray:
    """A weight for each of labels (N,) bool: those of a label sum to the same, all to 1."""
    counts = np.array([(~labels).sum(), labels.sum()])
    return (1 / np.maximum(counts, 1) / max(1, (counts > 0).sum()))[labels.astype(int)]


def draw_reliability(panels: Mapping[str, Reliability]) -> np.ndarray:
    """The reliability diagram as a picture (H, W, 3) uint8, a panel for each name.

    Horizontal is the mean fake probability of a bin, vertical its share of fakes; on the diagonal both agree. The area
    of a dot is the weight of its bin.

    Raises:
        ValueError: where there is nothing to draw.
    """
    if not panels:
        raise ValueError("there is no reliability to draw")
    columns = min(_COLUMNS, len(panels))
    width, height = _LEFT + _SIDE + 24, _HEAD + _SIDE + _FOOT
    picture = Image.new("RGB", (columns * width, -(-len(panels) // columns) * height), "white")
    draw = ImageDraw.Draw(picture)
    for number, (name, found) in enumerate(panels.items()):
        _draw_panel(draw, (number % columns * width + _LEFT, number // columns * height + _HEAD), name, found)
    return np.asarray(picture)


def add_to_card(folder: Path, panels: Mapping[str, Reliability], text: str) -> None:
    """Write reliability.png into a model folder and a section with it, below ``text``, at the end of its card."""
    append_picture(folder, PICTURE, draw_reliability(panels), "Reliability", text, "Reliability diagram")


def _draw_panel(draw: ImageDraw.ImageDraw, corner: tuple[int, int], name: str, found: Reliability) -> None:
    left, top = corner
    font, small = ImageFont.load_default(size=16), ImageFont.load_default(size=13)
    images = int(found.counts.sum())
    draw.text((left, top - 44), name if len(name) <= 30 else f"{name[:29]}…", fill=_INK, font=font)
    draw.text((left, top - 22), f"ECE {found.error:.3f}, {images} images", fill=_INK, font=small)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x * _SIDE, top + (1 - y) * _SIDE

    draw.rectangle((*place(0, 1), *place(1, 0)), outline=_PALE)
    draw.line((*place(0, 0), *place(1, 1)), fill=_PALE, width=2)
    for value in (0, 0.5, 1):
        draw.text((left - 8, place(0, value)[1]), f"{value:g}", fill=_INK, font=small, anchor="rm")
        draw.text((place(value, 0)[0], top + _SIDE + 12), f"{value:g}", fill=_INK, font=small, anchor="mm")
    draw.text((left + _SIDE / 2, top + _SIDE + 32), "fake probability", fill=_INK, font=small, anchor="mm")
    filled = np.flatnonzero(found.counts)
    points = [place(found.predicted[each], found.observed[each]) for each in filled]
    if len(points) > 1:
        draw.line(points, fill=_BAR, width=2)
    for each, (x, y) in zip(filled, points, strict=True):
        radius = 3 + 12 * float(np.sqrt(found.weights[each]))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_BAR)
