"""A predictor over an evaluation set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fakelocator_zoo.evaluation import metrics
from fakelocator_zoo.evaluation.predictors import Prediction, Predictor
from fakelocator_zoo.evaluation.results import MAP_METRICS, Evaluation, ScoredFake, ScoredPhoto
from fakelocator_zoo.evaluation.samples import EvaluationSet, Sample
from fakelocator_zoo.images import ImageError

T = TypeVar("T")

#: From this map value on a pixel counts as painted: 13 levels of 255. Pixel accuracy and IINC need it, and where
#: no masks are given pixel AUC and AP do as well.
MAP_THRESHOLD = 0.05
#: How tables call the truth itself, taken for a located map.
TRUE_MASK = "true mask"

#: Called as ``progress(done, total)``, in images, after every batch.
Progress = Callable[[int, int], None]


def evaluate(
    predictor: Predictor,
    data: EvaluationSet,
    *,
    threshold: float = MAP_THRESHOLD,
    batch_size: int = 16,
    progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Score a predictor on every photo and every fake of a set; deterministic.

    Maps of another size than the truth are resized to it. A file that cannot be read is left out, and named in
    ``failures``.

    Args:
        threshold: from this map value on a pixel counts as painted.
        batch_size: images of one size that go through the predictor together.

    Raises:
        ValueError: where the predictor returns another shape or range than it must.
    """
    _check_threshold(threshold)
    failures: dict[str, None] = {}
    total = len(data)
    photos: list[ScoredPhoto] = []
    for indices, images in _batches(data.photos, lambda photo: photo, batch_size, failures):
        scores = predict(predictor, images).scores
        photos += [ScoredPhoto(data.photos.names[i], float(score)) for i, score in zip(indices, scores, strict=True)]
        progress(indices[-1] + 1, total)
    fakes: list[ScoredFake] = []
    before = len(data.photos)
    for generator, samples in data.generators.items():
        for indices, batch in _batches(samples, lambda sample: sample.fake, batch_size, failures):
            prediction = predict(predictor, [sample.fake for sample in batch])
            maps = [None] * len(batch) if prediction.maps is None else prediction.maps
            for sample, located, score in zip(batch, maps, prediction.scores, strict=True):
                whole = None if located is None else resized(located, sample.size)
                row = map_scores(whole, sample, threshold)
                fakes.append(ScoredFake(sample.name, generator, row, float(score)))
            progress(before + indices[-1] + 1, total)
        before += len(samples)
    return Evaluation(
        predictor.name, threshold, data.paired, tuple(data.generators), tuple(fakes), tuple(photos), tuple(failures)
    )


def evaluate_true_mask(
    data: EvaluationSet,
    *,
    threshold: float = MAP_THRESHOLD,
    progress: Progress = lambda done, total: None,
) -> Evaluation:
    """The ceiling: the truth itself scored as a located map, the mask, or without one the painted pixels.

    A mask says where and not how much, so its COSS is below 1. It decides nothing.
    """
    _check_threshold(threshold)
    failures: dict[str, None] = {}
    fakes = []
    before = 0
    for generator, samples in data.generators.items():
        for indices, (sample,) in _batches(samples, lambda sample: sample.fake, 1, failures):
            mask = sample.painted(threshold).astype(np.float32) if sample.mask is None else sample.mask
            fakes.append(ScoredFake(sample.name, generator, map_scores(mask, sample, threshold), float("nan")))
            progress(before + indices[-1] + 1, len(data) - len(data.photos))
        before += len(samples)
    return Evaluation(TRUE_MASK, threshold, data.paired, tuple(data.generators), tuple(fakes), (), tuple(failures))


def map_scores(located: np.ndarray | None, sample: Sample, threshold: float) -> dict[str, float]:
    """All of :data:`~fakelocator_zoo.evaluation.results.MAP_METRICS` of a map (H, W), NaN where undefined.

    Pixel AUC and AP are undefined where all pixels are painted, or none; SSIM where a side is below its window.
    """
    if located is None:
        return dict.fromkeys(MAP_METRICS, float("nan"))
    true, painted, found = sample.true_map, sample.painted(threshold), located >= threshold
    both = bool(painted.any()) and not painted.all()
    large = min(true.shape) >= metrics.SSIM_WINDOW
    return {
        "coss": metrics.coss(located, true),
        "pearson": metrics.pearson(located, true),
        "psnr": metrics.psnr(located, true),
        "ssim": metrics.ssim(located, true) if large else float("nan"),
        "l1": metrics.l1(located, true),
        "pixel_auc": metrics.pixel_auc(located, painted) if both else float("nan"),
        "pixel_ap": metrics.pixel_ap(located, painted) if both else float("nan"),
        "iinc": metrics.iinc(found, painted),
        "pixel_accuracy": metrics.pixel_accuracy(found, painted),
    }


def predict(predictor: Predictor, images: Sequence[np.ndarray]) -> Prediction:
    """What a predictor says of images (H, W, 3) uint8 of one size.

    Raises:
        ValueError: where it returns another shape or range than :class:`Prediction` states.
    """
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    prediction = predictor.predict(batch)
    _check("scores", "(B,)", prediction.scores, (len(batch),), predictor.name)
    if prediction.maps is not None:
        _check("maps", "(B, H, W)", prediction.maps, (len(batch), *prediction.maps.shape[1:3]), predictor.name)
    return prediction


def resized(located: Tensor, size: tuple[int, int]) -> np.ndarray:
    """A map (h, w) at the size (H, W), float32."""
    if tuple(located.shape) != size:
        located = F.interpolate(located[None, None], size, mode="bilinear", align_corners=False)[0, 0]
    return located.numpy()


def _batches(
    items: Sequence[T], image_of: Callable[[T], np.ndarray], batch_size: int, failures: dict[str, None]
) -> Iterator[tuple[list[int], list[T]]]:
    """Runs of neighbours of one image size, with their indices; bounded memory, whatever the sizes."""
    indices: list[int] = []
    batch: list[T] = []
    for index in range(len(items)):
        try:
            item = items[index]
        except ImageError as error:
            failures[str(error)] = None
            continue
        if batch and (len(batch) == batch_size or image_of(item).shape != image_of(batch[0]).shape):
            yield indices, batch
            indices, batch = [], []
        indices.append(index)
        batch.append(item)
    if batch:
        yield indices, batch


def _check(what: str, layout: str, values: Tensor, shape: tuple[int, ...], name: str) -> None:
    if tuple(values.shape) != shape or not values.is_floating_point():
        raise ValueError(f"{name} must return float {what} {layout}, got {values.dtype} {tuple(values.shape)}")
    # Written so that NaN fails as well.
    if values.numel() and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"{name} must return {what} in [0, 1], got {values.min():.3g} to {values.max():.3g}")


def _check_threshold(threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise ValueError(f"the map threshold must lie in (0, 1], got {threshold}")
