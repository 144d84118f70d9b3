"""Validation on generators and photos held out by name: score, temperature and threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, takewhile
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from fakelocator_zoo.data.index_crops import IndexCrops
from fakelocator_zoo.data.photos import reduced
from fakelocator_zoo.evaluation import metrics
from fakelocator_zoo.evaluation.calibration import fit_temperature, fit_threshold, fit_unsure
from fakelocator_zoo.evaluation.reliability import Reliability, reliability
from fakelocator_zoo.images import list_images, read_image
from fakelocator_zoo.images.folders import IMAGE_SUFFIXES, walk_files
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.crops import PAINTED, match_source, matches
from fakelocator_zoo.training.recipe import Recipe
from fakelocator_zoo.transforms.degradations import jpeg
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from fakelocator_zoo.transforms.regions import random_masks

T = TypeVar("T")
PHOTOS = "photos"
#: JPEG quality of the second look at every validation image.
QUALITY = 75
#: Ends the name of a group of compressed images. Most re-synthesised regions are lost there, whatever the network:
#: their figures are reported and do not choose a checkpoint.
COMPRESSED = "@jpeg"
#: Longest sides in pixels at which the threshold is fitted.
THRESHOLD_SIDES = (256, 512, 1024)
#: Stride at which pixels enter the pixel AUC; maps are smooth over more than that.
PIXEL_STRIDE = 4
BATCH = 8


class ValidationImage(NamedTuple):
    """One image with its truth."""

    group: str  #: the generator, or ``photos``
    image: np.ndarray  #: (H, W, 3) uint8
    mask: np.ndarray | None  #: (H, W) float32 in [0, 1]; None where the whole image is one label
    truth: np.ndarray | None  #: (H, W) float32 in [0, 1], |real - fake|
    label: int  #: 0 real, 1 fake


class Scores(NamedTuple):
    """Figures of one group of fakes; NaN where a group has no map."""

    pixel_auc: float
    image_auc: float
    coss: float
    level: float  #: mean of the map inside the mask over the mean of the truth there
    called_fake: float  #: share of the fakes whose fake probability reaches the model's threshold


def validation_images(recipe: Recipe, data: Path) -> list[ValidationImage]:
    """The same images at every call: partial fakes and reals of each pair generator, whole fakes, photos.

    Raises:
        ValueError: where ``validation.photos`` match no photo.
    """
    options = recipe.validation
    images = []
    for name in options.generators:
        if name in recipe.data.pairs:
            pairs = match_source(data, recipe.data.pairs[name])
            for number, (real_path, fake_path) in enumerate(_evenly(pairs, options.images)):
                real, fake = (_centre(read_image(path), options.side) for path in (real_path, fake_path))
                mask = _mask(real.shape[0], real.shape[1], number)
                blended = np.rint(real + mask[..., None] * (fake.astype(np.float32) - real)).astype(np.uint8)
                images.append(ValidationImage(name, blended, mask, fakeness_map(real, blended), 1))
                images.append(ValidationImage(name, real, None, None, 0))
        else:
            paths = _evenly(list_images([data / recipe.data.whole[name]]), options.images)
            images += [ValidationImage(name, reduced(read_image(path), options.side), None, None, 1) for path in paths]
    photos = [path for held in held_out_photos(recipe, data) for path in _evenly(held, options.images // 2)]
    images += [ValidationImage(PHOTOS, reduced(read_image(path), options.side), None, None, 0) for path in photos]
    return images


def dataset_images(crops: IndexCrops, count: int) -> list[ValidationImage]:
    """``count`` fakes of a data set's validation samples, and a real image beside each."""
    images = []
    for real, fake, truth in (crops[index] for index in range(count)):
        mask = (truth[0] > PAINTED).float().numpy()
        images.append(ValidationImage("dataset", to_uint8(fake), mask, truth[0].numpy(), 1))
        images.append(ValidationImage("dataset", to_uint8(real), None, None, 0))
    return images


def validation_photos(recipe: Recipe, data: Path) -> list[Path]:
    """The photos that the threshold is fitted to, of each pattern of ``validation.photos``."""
    count = recipe.validation.threshold_photos
    return [path for held in held_out_photos(recipe, data) for path in _evenly(held, count)]


def held_out_photos(recipe: Recipe, data: Path) -> list[list[Path]]:
    """The photos that each pattern of ``validation.photos`` holds out.

    Raises:
        ValueError: where a pattern matches no photo.
    """
    held = []
    for pattern in recipe.validation.photos:
        folder = data.joinpath(*takewhile(lambda part: not set(part) & set("*?["), Path(pattern).parts[:-1]))
        images = [path for path in walk_files(folder) if path.suffix.lower() in IMAGE_SUFFIXES]
        paths = [path for path in images if matches(path.relative_to(data), [pattern])]
        if not paths:
            raise ValueError(f"validation.photos: no photo under {data} matches {pattern}")
        held.append(paths)
    return held


def validate(model: FakeLocator, images: Sequence[ValidationImage]) -> dict[str, Scores]:
    """Scores of each group, and of each group after JPEG compression (``NAME@jpeg``)."""
    return validate_reliability(model, images)[0]


def validate_reliability(
    model: FakeLocator, images: Sequence[ValidationImage]
) -> tuple[dict[str, Scores], dict[str, Reliability]]:
    """The scores of :func:`validate`, and by the same names, and ``all``, the reliability of each group."""
    scores, reliabilities = {}, {}
    for suffix, degrade in (("", None), (COMPRESSED, _compress)):
        rows = predict(model, images, degrade)
        probabilities = np.array([row.probability for _, row in rows])
        labels, groups = np.array([item.label for item, _ in rows]), np.array([item.group for item, _ in rows])
        photos = groups == PHOTOS
        reliabilities[f"all{suffix}"] = reliability(probabilities, labels == 1)
        for group in sorted({*groups} - {PHOTOS}):
            members = [(item, row) for item, row in rows if item.group == group]
            scores[group + suffix] = _score(members, list(probabilities[photos]), model.threshold)
            chosen = photos | (groups == group)
            reliabilities[group + suffix] = reliability(probabilities[chosen], labels[chosen] == 1)
    return scores, reliabilities


def in_words(group: str) -> str:
    """The name of a group of :func:`validate` as a card shows it."""
    return group.replace(COMPRESSED, f", JPEG {QUALITY}")


def total_score(scores: dict[str, Scores]) -> float:
    """Mean over groups, as they are, of the mean of pixel AUC, image AUC and COSS, of those that a group has."""
    return float(np.mean([np.nanmean(each[:3]) for name, each in scores.items() if not name.endswith(COMPRESSED)]))


class _Row(NamedTuple):
    margin: float  # logit of fake over real
    map: np.ndarray  # (h, w) at PIXEL_STRIDE
    p_fake: np.ndarray

    @property
    def probability(self) -> float:
        return float(expit(self.margin))


@torch.no_grad()
def predict(
    model: FakeLocator, images: Sequence[ValidationImage], degrade: Callable[[np.ndarray], np.ndarray] | None = None
) -> list[tuple[ValidationImage, _Row]]:
    """The model's prediction for each image; images of one shape go through in batches."""
    model.eval()
    device = next(model.parameters()).device
    rows: list[tuple[ValidationImage, _Row]] = []
    for batch in _batches(images):
        pixels = np.stack([degrade(item.image) if degrade else item.image for item in batch])
        output = model(_tensor(pixels).to(device))
        margins = (output.logits[:, 1] - output.logits[:, 0]).float().cpu().numpy()
        maps, p_fake = (
            each.float().cpu().numpy()[:, 0, ::PIXEL_STRIDE, ::PIXEL_STRIDE]
            for each in (output.fakeness_map, output.p_fake)
        )
        rows += [(item, _Row(float(margins[i]), maps[i], p_fake[i])) for i, item in enumerate(batch)]
    return rows


def calibrate(
    model: FakeLocator, images: Sequence[ValidationImage], photos: Sequence[Path], false_alarms: float = 0.01
) -> dict[str, float]:
    """Set temperature, threshold and limit of "unsure" from validation images and photos; returns them.

    The temperature is fitted to the images as they are: compression removes texture, and a temperature that also fits
    compressed fakes would make every image "unsure". The threshold is the fake probability that a share
    ``false_alarms`` of the photos exceeds, each at several sizes, as it is and after JPEG compression. Without photos
    it is that of the real images.
    """
    model.temperature = 1.0
    reals = [item for item in images if item.label == 0]
    if photos:
        reals = list(_sized(photos))
    if len({item.label for item in images}) == 2:
        rows = predict(model, images)
        margins, labels = np.array([row.margin for _, row in rows]), np.array([item.label for item, _ in rows])
        model.temperature = fit_temperature(margins, labels)
    if reals:
        alarms = [row.probability for degrade in (None, _compress) for _, row in predict(model, reals, degrade)]
        model.threshold = fit_threshold(alarms, false_alarms)
        model.limits = {**(model.limits or {}), "unsure": fit_unsure(alarms, false_alarms)}
    return {"temperature": model.temperature, "threshold": model.threshold, **(model.limits or {})}


def _sized(photos: Sequence[Path]) -> Iterator[ValidationImage]:
    for image in (read_image(path) for path in photos):
        for side in THRESHOLD_SIDES:
            if max(image.shape[:2]) >= side or side == THRESHOLD_SIDES[0]:
                yield ValidationImage(PHOTOS, reduced(image, side), None, None, 0)


def _compress(image: np.ndarray) -> np.ndarray:
    return jpeg(image, QUALITY)


def _score(members: list[tuple[ValidationImage, _Row]], photos: list[float], threshold: float) -> Scores:
    fakes = [(item, row) for item, row in members if item.label == 1]
    reals = [row.probability for item, row in members if item.label == 0] + photos
    probabilities = np.array([row.probability for _, row in fakes] + reals)
    image_auc = metrics.ranking(probabilities, np.arange(len(probabilities)) < len(fakes)).auc
    figures = []
    for item, row in fakes:
        if item.mask is None or item.truth is None:
            continue
        truth, mask = item.truth[::PIXEL_STRIDE, ::PIXEL_STRIDE], item.mask[::PIXEL_STRIDE, ::PIXEL_STRIDE] > 0.5
        if 0 < mask.sum() < mask.size:
            level = metrics.map_level(row.map, truth, mask)
            figures.append((metrics.pixel_auc(row.p_fake, mask), metrics.coss(row.map, truth), level))
    pixel_auc, coss, level = np.mean(figures, axis=0) if figures else (np.nan,) * 3
    called = float(np.mean(probabilities[: len(fakes)] >= threshold))
    return Scores(float(pixel_auc), float(image_auc), float(coss), float(level), called)


def _batches(images: Sequence[ValidationImage]) -> Iterator[list[ValidationImage]]:
    by_shape = sorted(images, key=lambda item: item.image.shape)
    for _, group in groupby(by_shape, key=lambda item: item.image.shape):
        members = list(group)
        size = max(1, BATCH * 256 * 256 // (members[0].image.shape[0] * members[0].image.shape[1]))
        for first in range(0, len(members), size):
            yield members[first : first + size]


def _evenly(items: Sequence[T], count: int) -> list[T]:
    """At most ``count`` of the items, evenly spaced."""
    if len(items) <= count:
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]


def _centre(image: np.ndarray, side: int) -> np.ndarray:
    top, left = (max(0, (size - side) // 2) for size in image.shape[:2])
    return image[top : top + side, left : left + side]


def _mask(height: int, width: int, seed: int) -> np.ndarray:
    random = torch.Generator().manual_seed(seed)
    return random_masks(1, height, width, generator=random, shapes=("blob", "ellipse", "box"))[0, 0].numpy()


def to_uint8(image: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] -> (H, W, 3) uint8."""
    return (image * 255).round().byte().permute(1, 2, 0).numpy()


def _tensor(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
