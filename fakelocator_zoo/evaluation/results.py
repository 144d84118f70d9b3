"""What was measured of one predictor: rows of each image, and their summary with intervals."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from fakelocator_zoo.evaluation import statistics
from fakelocator_zoo.evaluation.reliability import Reliability, reliability
from fakelocator_zoo.evaluation.statistics import Interval, bootstrap_decision, bootstrap_interval, proportion_interval

#: Key in a summary -> heading in tables; scores of a predicted map, over fakes.
MAP_METRICS: Mapping[str, str] = {
    "coss": "COSS",
    "pearson": "Pearson",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "l1": "L1 ↓",
    "map_level": "level (1)",
    "pixel_auc": "pixel AUC",
    "pixel_ap": "pixel AP",
    "iinc": "IINC ↓",
    "pixel_accuracy": "pixel accuracy",
}
#: The same for the decision, over real photos and fakes.
DECISION_METRICS: Mapping[str, str] = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "true_positive_rate": "TPR at 1 % FPR",
    "called_fake": "fakes called fake",
    "calibration_error": "ECE ↓",
}
#: Photos that :meth:`Evaluation.photo_summary` lists, those with the highest fake probability.
WORST = 10
#: Name of all generators together in :meth:`Evaluation.reliability`.
ALL = "all generators"


@dataclass(frozen=True)
class ScoredFake:
    """One fake's row."""

    name: str
    generator: str
    scores: Mapping[str, float]  #: of :data:`MAP_METRICS`; NaN where undefined, all NaN without a map
    fake_probability: float  #: NaN where the predictor has none


@dataclass(frozen=True)
class ScoredPhoto:
    """One real photo's row."""

    name: str
    fake_probability: float


@dataclass(frozen=True)
class Evaluation:
    """Everything measured of one predictor on one set; rows stand in the set's order."""

    predictor: str
    threshold: float  #: of map values
    paired: bool
    generators: tuple[str, ...]
    fakes: tuple[ScoredFake, ...]
    photos: tuple[ScoredPhoto, ...]
    failures: tuple[str, ...]  #: one sentence for each file that could not be scored
    decision_threshold: float = 0.5  #: of fake probabilities
    pooled_pixel_auc: Mapping[str, float] = field(default_factory=dict)  #: generator -> AUC of all its pixels together

    def summary(self, *, draws: int = statistics.DRAWS, seed: int = 0) -> dict[str, Any]:
        """Means, 95 % intervals and counts for each generator and over them, as JSON has them.

        Overall figures are means over the generators. Each figure is ``{mean, low, high, count}``; what is
        undefined is None, with a count of 0. ``calibration`` compares all photos with all fakes.
        """
        options: dict[str, Any] = {"draws": draws, "seed": seed}
        called = _called(np.array([photo.fake_probability for photo in self.photos]), self.decision_threshold)
        return {
            "predictor": self.predictor,
            "paired": self.paired,
            "map_threshold": self.threshold,
            "decision_threshold": self.decision_threshold,
            "photos": len(self.photos),
            "fakes": len(self.fakes),
            "false_positive_rate": _plain(bootstrap_interval(called, **options)),
            "calibration": self._calibration(),
            "overall": self._figures(self.generators, options),
            "generators": {
                each: {
                    "fakes": sum(fake.generator == each for fake in self.fakes),
                    **self._figures((each,), options),
                }
                for each in self.generators
            },
            "failures": list(self.failures),
        }

    def photo_summary(self) -> dict[str, Any]:
        """The share of photos called fake with its 95 % Wilson interval, and the worst of them, as JSON has them.

        Raises:
            ValueError: where no photo could be scored.
        """
        if not self.photos:
            raise ValueError(f"no photo could be scored: {'; '.join(self.failures) or 'there is none'}")
        falling = sorted(self.photos, key=lambda photo: (-photo.fake_probability, photo.name))
        called = sum(photo.fake_probability >= self.decision_threshold for photo in falling)
        return {
            "predictor": self.predictor,
            "decision_threshold": self.decision_threshold,
            "photos": len(falling),
            "called_fake": called,
            "false_positive_rate": asdict(proportion_interval(called, len(falling))),
            "worst": [asdict(photo) for photo in falling[:WORST]],
            "failures": list(self.failures),
        }

    def reliability(self) -> dict[str, Reliability]:
        """Of all photos with all fakes, under :data:`ALL`, and with those of each generator where there are several.

        Where photos, fakes or their probabilities are missing there is none.
        """
        photos = _finite([photo.fake_probability for photo in self.photos])
        fakes = {name: _finite(self.values("fake_probability", (name,))) for name in self.generators}
        groups = {ALL: np.concatenate([*fakes.values(), np.empty(0)]), **(fakes if len(fakes) > 1 else {})}
        return {
            name: reliability(np.concatenate([photos, each]), np.repeat([False, True], (len(photos), len(each))))
            for name, each in groups.items()
            if len(photos) and len(each)
        }

    def values(self, metric: str, generators: Sequence[str] | None = None) -> np.ndarray:
        """A metric of every fake, or ``fake_probability``: (generators, names), NaN where there is none."""
        wanted = self.generators if generators is None else tuple(generators)
        column = {name: index for index, name in enumerate(self._names(wanted))}
        table = np.full((len(wanted), len(column)), np.nan)
        for fake in self.fakes:
            if fake.generator in wanted:
                value = fake.fake_probability if metric == "fake_probability" else fake.scores[metric]
                table[wanted.index(fake.generator), column[fake.name]] = value
        return table

    def _names(self, generators: Sequence[str]) -> list[str]:
        """The columns of :meth:`values`; in a paired set a photo and its fakes share one."""
        names = {fake.name for fake in self.fakes if fake.generator in generators}
        if self.paired:
            names |= {photo.name for photo in self.photos}
        return sorted(names)

    def _real_scores(self, generators: Sequence[str]) -> np.ndarray:
        if not self.paired:
            return np.array([photo.fake_probability for photo in self.photos])
        by_name = {photo.name: photo.fake_probability for photo in self.photos}
        return np.array([by_name.get(name, np.nan) for name in self._names(generators)])

    def _figures(self, generators: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
        figures = {metric: bootstrap_interval(self.values(metric, generators), **options) for metric in MAP_METRICS}
        real, fake = self._real_scores(generators), self.values("fake_probability", generators)
        decisions: dict[str, statistics.DecisionStatistic] = {
            "accuracy": partial(statistics.accuracy, threshold=self.decision_threshold),
            "auc": statistics.auc,
            "true_positive_rate": statistics.true_positive_rate,
            "calibration_error": statistics.calibration_error,
        }
        for metric, statistic in decisions.items():
            figures[metric] = bootstrap_decision(statistic, real, fake, paired=self.paired, **options)
        figures["called_fake"] = bootstrap_interval(_called(fake, self.decision_threshold), **options)
        pooled = [self.pooled_pixel_auc.get(generator, np.nan) for generator in generators]
        pooled = [each for each in pooled if np.isfinite(each)]
        return {metric: _plain(figure) for metric, figure in figures.items()} | {
            "pooled_pixel_auc": float(np.mean(pooled)) if pooled else None
        }

    def _calibration(self) -> dict[str, Any] | None:
        found = self.reliability().get(ALL)
        if found is None:
            return None
        bins = [[None if np.isnan(x) else float(x) for x in side] for side in (found.predicted, found.observed)]
        return {
            "error": found.error,
            "predicted": bins[0],
            "observed": bins[1],
            "counts": found.counts.tolist(),
        }


def images_csv(evaluations: Sequence[Evaluation]) -> str:
    """A row for each photo and fake of each predictor."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["predictor", "generator", "name", "fake_probability", *MAP_METRICS])
    for each in evaluations:
        blank = [""] * len(MAP_METRICS)
        writer.writerows([each.predictor, "", photo.name, photo.fake_probability, *blank] for photo in each.photos)
        for fake in each.fakes:
            scores = (fake.scores[metric] for metric in MAP_METRICS)
            writer.writerow([each.predictor, fake.generator, fake.name, fake.fake_probability, *scores])
    return text.getvalue()


def _called(scores: np.ndarray, threshold: float) -> np.ndarray:
    return np.where(np.isnan(scores), np.nan, scores >= threshold)


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    found = np.asarray(values, np.float64)
    return found[np.isfinite(found)]


def _plain(figure: Interval) -> dict[str, float | int | None]:
    if np.isnan(figure.mean):
        return {"mean": None, "low": None, "high": None, "count": 0}
    return asdict(figure)
