"""What was measured of one predictor: rows of each image, and their summary with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fakelocator_zoo.evaluation import statistics
from fakelocator_zoo.evaluation.statistics import Interval, bootstrap_decision, bootstrap_interval
from fakelocator_zoo.models.output import DECISION_THRESHOLD

#: Key in a summary -> how tables call it; scores of a located map, over fakes.
MAP_METRICS: Mapping[str, str] = {
    "coss": "COSS",
    "pearson": "Pearson",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "l1": "L1 ↓",
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
}
_STATISTICS: Mapping[str, statistics.DecisionStatistic] = {
    "accuracy": statistics.accuracy,
    "auc": statistics.auc,
    "true_positive_rate": statistics.true_positive_rate,
}


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

    def summary(self, *, draws: int = statistics.DRAWS, seed: int = 0) -> dict[str, Any]:
        """Means, 95 % intervals and counts for each generator and over them, as JSON has them.

        Overall figures are means over the generators. Each figure is ``{mean, low, high, count}``; what is
        undefined is None, with a count of 0.
        """
        options: dict[str, Any] = {"draws": draws, "seed": seed}
        return {
            "predictor": self.predictor,
            "paired": self.paired,
            "map_threshold": self.threshold,
            "decision_threshold": DECISION_THRESHOLD,
            "photos": len(self.photos),
            "fakes": len(self.fakes),
            "false_positive_rate": _plain(bootstrap_interval(self._called_fake(), **options)),
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

    def _called_fake(self) -> np.ndarray:
        scores = np.array([photo.fake_probability for photo in self.photos])
        return np.where(np.isnan(scores), np.nan, scores >= DECISION_THRESHOLD)

    def _figures(self, generators: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
        figures = {metric: bootstrap_interval(self.values(metric, generators), **options) for metric in MAP_METRICS}
        real, fake = self._real_scores(generators), self.values("fake_probability", generators)
        for metric, statistic in _STATISTICS.items():
            figures[metric] = bootstrap_decision(statistic, real, fake, paired=self.paired, **options)
        return {metric: _plain(figure) for metric, figure in figures.items()}


def _plain(figure: Interval) -> dict[str, float | int | None]:
    if np.isnan(figure.mean):
        return {"mean": None, "low": None, "high": None, "count": 0}
    return asdict(figure)
