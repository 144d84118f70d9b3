"""Table `robustness`: maps and decisions after compression, blur, noise and reduction, as curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
)
from benchmarks.harness.generators import baseline_cell
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.pictures import Panel, Series, draw_panels
from benchmarks.harness.rivals import contenders
from fakelocator_zoo.evaluation.samples import read_pairs
from fakelocator_zoo.transforms.degradations import Degradation, degradation

#: Degradation -> its strengths, from little to much.
STRENGTHS: dict[str, tuple[float, ...]] = {
    "jpeg": (95, 90, 75, 50, 30),
    "blur": (0.5, 1, 2),
    "noise": (2, 4, 8),
    "downscale": (0.75, 0.5, 0.25),
}
QUICK: dict[str, tuple[float, ...]] = {"jpeg": (90, 50), "downscale": (0.5,)}
#: The images as they are: measured once, and the first point of each curve at this strength. A JPEG has none.
UNCHANGED = "unchanged"
NO_CHANGE = {"blur": 0.0, "noise": 0.0, "downscale": 1.0}
LABELS = {
    "jpeg": ("JPEG", "quality"),
    "blur": ("Gaussian blur", "sigma in pixels"),
    "noise": ("Gaussian noise", "sigma in levels of 255"),
    "downscale": ("Downscaling", "factor"),
}
CURVES = {"pixel_auc": "pixel AUC of the map", "coss": "COSS of the map", "auc": "AUC of the decision"}
COMPARED = {"pixel_auc": "Δ pixel AUC", "auc": "Δ AUC"}
#: Metric and degradation -> predictor -> its points: strength, and figure with interval.
Points = dict[tuple[str, str], dict[str, list[tuple[float, Mapping[str, Any]]]]]
PICTURE = "robustness.png"
#: Of the images a generator: a point needs fewer, as it is a mean over the generators.
SHARE = 2


def cells(options: BenchOptions) -> list[Cell]:
    """One for each degradation, strength, predictor and generator.

    Raises:
        Skipped: where there are no pairs.
    """
    if options.pairs is None:
        raise Skipped("it needs pairs: give --data a folder with pairs/")
    limit = max(1, options.limit // SHARE)
    conditions: dict[str, Degradation | None] = {UNCHANGED: None}
    for name, strengths in (QUICK if options.quick else STRENGTHS).items():
        conditions |= {f"{name} {strength:g}": degradation(name, strength) for strength in strengths}
    found = [baseline_cell(options)]
    for condition, degrade in conditions.items():
        data = read_pairs(options.pairs, limit=limit, degrade=degrade)
        for contender in contenders(options):
            found += evaluation_cells(condition, contender, data)
    return found


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """A row for each degradation, strength and predictor, and the same as a picture of curves."""
    found = evaluations(results)
    baseline = str(results["compared with"]["name"])
    degradations = dict.fromkeys(condition.split()[0] for condition in found if condition != UNCHANGED)
    rows: list[tuple[str, ...]] = []
    points: Points = {}
    for condition, predictors in found.items():
        for predictor, evaluation in predictors.items():
            summary = evaluation.summary()
            figures = summary["overall"]
            differences = [
                UNDEFINED
                if predictor == baseline or baseline not in predictors
                else shown(difference(evaluation, predictors[baseline], metric, evaluation.generators))
                for metric in COMPARED
            ]
            curves = [shown(figures[metric]) for metric in CURVES]
            rows.append((_label(condition), predictor, str(summary["fakes"]), *curves, *differences))
            for name, strength in _places(condition, degradations):
                for metric in CURVES:
                    points.setdefault((metric, name), {}).setdefault(predictor, []).append((strength, figures[metric]))
    text = (
        "Partial fakes and their photos, degraded alike after blending; maps are scored at the photo's full size, "
        "means over the generators, with 95 % bootstrap intervals over images. Δ are paired differences from "
        f"*{baseline}* on the same images."
    )
    notes = skip_sentences(results) + failure_sentences(found)
    pictures = {}
    if points:
        try:
            columns = len({name for _, name in points})
            draw_panels(folder / PICTURE, _panels(points), columns, foremost=results["compared with"]["models"])
            pictures[PICTURE] = "Map and decision under degradation; bands are 95 %, the grey line is chance"
        except Skipped as reason:
            notes.append(str(reason))
    headings = ("degradation", "predictor", "fakes", *CURVES.values(), *COMPARED.values())
    return Section("robustness", "Robustness", sentences(text, notes), headings, rows, pictures)


def _label(condition: str) -> str:
    if condition == UNCHANGED:
        return UNCHANGED
    name, strength = condition.split()
    title, unit = LABELS[name]
    return f"{title}, {unit} {strength}"


def _places(condition: str, degradations: Iterable[str]) -> list[tuple[str, float]]:
    """The curves, and where on each, that a condition is a point of."""
    if condition == UNCHANGED:
        return [(name, NO_CHANGE[name]) for name in degradations if name in NO_CHANGE]
    name, strength = condition.split()
    return [(name, float(strength))]


def _panels(points: Points) -> list[Panel]:
    panels = []
    for metric, label in CURVES.items():
        for name, (title, unit) in LABELS.items():
            lines = points.get((metric, name), {})
            series = {
                predictor: _series([point for point in line if point[1]["mean"] is not None])
                for predictor, line in lines.items()
                if any(figure["mean"] is not None for _, figure in line)
            }
            if series:
                panels.append(Panel(title, unit, label, series, chance=None if metric == "coss" else 0.5))
    return panels


def _series(line: list[tuple[float, Mapping[str, Any]]]) -> Series:
    return Series(
        [strength for strength, _ in line],
        *([figure[key] for _, figure in line] for key in ("mean", "low", "high")),
    )
