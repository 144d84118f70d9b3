"""The ablation of the design: one change of the recipe a row, two seeds, on validation generators."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness.cells import Cell, files_digest, run_cells, skip_sentences
from benchmarks.harness.options import Options
from benchmarks.harness.table import Row, Skipped, Table
from benchmarks.harness.training import bank_paths, base_recipe, merged, recipe_name, train_recipe

REFERENCE = "reference"


def _attention(mode: str, stage: int) -> dict[str, Any]:
    return {"model": {"attention": "face", "attention_mode": mode, "attention_stages": [stage]}}


#: Row -> what it changes in the recipe; nested keys as in its YAML file.
VARIANTS: dict[str, dict[str, Any]] = {
    "input: rgb": {"model": {"input": "rgb"}},
    "fakes: bank alone": {"fakes": {"pairs_share": 0.0, "whole_share": 0.0}},
    "fakes: bank and pairs": {"fakes": {"whole_share": 0.0}},
    "no partial augmentation": {"partial_augmentation": 0.0},
    "attention to the face: multiply at stage 3": _attention("multiply", 3),
    "attention to the face: residual at stage 3": _attention("residual", 3),
    "map loss: L1": {"loss": {"kind": "l1"}},
    "upsampling: transposed": {"model": {"decoder_upsampling": "transposed"}},
    "encoder depth 4": {"model": {"encoder_depth": 4, "decoder_channels": [128, 64, 32, 16]}},
    "no degradations": {"degradation": 0.0},
    "input: both": {"model": {"input": "both"}},
    "bank: no change of sharpness": {"fakes": {"sharpness": 0.0}},
    "encoder depth 2": {"model": {"encoder_depth": 2, "decoder_channels": [32, 16]}},
    "no texture branch": {"model": {"texture_channels": None}},
    "upsampling: nearest": {"model": {"decoder_upsampling": "nearest"}},
    "no loss of whole images": {"loss": {"whole_weight": 0.0}},
    "upsampling: pixel shuffle": {"model": {"decoder_upsampling": "pixel_shuffle"}},
    "encoder depth 5": {"model": {"encoder_depth": 5, "decoder_channels": [256, 128, 64, 32, 16]}},
    "attention to the face: multiply at stage 2": _attention("multiply", 2),
    "attention to the face: multiply at stage 1": _attention("multiply", 1),
    "no averaging of P(fake)": {"model": {"map_window": 0}},
    "no loss of the texture branch alone": {"loss": {"texture_weight": 0.0}},
    "no loss of P(fake)": {"loss": {"p_fake_weight": 0.0}},
    "degradations from the start": {"ramp": 0.0, "degradation": 0.4},
    "bank: no noise on weights": {"fakes": {"weight_noise": 0.0}},
    "fakes: pairs and whole images": {"fakes": {"bank_share": 0.0}},
}
#: A row of fewer photos, beside VARIANTS; which folders there are is the recipe's to say.
ONE_FOLDER = "photos of the first folder alone"
QUICK = (REFERENCE, "input: rgb")
SEEDS, QUICK_SEEDS = 2, 1
FIGURES = {
    "pixel_auc": "pixel AUC",
    "image_auc": "image AUC",
    "coss": "COSS",
    "level": "map level",
    "pixel_auc_jpeg": "pixel AUC, JPEG",
    "image_auc_jpeg": "image AUC, JPEG",
}
#: The smallest setting that learns: a step on crops of this size takes under half the time of one on crops of 128.
#: Fitting the threshold to more photos would take as long as the training.
SMALL = {"data": {"size": 64}, "validation": {"images": 8, "threshold_photos": 1}}
TEXT = (
    "Trainings of {steps} steps on crops of {size} px, else by the recipe of {recipe}; the *reference* is that recipe, "
    "and each row changes one thing. Attention takes the bundled face parser. Scored on the recipe's validation "
    "generators and photos: no test set is looked at. Mean and, behind ±, half the difference of the seeds. Δ is the "
    "difference from the reference; one below the reference's own ± means nothing. Minutes are of one training, "
    "{threads} thread(s). A short training ranks what learns fast, not what ends best."
)


def run(options: Options) -> Table:
    """A row for each variant."""
    base = base_recipe(options)
    # The attention of the base recipe belongs to the rows that have it.
    base["model"] = {key: value for key, value in base.get("model", {}).items() if not key.startswith("attention")}
    base = merged(merged(base, SMALL), {"validation": {"every": options.steps}})
    bank = files_digest(bank_paths(options))
    deadline = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    folders = list(base["data"].get("photos", {}))
    variants = {REFERENCE: {}, ONE_FOLDER: {"data": {"photos": dict.fromkeys(folders[1:], 0.0)}}, **VARIANTS}
    cells = []
    # The reference first, whose spread says what a difference means; then every change once before any of them twice.
    seeds = range(QUICK_SEEDS if options.quick else SEEDS)
    trainings = [(name, seed) for seed in seeds for name in (QUICK if options.quick else variants)]
    for name, seed in sorted(trainings, key=lambda training: training[0] != REFERENCE):
        recipe = merged(merged(base, variants[name]), {"seed": options.seed + seed})
        settings = {"recipe": recipe, "bank": bank}
        key = f"{name}/{seed}"
        cells.append(Cell(key, settings, partial(_train, options, key, recipe, deadline)))
    results = run_cells(options, "design", cells)
    columns = ("change", *FIGURES.values(), "Δ pixel AUC", "Δ image AUC", "Δ COSS", "seeds", "minutes")
    text = TEXT.format(
        steps=options.steps, size=base["data"]["size"], recipe=recipe_name(options), threads=options.threads
    )
    return Table("Design", text, columns, _rows(results), notes=skip_sentences(results))


def _train(options: Options, key: str, recipe: dict[str, Any], deadline: float | None) -> dict[str, Any]:
    assert options.data is not None
    if deadline is not None and time.monotonic() > deadline:
        raise Skipped(f"trainings that --minutes left out: run it again to add them ({options.steps} steps each)")
    folder = options.out / "design" / "".join(letter if letter.isalnum() else "-" for letter in key)
    begin = time.perf_counter()
    try:
        scores = train_recipe(recipe, options.data, folder, options.bank)
    except (ValueError, OSError) as error:
        raise Skipped(f"{key}: {error}") from error
    return {"scores": scores, "minutes": (time.perf_counter() - begin) / 60}


def _rows(results: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for key, result in results.items():
        if "skipped" not in result:
            by_name.setdefault(key.rpartition("/")[0], []).append(result)
    rows = []
    for name, found in by_name.items():
        figures = {key: np.array([each["scores"][key] for each in found], float) for key in FIGURES}
        reference = by_name.get(REFERENCE)
        changes = ["-"] * 3
        if name != REFERENCE and reference:
            for place, key in enumerate(list(FIGURES)[:3]):
                changes[place] = f"{figures[key].mean() - np.mean([each['scores'][key] for each in reference]):+.3f}"
        shown = [_mean_of_seeds(values) for values in figures.values()]
        rows.append((name, *shown, *changes, str(len(found)), f"{np.mean([each['minutes'] for each in found]):.1f}"))
    return rows


def _mean_of_seeds(values: np.ndarray) -> str:
    return f"{values.mean():.3f}" + (f" ± {np.ptp(values) / 2:.3f}" if len(values) > 1 else "")
