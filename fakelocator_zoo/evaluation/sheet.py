"""The contact sheet: the best, median and worst located fakes of an evaluation."""

from __future__ import annotations

import numpy as np

from fakelocator_zoo.evaluation.evaluate import predict, resized
from fakelocator_zoo.evaluation.predictors import Predictor
from fakelocator_zoo.evaluation.results import Evaluation, ScoredFake
from fakelocator_zoo.evaluation.samples import EvaluationSet, Sample
from fakelocator_zoo.inference.render import heat, overlay, side_by_side

#: Located fakes are ranked by this score; unlike pixel AUC it is defined for every map.
RANKED_BY = "coss"


def contact_sheet(
    predictor: Predictor, data: EvaluationSet, evaluation: Evaluation, *, height: int = 256
) -> np.ndarray:
    """One picture (H, W, 3) uint8: a row for the best, the median and the worst located fake by COSS.

    A row shows the fake as the predictor saw it, the true map, the located map and the overlay.

    Args:
        data: the set that was evaluated; the three fakes are read and located again.
        height: of the pictures in a row, in pixels.

    Raises:
        ValueError: where no fake has a located map.
    """
    rows = []
    for rank, fake in ranked(evaluation).items():
        samples = data.generators[fake.generator]
        sample = next(samples[i] for i, files in enumerate(samples.files) if files.name == fake.name)
        rows.append(_row(rank, fake, sample, predictor, height))
    width = max(row.shape[1] for row in rows)
    white = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.concatenate(white)


def ranked(evaluation: Evaluation) -> dict[str, ScoredFake]:
    """``best``, ``median`` and ``worst`` located fake; fewer where there are fewer than three.

    Raises:
        ValueError: where no fake has a located map.
    """
    falling = sorted(
        (fake for fake in evaluation.fakes if not np.isnan(fake.scores[RANKED_BY])),
        key=lambda fake: (-fake.scores[RANKED_BY], fake.generator, fake.name),
    )
    if not falling:
        raise ValueError(f"{evaluation.predictor} located no fake, so there is nothing to show")
    places = {"best": 0, "median": (len(falling) - 1) // 2, "worst": len(falling) - 1}
    chosen: dict[str, ScoredFake] = {}
    for rank, place in places.items():
        if falling[place] not in chosen.values():
            chosen[rank] = falling[place]
    return chosen


def _row(rank: str, fake: ScoredFake, sample: Sample, predictor: Predictor, height: int) -> np.ndarray:
    maps = predict(predictor, [sample.fake]).maps
    assert maps is not None  # it has a score
    located = resized(maps[0], sample.size)
    # A downscaled fake is smaller than its truth.
    seen = resized(maps[0], (sample.fake.shape[0], sample.fake.shape[1]))
    pictures = {
        f"{rank}: {fake.generator}, {fake.name.rsplit('/', 1)[-1]}": sample.fake,
        "true map": heat(sample.true_map),
        f"located map, COSS {fake.scores[RANKED_BY]:.2f}": heat(located),
        f"overlay, fake {fake.fake_probability:.0%}": overlay(sample.fake, seen),
    }
    return side_by_side(list(pictures.values()), list(pictures), height)
