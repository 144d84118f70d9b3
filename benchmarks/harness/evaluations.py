"""Cells that evaluate a predictor on the fakes of one generator, and their results put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.cells import Cell, files_digest
from benchmarks.harness.rivals import Contender
from fakelocator_zoo.evaluation.evaluate import MAP_THRESHOLD, TRUE_MASK, evaluate, evaluate_true_mask
from fakelocator_zoo.evaluation.results import Evaluation, ScoredFake, ScoredPhoto
from fakelocator_zoo.evaluation.samples import EvaluationSet, Photos
from fakelocator_zoo.evaluation.statistics import Interval, auc, paired_decision_difference, paired_difference
from fakelocator_zoo.evaluation.tables import cell

#: The part of a set that is no generator's.
PHOTOS = "photos"
#: What tables show where a figure is undefined.
UNDEFINED = "-"


def evaluation_cells(condition: str, contender: Contender, data: EvaluationSet) -> list[Cell]:
    """One cell for the real photos and one for each generator.

    Args:
        condition: which set, and what was done to its images; in the cells' keys and results.
    """
    return _cells(
        condition,
        contender.name,
        {"predictor": dict(contender.settings)},
        _parts(data),
        lambda part: evaluate(contender.load(), part),
    )


def true_mask_cells(condition: str, data: EvaluationSet) -> list[Cell]:
    """One cell for each generator: the truth itself as a located map, the ceiling."""
    parts = {name: part for name, part in _parts(data).items() if name != PHOTOS}
    return _cells(condition, TRUE_MASK, {}, parts, evaluate_true_mask)


def evaluation_result(condition: str, name: str, evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation, or a part of one, as the result of a cell; :func:`evaluations` reads it."""
    return {
        "condition": condition,
        "predictor": name,
        "paired": evaluation.paired,
        "generators": list(evaluation.generators),
        "fakes": [asdict(fake) for fake in evaluation.fakes],
        "photos": [asdict(photo) for photo in evaluation.photos],
        "failures": list(evaluation.failures),
    }


def set_paths(data: EvaluationSet) -> list[Path]:
    """The files of a set, for the settings of a cell."""
    files = [each for samples in data.generators.values() for each in samples.files]
    return [*data.photos.paths, *(path for each in files for path in (each.fake, each.real, each.mask) if path)]


def evaluations(results: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Evaluation]]:
    """Condition -> predictor -> its evaluation, from the results of such cells; skipped cells are left out."""
    parts: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for result in results.values():
        if "condition" in result:
            parts.setdefault((result["condition"], result["predictor"]), []).append(result)
    found: dict[str, dict[str, Evaluation]] = {}
    for (condition, predictor), each in parts.items():
        found.setdefault(condition, {})[predictor] = Evaluation(
            predictor,
            MAP_THRESHOLD,
            all(part["paired"] for part in each),
            tuple(name for part in each for name in part["generators"]),
            tuple(ScoredFake(**row) for part in each for row in part["fakes"]),
            tuple(ScoredPhoto(**row) for part in each for row in part["photos"]),
            tuple(dict.fromkeys(sentence for part in each for sentence in part["failures"])),
        )
    return found


def difference(a: Evaluation, b: Evaluation, metric: str, generators: Sequence[str]) -> Interval:
    """A map metric, or the decision's ``auc``, of ``a`` less that of ``b`` on the same images, with its interval."""
    if metric == "auc":
        return _auc_difference(a, b, generators)
    tables = [
        {(fake.generator, fake.name): fake.scores[metric] for fake in each.fakes if fake.generator in generators}
        for each in (a, b)
    ]
    names = sorted({name for table in tables for _, name in table})
    values = [[[table.get((each, name), np.nan) for name in names] for each in generators] for table in tables]
    return paired_difference(np.array(values[0]), np.array(values[1]))


def _auc_difference(a: Evaluation, b: Evaluation, generators: Sequence[str]) -> Interval:
    photos, fakes = (
        [{key(row): row.fake_probability for row in rows(each)} for each in (a, b)]
        for key, rows in (
            (lambda photo: photo.name, lambda each: each.photos),
            (lambda fake: (fake.generator, fake.name), lambda each: each.fakes),
        )
    )
    known = sorted({name for table in photos for name in table})
    names = sorted({name for table in fakes for generator, name in table if generator in generators})
    if a.paired:  # a photo and its fakes share a column, and are drawn together
        known = names = sorted({*known, *names})
    scores = [
        (
            np.array([real.get(name, np.nan) for name in known]),
            np.array([[fake.get((each, name), np.nan) for name in names] for each in generators]),
        )
        for real, fake in zip(photos, fakes, strict=True)
    ]
    return paired_decision_difference(auc, scores[0], scores[1], paired=a.paired)


def failure_sentences(found: Mapping[str, Mapping[str, Evaluation]]) -> list[str]:
    """What files could not be scored, each once."""
    everyone = [each for predictors in found.values() for each in predictors.values()]
    return list(dict.fromkeys(sentence for each in everyone for sentence in each.failures))


def shown(figure: Mapping[str, Any] | Interval) -> str:
    """A figure with its interval as "0.920 [0.901, 0.938]"; a dash where it is undefined."""
    values = asdict(figure) if isinstance(figure, Interval) else figure
    return UNDEFINED if values["mean"] is None or np.isnan(values["mean"]) else cell(values)


def sentences(text: str, notes: Iterable[str]) -> str:
    """A text with its notes as a list below."""
    return "\n".join([text, *(["", *(f"- {note}" for note in notes)] if notes else [])])


def _parts(data: EvaluationSet) -> dict[str, EvaluationSet]:
    parts = {PHOTOS: EvaluationSet(data.photos, {}, data.paired)} if len(data.photos) else {}
    alone = {name: EvaluationSet(Photos({}), {name: fakes}, data.paired) for name, fakes in data.generators.items()}
    return parts | alone


def _cells(
    condition: str,
    name: str,
    settings: Mapping[str, Any],
    parts: Mapping[str, EvaluationSet],
    score: Callable[[EvaluationSet], Evaluation],
) -> list[Cell]:
    return [
        Cell(
            f"{condition}/{name}/{part}",
            {**settings, "condition": condition, "files": files_digest(set_paths(data))},
            partial(_compute, condition, name, data, score),
        )
        for part, data in parts.items()
    ]


def _compute(
    condition: str, name: str, data: EvaluationSet, score: Callable[[EvaluationSet], Evaluation]
) -> dict[str, Any]:
    return evaluation_result(condition, name, score(data))
