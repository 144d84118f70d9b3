"""Temperature and threshold of a model, fitted to real photos and fakes as a Localizer scores them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, logit
from sklearn.model_selection import StratifiedGroupKFold

from fakelocator_zoo.evaluation.reliability import Reliability, label_weights, reliability
from fakelocator_zoo.images import ImageError, read_image
from fakelocator_zoo.inference.localizer import Localizer
from fakelocator_zoo.inference.prepare import Source
from fakelocator_zoo.transforms.degradations import Degradation, jpeg

#: How every photo and fake is looked at.
CONDITIONS: Mapping[str, Degradation | None] = {"as they are": None, "JPEG 75": partial(jpeg, quality=75)}
#: With fewer photos, or fewer fakes, nothing is fitted.
MIN_IMAGES = 20
#: Photos that reach "unsure", for each that reaches the threshold.
UNSURE_PHOTOS = 5
#: Key of all fakes together in :attr:`Calibration.reliability`.
ALL = "all"
_FOLDS = 5
_EPSILON = 1e-7  # the probabilities that float32 cannot tell from 0 and 1


def fit_temperature(margins: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that minimises cross-entropy, both labels weighing alike (Guo et al., ICML 2017).

    Args:
        margins: (N,) logits of fake over real at temperature 1.
        labels: (N,) 0 real, 1 fake.
    """
    fake = labels == 1
    signed, weight = np.where(fake, margins, -margins), label_weights(fake)
    result = minimize_scalar(lambda log_t: -(weight * log_expit(signed / np.exp(log_t))).sum(), bounds=(-3, 3))
    return float(np.exp(result.x))


def fit_threshold(probabilities: Sequence[float] | np.ndarray, false_alarms: float) -> float:
    """The fake probability that a share ``false_alarms`` of those of real photos exceeds."""
    return float(np.clip(np.quantile(probabilities, 1 - false_alarms), 1e-4, 1 - 1e-4))


def fit_unsure(probabilities: Sequence[float] | np.ndarray, false_alarms: float) -> float:
    """How far "unsure" reaches below the threshold of :func:`fit_threshold`.

    It starts at the fake probability that :data:`UNSURE_PHOTOS` times as many photos exceed.
    """
    low = fit_threshold(probabilities, min(1.0, UNSURE_PHOTOS * false_alarms))
    return fit_threshold(probabilities, false_alarms) - low


class ScoredImage(NamedTuple):
    """What a model says of one image."""

    generator: str | None  #: None for a real photo
    margins: tuple[float, ...]  #: one of each of :data:`CONDITIONS`, at temperature 1; NaN where it was not judged


class Calibration(NamedTuple):
    """What was fitted."""

    temperature: float
    threshold: float
    unsure: float  #: how far "unsure" reaches below the threshold
    photos: int  #: that were judged
    fakes: int
    #: "generator, condition" and "all, condition": of images that the temperature was not fitted to; empty without
    #: fakes.
    reliability: dict[str, Reliability]


def score_images(
    localizer: Localizer, images: Iterable[tuple[Path, str | None]]
) -> Iterator[ScoredImage | ImageError | None]:
    """The scores of each image, in order, or why it has none; None for one that is not judged in any condition.

    Args:
        images: paths, each with its generator, or None for a real photo.
    """
    temperature = float(getattr(localizer.model, "temperature", 1.0))
    for path, generator in images:
        try:
            image = read_image(path)
            looks: list[Source] = [image if degrade is None else degrade(image) for degrade in CONDITIONS.values()]
            results = localizer(looks)
        except ImageError as error:
            yield error
            continue
        margins = tuple(
            np.nan
            if result.verdict == "not judged"
            else temperature * float(logit(np.clip(result.fake_probability, _EPSILON, 1 - _EPSILON)))
            for result in results
        )
        yield None if np.isnan(margins).all() else ScoredImage(generator, margins)


def fit_calibration(images: Sequence[ScoredImage], temperature: float, false_alarms: float = 0.01) -> Calibration:
    """Fit the temperature, where there are fakes, and the threshold.

    The temperature is fitted to all images. Reliability is that of held-out images: in each of five parts, which never
    share an image, the temperature is that of the other four.

    Args:
        images: photos and fakes.
        temperature: that stays where there are no fakes.
        false_alarms: the share of photos, over all conditions, whose fake probability exceeds the threshold.

    Raises:
        ValueError: for fewer photos, or fewer fakes, than :data:`MIN_IMAGES`, or a share outside (0, 1).
    """
    if not 0 < false_alarms < 1:
        raise ValueError(f"the share of false alarms must lie between 0 and 1, got {false_alarms}")
    is_fake = np.array([image.generator is not None for image in images], bool)
    fakes, photos = int(is_fake.sum()), int((~is_fake).sum())
    for count, kind in ((photos, "photos"), *([(fakes, "fakes")] if fakes else [])):
        if count < MIN_IMAGES:
            raise ValueError(f"{count} {kind} could be judged; give {MIN_IMAGES} at least")
    margins = np.array([image.margins for image in images])  # (N, conditions)
    judged = np.isfinite(margins)
    labels = np.broadcast_to(is_fake[:, None], margins.shape)
    found = {}
    if fakes:
        temperature = fit_temperature(margins[judged], labels[judged])
        held_out = _held_out_probabilities(margins, is_fake)
        generators = np.array([image.generator or "" for image in images])
        for column, condition in enumerate(CONDITIONS):
            for generator in (ALL, *sorted(set(generators[is_fake]))):
                rows = judged[:, column] & (~is_fake | (generator == ALL) | (generators == generator))
                found[f"{generator}, {condition}"] = reliability(held_out[rows, column], is_fake[rows])
    alarms = expit(margins[judged & ~labels] / temperature)
    threshold, unsure = fit_threshold(alarms, false_alarms), fit_unsure(alarms, false_alarms)
    return Calibration(temperature, threshold, unsure, photos, fakes, found)


def _held_out_probabilities(margins: np.ndarray, is_fake: np.ndarray) -> np.ndarray:
    """Fake probabilities (N, conditions) at temperatures that were fitted to other images; NaN as in ``margins``."""
    probabilities = np.full(margins.shape, np.nan)
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    for fitted, held_out in folds.split(margins, is_fake, np.arange(len(margins))):
        judged = np.isfinite(margins[fitted])
        labels = np.broadcast_to(is_fake[fitted, None], judged.shape)
        temperature = fit_temperature(margins[fitted][judged], labels[judged])
        probabilities[held_out] = expit(margins[held_out] / temperature)
    return probabilities
