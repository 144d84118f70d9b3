"""Cells that evaluate a predictor on the fakes of one generator, and their results as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.cells import Cell, files_digest, run_cells, skip_sentences
from benchmarks.harness.contenders import Contender, models, trivial
from benchmarks.harness.options import Options
from benchmarks.harness.table import Row, Table
from fakelocator_zoo.evaluation.evaluate import evaluate
from fakelocator_zoo.evaluation.results import Evaluation, ScoredFake, ScoredPhoto
from fakelocator_zoo.evaluation.samples import EvaluationSet, Photos
from fakelocator_zoo.evaluation.statistics import Interval
from fakelocator_zoo.evaluation.tables import cell

#: Figures of fakes; key of a metric -> column.
FIGURES = {
    "pixel_auc": "pixel AUC",
    "auc": "image AUC",
    "coss": "COSS",
    "pearson": "Pearson",
    "map_level": "map level",
}
COLUMNS = ("fakes", *FIGURES.values(), "fakes called fake", "photos called fake")
#: How the text of a table explains :data:`COLUMNS`.
EXPLAINED = (
    "*Pixel AUC* ranks the pixels of a fake by its map. *Image AUC* ranks fakes and real photos by fake probability. "
    "*COSS* (cosine similarity) and *Pearson* compare the map with |real - fake|. *Map level* is the mean of the map "
    "inside the mask over the mean of the truth there; 1 is right. *Called fake* are the shares at the threshold that "
    "the model stores; trivial maps have none. In brackets: 95 % bootstrap intervals over images. A dash: undefined."
)
UNDEFINED = "-"
#: The part of a set that is no generator's.
PHOTOS = "photos"
#: Condition, such as a degradation -> predictor -> what was measured.
Found = dict[str, dict[str, Evaluation]]


def evaluation_table(
    options: Options,
    name: str,
    title: str,
    text: str,
    sets: Mapping[str, EvaluationSet],
    heading: str,
    contenders: Sequence[Contender] | None = None,
) -> Table:
    """A row for each set and predictor, over its generators; the rows of each generator as details.

    Args:
        sets: what the first column says -> images.
        heading: of the first column.
        contenders: None takes the models of the run and the trivial maps.
    """
    contenders = contenders or [*models(options), *trivial()]
    found, notes = evaluate_sets(options, name, sets, contenders)
    decided = {each.name for each in contenders if each.decides}
    rows: list[Row] = []
    details: dict[str, list[Row]] = {}
    for condition, predictors in found.items():
        for predictor, evaluation in predictors.items():
            summary = evaluation.summary()
            rows.append((condition, predictor, *figures(summary, predictor in decided)))
            if len(evaluation.generators) > 1:
                for generator in evaluation.generators:
                    row = (condition, predictor, *figures(summary, predictor in decided, generator))
                    details.setdefault(generator, []).append(row)
    return Table(title, f"{text}\n\n{EXPLAINED}", (heading, "predictor", *COLUMNS), rows, details, notes)


def evaluate_sets(
    options: Options, table: str, sets: Mapping[str, EvaluationSet], contenders: Sequence[Contender]
) -> tuple[Found, list[str]]:
    """Evaluate every contender on every set, a cell for its photos and one for each generator.

    Args:
        sets: condition -> images.

    Returns:
        What was measured, and a sentence for each cell or file that was skipped.
    """
    cells = [
        Cell(
            f"{condition}/{contender.name}/{part}",
            {"predictor": dict(contender.settings), "files": files_digest(_paths(data))},
            partial(_compute, condition, contender, data),
        )
        for condition, whole in sets.items()
        for contender in contenders
        for part, data in _parts(whole).items()
    ]
    results = run_cells(options, table, cells)
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for result in results.values():
        if "skipped" not in result:
            parts.setdefault((result["condition"], result["predictor"]), []).append(result)
    found: Found = {}
    for (condition, predictor), each in parts.items():
        found.setdefault(condition, {})[predictor] = _joined(each)
    failures = (sentence for result in results.values() for sentence in result.get("failures", ()))
    return found, [*skip_sentences(results), *dict.fromkeys(failures)]


def figures(summary: Mapping[str, Any], decides: bool, generator: str | None = None) -> Row:
    """The cells of :data:`COLUMNS`, with intervals.

    Args:
        summary: of :meth:`Evaluation.summary`.
        decides: whether the predictor has a threshold; without one there are dashes in place of shares called fake.
        generator: None takes the means over the generators.
    """
    found = summary["overall"] if generator is None else summary["generators"][generator]
    return (
        str(summary["fakes"] if generator is None else found["fakes"]),
        *(shown(found[metric]) for metric in FIGURES),
        *(shown(each) if decides else UNDEFINED for each in (found["called_fake"], summary["false_positive_rate"])),
    )


def shown(figure: Mapping[str, Any] | Interval) -> str:
    """A figure with its interval as "0.920 [0.901, 0.938]"; a dash where it is undefined."""
    values = asdict(figure) if isinstance(figure, Interval) else figure
    return UNDEFINED if values["mean"] is None or np.isnan(values["mean"]) else cell(values)


def _compute(condition: str, contender: Contender, data: EvaluationSet) -> dict[str, Any]:
    return {"condition": condition, **asdict(evaluate(contender.load(), data))}


def _joined(parts: Sequence[Mapping[str, Any]]) -> Evaluation:
    first = parts[0]
    return Evaluation(
        first["predictor"],
        first["threshold"],
        first["paired"],
        tuple(name for part in parts for name in part["generators"]),
        tuple(ScoredFake(**row) for part in parts for row in part["fakes"]),
        tuple(ScoredPhoto(**row) for part in parts for row in part["photos"]),
        tuple(dict.fromkeys(sentence for part in parts for sentence in part["failures"])),
        first["decision_threshold"],
        {name: value for part in parts for name, value in part["pooled_pixel_auc"].items()},
    )


def _parts(data: EvaluationSet) -> dict[str, EvaluationSet]:
    photos = {PHOTOS: EvaluationSet(data.photos, {}, data.paired)} if len(data.photos) else {}
    return photos | {
        name: EvaluationSet(Photos({}), {name: fakes}, data.paired) for name, fakes in data.generators.items()
    }


def _paths(data: EvaluationSet) -> list[Path]:
    files = [each for samples in data.generators.values() for each in samples.files]
    return [*data.photos.paths, *(path for each in files for path in (each.fake, each.real, each.mask) if path)]
