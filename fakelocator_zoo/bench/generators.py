"""Table `generators`: every predictor on every generator, beside the trivial maps and the truth itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fakelocator_zoo.bench.cells import Cell, Section, Skipped, skip_sentences
from fakelocator_zoo.bench.evaluations import (
    UNDEFINED,
    difference,
    evaluation_cells,
    evaluations,
    failure_sentences,
    sentences,
    shown,
    true_mask_cells,
)
from fakelocator_zoo.bench.options import BenchOptions
from fakelocator_zoo.bench.rivals import contenders
from fakelocator_zoo.degradations import degradation
from fakelocator_zoo.evaluation.results import Evaluation
from fakelocator_zoo.evaluation.samples import read_pairs, read_whole

QUALITY = 75
PAIRS, RECOMPRESSED, WHOLE = "pairs", f"pairs after JPEG {QUALITY}", "whole"
FIGURES = {
    "pixel_auc": "pixel AUC",
    "coss": "COSS",
    "pearson": "Pearson",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "auc": "AUC",
    "accuracy": "accuracy",
}
COMPARED = {"pixel_auc": "pixel AUC", "coss": "COSS"}
ALL = "mean over generators"


def cells(options: BenchOptions) -> list[Cell]:
    """One for each condition, predictor and generator, and what the others are compared with.

    Raises:
        Skipped: where there are neither pairs nor whole fakes.
    """
    if options.pairs is None and options.whole is None:
        raise Skipped("it needs fakes: give --data a folder with pairs/ or whole/")
    sets = {}
    if options.pairs is not None:
        sets[PAIRS] = read_pairs(options.pairs, limit=options.limit)
        sets[RECOMPRESSED] = read_pairs(options.pairs, limit=options.limit, degrade=degradation("jpeg", QUALITY))
    if options.whole is not None:
        sets[WHOLE] = read_whole(options.whole, limit=options.limit)
    found = [baseline_cell(options)]
    for condition, data in sets.items():
        for contender in contenders(options):
            found += evaluation_cells(condition, contender, data)
        if data.paired:
            found += true_mask_cells(condition, data)
    return found


def baseline_cell(options: BenchOptions) -> Cell:
    """Names the predictor that the others are compared with: a choice, but part of what a table shows."""
    name = options.baseline or contenders(options)[0].name
    return Cell("compared with", {"name": name}, lambda: {"name": name})


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
        "Partial fakes (`pairs`: a re-synthesised region blended into its photo) and whole ones (`whole`). Pixel AUC "
        "is against the mask, COSS, Pearson, PSNR and SSIM against |real - fake| (ones for a whole fake); AUC and "
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
    if len(groups) > 1:
        groups[ALL] = (evaluation.generators, {"fakes": summary["fakes"], **summary["overall"]})
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
