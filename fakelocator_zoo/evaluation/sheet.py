"""The contact sheet: the best, median and worst predicted maps of an evaluation."""

from __future__ import annotations

import numpy as np

from fakelocator_zoo.evaluation.evaluate import checked, resized
from fakelocator_zoo.evaluation.predictors import Predictor
from fakelocator_zoo.evaluation.results import Evaluation, ScoredFake
from fakelocator_zoo.evaluation.samples import EvaluationSet, LabelledFake
from fakelocator_zoo.inference.render import heat, overlay, side_by_side


def contact_sheet(
    predictor: Predictor, data: EvaluationSet, evaluation: Evaluation, *, height: int = 256
) -> np.ndarray:
    """One picture (H, W, 3) uint8: a row for the best, the median and the worst predicted map by COSS.

    A row shows the fake as the predictor saw it, the true map, the predicted map and the overlay.

    Args:
        data: the set that was evaluated; the three fakes are read and predicted again.
        height: of the pictures in a row, in pixels.

    Raises:
        ValueError: where no fake has a predicted map.
    """
    rows = []
    for rank, scored in ranked(evaluation).items():
        fakes = data.generators[scored.generator]
        index = next(i for i, files in enumerate(fakes.files) if files.name == scored.name)
        rows.append(_row(rank, scored, fakes[index], predictor, height))
    width = max(row.shape[1] for row in rows)
    white = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.concatenate(white)


def ranked(evaluation: Evaluation) -> dict[str, ScoredFake]:
    """``best``, ``median`` and ``worst`` fake by COSS; fewer where there are fewer than three.

    Raises:
        ValueError: where no fake has a predicted map.
    """
    falling = sorted(
        (fake for fake in evaluation.fakes if not np.isnan(fake.scores["coss"])),
        key=lambda fake: (-fake.scores["coss"], fake.generator, fake.name),
    )
    if not falling:
        raise ValueError(f"{evaluation.predictor} predicted no map, so there is nothing to show")
    chosen: dict[str, ScoredFake] = {}
    for rank, place in {"best": 0, "median": (len(falling) - 1) // 2, "worst": len(falling) - 1}.items():
        if falling[place] not in chosen.values():
            chosen[rank] = falling[place]
    return chosen


def _row(rank: str, scored: ScoredFake, sample: LabelledFake, predictor: Predictor, height: int) -> np.ndarray:
    maps = checked(predictor.predict, [sample.fake], predictor.name).maps
    assert maps is not None  # it has a score
    # A downscaled fake is smaller than its truth.
    seen = resized(maps[0], (sample.fake.shape[0], sample.fake.shape[1]))
    pictures = {
        f"{rank}: {scored.generator}, {scored.name.rsplit('/', 1)[-1]}": sample.fake,
        "true map": heat(sample.true_map),
        f"predicted map, COSS {scored.scores['coss']:.2f}": heat(resized(maps[0], sample.size)),
        f"overlay, fake {scored.fake_probability:.0%}": overlay(sample.fake, seen),
    }
    return side_by_side(list(pictures.values()), list(pictures), height)
