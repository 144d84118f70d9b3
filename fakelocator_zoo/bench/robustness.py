"""Table `robustness`: maps and decisions after compression, blur, noise and reduction, as curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakelocator_zoo.bench.cells import Cell, Section, Skipped, skip_sentences
from fakelocator_zoo.bench.evaluations import evaluation_cells, evaluations, failure_sentences, sentences, shown
from fakelocator_zoo.bench.options import BenchOptions
from fakelocator_zoo.bench.pictures import Panel, Series, draw_panels
from fakelocator_zoo.bench.rivals import contenders
from fakelocator_zoo.degradations import degradation
from fakelocator_zoo.evaluation.samples import read_pairs

#: Degradation -> its strengths, from none or little to much; the first of all is no degradation.
STRENGTHS: dict[str, tuple[float, ...]] = {
    "jpeg": (95, 90, 75, 50, 30),
    "blur": (0, 0.5, 1, 2),
    "noise": (0, 2, 4, 8),
    "downscale": (1.0, 0.75, 0.5, 0.25),
}
QUICK: dict[str, tuple[float, ...]] = {"jpeg": (90, 50), "downscale": (1.0, 0.5)}
LABELS = {
    "jpeg": ("JPEG", "quality"),
    "blur": ("Gaussian blur", "sigma in pixels"),
    "noise": ("Gaussian noise", "sigma in levels of 255"),
    "downscale": ("Downscaling", "factor"),
}
CURVES = {"pixel_auc": "pixel AUC of the map", "coss": "COSS of the map", "auc": "AUC of the decision"}
#: Of the images a generator: a point needs fewer, as it is a mean over the generators.
SHARE = 4


def cells(options: BenchOptions) -> list[Cell]:
    """One for each degradation, strength, predictor and generator.

    Raises:
        Skipped: where there are no pairs.
    """
    if options.pairs is None:
        raise Skipped("it needs pairs: give --data a folder with pairs/")
    limit = max(1, options.limit // SHARE)
    found = []
    for name, strengths in (QUICK if options.quick else STRENGTHS).items():
        for strength in strengths:
            data = read_pairs(options.pairs, limit=limit, degrade=degradation(name, strength))
            for contender in contenders(options):
                found += evaluation_cells(f"{name} {strength:g}", contender, data)
    return found


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """A row for each degradation, strength and predictor, and the same as a picture of curves."""
    found = evaluations(results)
    rows: list[tuple[str, ...]] = []
    points: dict[tuple[str, str], dict[str, list[tuple[float, Mapping[str, Any]]]]] = {}
    for condition, predictors in found.items():
        name, strength = condition.split()
        title, unit = LABELS[name]
        for predictor, evaluation in predictors.items():
            summary = evaluation.summary()
            figures = summary["overall"]
            rows.append(
                (
                    f"{title}, {unit} {strength}",
                    predictor,
                    str(summary["fakes"]),
                    *(shown(figures[metric]) for metric in CURVES),
                )
            )
            for metric in CURVES:
                points.setdefault((metric, name), {}).setdefault(predictor, []).append(
                    (float(strength), figures[metric])
                )
    text = (
        "Partial fakes and their photos, degraded alike after blending; maps are scored at the photo's full size, "
        "means over the generators, with 95 % bootstrap intervals over images."
    )
    notes = skip_sentences(results) + failure_sentences(found)
    pictures = {}
    if points:
        try:
            draw_panels(folder / "robustness.png", _panels(points), columns=len({name for _, name in points}))
            pictures["robustness.png"] = "Map and decision under degradation; the thin line is chance, bands are 95 %"
        except Skipped as reason:
            notes.append(str(reason))
    columns = ("degradation", "predictor", "fakes", *CURVES.values())
    return Section("robustness", "Robustness", sentences(text, notes), columns, rows, pictures)


def _panels(points: Mapping[tuple[str, str], Mapping[str, list[tuple[float, Mapping[str, Any]]]]]) -> list[Panel]:
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
