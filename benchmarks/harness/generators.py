"""Table `generators`: every predictor on every generator, beside the trivial maps and the truth itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness.cells import Cell, Section, Skipped, skip_sentences
from benchmarks.harness.evaluations import (
    UNDEFINED,
    difference,
    evaluation_cells,
    evaluations,
    failure_sentences,
    sentences,
    shown,
    true_mask_cells,
)
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.rivals import contenders, model_names
from fakelocator_zoo.evaluation.evaluate import MAP_THRESHOLD
from fakelocator_zoo.evaluation.results import Evaluation
from fakelocator_zoo.evaluation.samples import EvaluationSet, read_edits, read_pairs, read_whole
from fakelocator_zoo.transforms.degradations import degradation

QUALITY = 75
PAIRS, RECOMPRESSED, WHOLE, EDITS = "pairs", f"pairs after JPEG {QUALITY}", "whole", "attributes"
FIGURES = {
    "pixel_auc": "pixel AUC",
    "coss": "COSS",
    "pearson": "Pearson",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "auc": "AUC",
    "accuracy": "accuracy",
}
COMPARED = {"pixel_auc": "pixel AUC", "coss": "COSS", "auc": "AUC"}
ALL = "mean over generators"


def cells(options: BenchOptions) -> list[Cell]:
    """One for each condition, predictor and generator, and what the others are compared with.

    Raises:
        Skipped: where there are neither pairs nor whole fakes nor edits.
    """
    if options.pairs is None and options.whole is None and options.attributes is None:
        raise Skipped("it needs fakes: give --data a folder with pairs/, whole/ or attributes/")
    sets: dict[str, EvaluationSet] = {}
    if options.pairs is not None:
        sets[PAIRS] = read_pairs(options.pairs, limit=options.limit)
        sets[RECOMPRESSED] = read_pairs(options.pairs, limit=options.limit, degrade=degradation("jpeg", QUALITY))
    if options.whole is not None:
        sets[WHOLE] = read_whole(options.whole, limit=options.limit)
    for folder in options.edited():
        sets[f"{EDITS}/{folder.name}"] = read_edits(folder, limit=options.limit)
    found = [baseline_cell(options)]
    for condition, data in sets.items():
        for contender in contenders(options):
            found += evaluation_cells(condition, contender, data)
        if data.paired:
            found += true_mask_cells(condition, data)
    return found


def baseline_cell(options: BenchOptions) -> Cell:
    """Names the predictor that the others are compared with, and the models: choices, but part of what is shown."""
    known = [each.name for each in contenders(options)]
    chosen = {"name": options.baseline or known[0], "models": known[: len(model_names(options))]}
    return Cell("compared with", chosen, lambda: chosen)


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """Rows for each condition, generator and predictor."""
    found = evaluations(results)
    baseline = str(results["compared with"]["name"])
    rows: list[tuple[str, ...]] = []
    for condition, predictors in found.items():
        for name, evaluation in predictors.items():
            rows += _rows(condition, name, evaluation, predictors.get(baseline))
    order = {group: index for index, group in enumerate(dict.fromkeys(row[0] for row in rows))}
    rows.sort(key=lambda row: order[row[0]])  # predictors of one generator below each other
    text = (
        "Partial fakes (`pairs`: a re-synthesised region blended into its photo), whole ones (`whole`) and edits of "
        "one attribute (`attributes`, the mean over the attributes). Pixel AUC is against the mask, of edits against "
        f"where they differ from their photo by {MAP_THRESHOLD:g} or more; COSS, Pearson, PSNR and SSIM are against "
        "|real - fake| (ones for a whole fake); AUC and "
        "accuracy are of the decision, fakes against the real photos. In brackets 95 % bootstrap intervals over "
        "images; of several generators the mean. The last columns are paired differences from "
        f"*{baseline}* on the same images: where the interval holds 0, the two do not differ. A dash stands where a "
        "figure is undefined, such as pixel AUC where every pixel is fake."
    )
    notes = skip_sentences(results) + failure_sentences(found)
    columns = ("generator", "predictor", "fakes", *FIGURES.values(), *(f"Δ {name}" for name in COMPARED.values()))
    return Section("generators", "Generators", sentences(text, notes), columns, rows)


def _rows(condition: str, name: str, evaluation: Evaluation, baseline: Evaluation | None) -> Iterator[tuple[str, ...]]:
    summary = evaluation.summary()
    groups: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
        each: ((each,), summary["generators"][each]) for each in evaluation.generators
    }
    everything = evaluation.generators, {"fakes": summary["fakes"], **summary["overall"]}
    if condition.startswith(EDITS):  # an attribute alone has a handful of people
        groups = {f"{len(groups)} attributes": everything}
    elif len(groups) > 1:
        groups[ALL] = everything
    for group, (generators, figures) in groups.items():
        differences = []
        for metric in COMPARED:
            if baseline is None or baseline.predictor == name:
                differences.append(UNDEFINED)
                continue
            differences.append(shown(difference(evaluation, baseline, metric, generators)))
        yield (
            f"{condition}: {group}",
            name,
            str(figures["fakes"]),
            *(shown(figures[metric]) for metric in FIGURES),
            *differences,
        )
