"""Score predictors on an evaluation set; each image is read once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fakelocator_zoo.evaluation import metrics
from fakelocator_zoo.evaluation.predictors import Predict, Prediction, Predictor
from fakelocator_zoo.evaluation.results import MAP_METRICS, Evaluation, ScoredFake, ScoredPhoto
from fakelocator_zoo.evaluation.samples import EvaluationSet, LabelledFake
from fakelocator_zoo.images import ImageError

#: Map value from which on a pixel counts as fake, 13 levels of 255: for pixel accuracy and IINC, and where there is
#: no mask for pixel AUC and AP.
MAP_THRESHOLD = 0.05
#: Name in tables of the true mask, scored as a predicted map.
TRUE_MASK = "true mask"
#: Most pixels of a batch; large photos go through one by one.
_BATCH_PIXELS = 16 * 512 * 512

#: Called as ``progress(done, total)``, in images, after every batch.
Progress = Callable[[int, int], None]


def map_scores(
    predicted: np.ndarray, true: np.ndarray, mask: np.ndarray, threshold: float = MAP_THRESHOLD
) -> dict[str, float]:
    """All of :data:`~fakelocator_zoo.evaluation.results.MAP_METRICS` of one map, NaN where undefined.

    Args:
        predicted, true: (H, W) in [0, 1].
        mask: (H, W) bool, the fake pixels.
        threshold: map value from which on a pixel counts as fake.
    """
    found, ranked = predicted >= threshold, metrics.ranking(predicted, mask)
    return {
        "coss": metrics.coss(predicted, true),
        "pearson": metrics.pearson(predicted, true),
        "psnr": metrics.psnr(predicted, true),
        "ssim": metrics.ssim(predicted, true),
        "l1": metrics.l1(predicted, true),
        "map_level": metrics.map_level(predicted, true, mask),
        "pixel_auc": ranked.auc,
        "pixel_ap": ranked.average_precision,
        "iinc": metrics.iinc(found, mask),
        "pixel_accuracy": metrics.pixel_accuracy(found, mask),
    }


def evaluate_all(
    predictors: Sequence[Predictor],
    data: EvaluationSet,
    *,
    true_mask: bool = False,
    threshold: float = MAP_THRESHOLD,
    batch_size: int = 16,
    progress: Progress = lambda done, total: None,
) -> tuple[Evaluation, ...]:
    """Score predictors on every photo and every fake of a set; deterministic.

    Maps are resized to the size of the truth. A file that cannot be read is left out and named in ``failures``.

    Args:
        true_mask: add the true mask (without a mask: the fake pixels) as a last predictor, a ceiling. Its COSS is below
            1, since a mask has no magnitude, and it makes no decision.
        threshold: map value from which on a pixel counts as fake.
        batch_size: images of one size that go through together.

    Raises:
        ValueError: where a predictor returns a wrong shape or range, or ``threshold`` is not in (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"the map threshold must lie in (0, 1], got {threshold}")
    failures: dict[str, None] = {}
    all_rows, done = [_Rows(threshold) for _ in predictors], 0
    ceiling = _Rows(threshold)
    for batch in _batches(_items(data, failures), batch_size):
        images = [item.image for item in batch]
        for predictor, rows in zip(predictors, all_rows, strict=True):
            rows.add(batch, checked(predictor.predict, images, predictor.name))
        for item in batch if true_mask else ():
            if item.fake is not None:
                mask = item.fake.fake_pixels(threshold).astype(np.float32) if item.fake.mask is None else item.fake.mask
                ceiling.add_fake(item, item.fake, mask, float("nan"))
        done += len(batch)
        progress(done, len(data))
    named = [
        (each.name, getattr(each, "threshold", 0.5), rows) for each, rows in zip(predictors, all_rows, strict=True)
    ]
    return tuple(
        Evaluation(
            name,
            threshold,
            data.paired,
            tuple(data.generators),
            tuple(fake for generator in data.generators for fake in rows.fakes.get(generator, ())),
            tuple(rows.photos),
            tuple(failures),
            decision_threshold,
            {generator: metrics.pooled_ranking(counts).auc for generator, counts in rows.counts.items()},
        )
        for name, decision_threshold, rows in (*named, *([(TRUE_MASK, 0.5, ceiling)] if true_mask else []))
    )


def evaluate(
    predictor: Predictor,
    data: EvaluationSet,
    *,
    threshold: float = MAP_THRESHOLD,
    batch_size: int = 16,
    progress: Progress = lambda done, total: None,
) -> Evaluation:
    """:func:`evaluate_all` of one predictor."""
    return evaluate_all([predictor], data, threshold=threshold, batch_size=batch_size, progress=progress)[0]


def checked(predict: Predict, images: Sequence[np.ndarray], name: str = "predict") -> Prediction:
    """A prediction of images (H, W, 3) uint8 of one size.

    Raises:
        ValueError: where it has a wrong shape or range.
    """
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    prediction = predict(batch)
    _check("scores", "(B,)", prediction.scores, (len(batch),), name)
    if prediction.maps is not None:
        _check("maps", "(B, H, W)", prediction.maps, (len(batch), *prediction.maps.shape[1:3]), name)
    return prediction


def resized(predicted: Tensor, size: tuple[int, int]) -> np.ndarray:
    """A map (h, w) at the size (H, W), float32."""
    if tuple(predicted.shape) != size:
        predicted = F.interpolate(predicted[None, None], size, mode="bilinear", align_corners=False)[0, 0]
    return predicted.numpy()


class _Item(NamedTuple):
    """An image of a set."""

    name: str
    generator: str | None  #: None for a photo
    image: np.ndarray
    fake: LabelledFake | None


class _Rows:
    """The scores of one predictor."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.photos: list[ScoredPhoto] = []
        self.fakes: dict[str, list[ScoredFake]] = {}
        self.counts: dict[str, np.ndarray] = {}

    def add(self, batch: Sequence[_Item], prediction: Prediction) -> None:
        maps = [None] * len(batch) if prediction.maps is None else prediction.maps
        for item, values, probability in zip(batch, maps, prediction.scores.tolist(), strict=True):
            if item.fake is None:
                self.photos.append(ScoredPhoto(item.name, probability))
            else:
                self.add_fake(item, item.fake, None if values is None else resized(values, item.fake.size), probability)

    def add_fake(self, item: _Item, fake: LabelledFake, predicted: np.ndarray | None, probability: float) -> None:
        generator, mask = item.generator or "", fake.fake_pixels(self.threshold)
        scores = dict.fromkeys(MAP_METRICS, float("nan"))
        if predicted is not None:
            scores = map_scores(predicted, fake.true_map, mask, self.threshold)
            self.counts[generator] = self.counts.get(generator, 0) + metrics.pixel_counts(predicted, mask)
        self.fakes.setdefault(generator, []).append(ScoredFake(item.name, generator, scores, probability))


def _items(data: EvaluationSet, failures: dict[str, None]) -> Iterator[_Item]:
    places: list[tuple[str, str | None, int]] = [(name, None, i) for i, name in enumerate(data.photos.names)]
    for group, fakes in data.generators.items():
        places += [(each.name, group, i) for i, each in enumerate(fakes.files)]
    if data.paired:
        places.sort(key=lambda place: place[0])  # a photo is followed by its fakes, so it is read once
    for name, generator, index in places:
        try:
            if generator is None:
                yield _Item(name, None, data.photos[index], None)
            else:
                fake = data.generators[generator][index]
                yield _Item(name, generator, fake.fake, fake)
        except ImageError as error:
            failures[str(error)] = None


def _batches(items: Iterable[_Item], batch_size: int) -> Iterator[list[_Item]]:
    """Runs of neighbours of one image size; bounded memory, whatever the sizes."""
    batch: list[_Item] = []
    for item in items:
        height, width = item.image.shape[:2]
        full = len(batch) == batch_size or (len(batch) + 1) * height * width > _BATCH_PIXELS
        if batch and (full or item.image.shape != batch[0].image.shape):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _check(what: str, layout: str, values: Tensor, shape: tuple[int, ...], name: str) -> None:
    if tuple(values.shape) != shape or not values.is_floating_point():
        raise ValueError(f"{name} must return float {what} {layout}, got {values.dtype} {tuple(values.shape)}")
    # Written so that NaN fails as well.
    if values.numel() and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"{name} must return {what} in [0, 1], got {values.min():.3g} to {values.max():.3g}")
