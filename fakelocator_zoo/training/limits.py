"""How small and how compressed an image may be before a model guesses, measured on validation images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from fakelocator_zoo.evaluation import metrics
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.validation import PHOTOS, ValidationImage, predict
from fakelocator_zoo.transforms.degradations import jpeg

#: Mean image AUC over the validation generators below which decisions count as guesses; chance is 0.5.
GUESS = 0.55
#: Sides in pixels and JPEG qualities that are tried, the easiest first.
SIDES = (192, 128, 96, 64, 48, 32)
QUALITIES = (90, 80, 70, 60, 50, 40, 30)


def fit_limits(model: FakeLocator, images: Sequence[ValidationImage]) -> dict[str, float]:
    """The smallest size and the lowest JPEG quality down to which the model does not guess.

    Args:
        images: validation images, real and fake. For the sizes, a square is cut out of each: a face that is small from
            the start has little texture, and one that was reduced afterwards has lost it, whatever its size is now.

    Returns:
        ``smallest_face`` and ``lowest_jpeg_quality`` of :data:`fakelocator_zoo.inference.quality.DEFAULT_LIMITS`.
        Where the model guesses from the start, they are the easiest that were tried.
    """
    return {
        "smallest_face": _last_above_guess(SIDES, lambda side: image_auc(model, [_cut(each, side) for each in images])),
        "lowest_jpeg_quality": _last_above_guess(
            QUALITIES, lambda quality: image_auc(model, images, partial(jpeg, quality=quality))
        ),
    }


def image_auc(
    model: FakeLocator, images: Sequence[ValidationImage], degrade: Callable[[np.ndarray], np.ndarray] | None = None
) -> float:
    """Mean over the generators of the image AUC of their fakes, among their own real images and the photos."""
    rows = predict(model, images, degrade)
    probabilities = np.array([row.probability for _, row in rows])
    labels, groups = np.array([item.label for item, _ in rows]), np.array([item.group for item, _ in rows])
    members = [(groups == group) | (groups == PHOTOS) for group in sorted({*groups} - {PHOTOS})]
    return float(np.mean([metrics.ranking(probabilities[each], labels[each] == 1).auc for each in members]))


def _last_above_guess(values: Sequence[int], auc: Callable[[int], float]) -> float:
    last = values[0]
    for value in values:
        if auc(value) < GUESS:
            break
        last = value
    return last


def _cut(item: ValidationImage, side: int) -> ValidationImage:
    """A square around the middle of the image's fake region, or around its own middle."""
    middle = np.array(item.image.shape[:2]) // 2
    if item.mask is not None and item.mask.any():
        middle = np.argwhere(item.mask > 0.5 * item.mask.max()).mean(axis=0).astype(int)
    top, left = (
        min(max(0, at - side // 2), max(0, length - side))
        for at, length in zip(middle, item.image.shape[:2], strict=True)
    )
    cut = np.ascontiguousarray(item.image[top : top + side, left : left + side])
    return item._replace(image=cut, mask=None, truth=None)
