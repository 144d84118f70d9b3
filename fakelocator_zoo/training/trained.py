"""What a training leaves: a calibrated model folder with its card, and the validation figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import yaml

from fakelocator_zoo.evaluation.portrait import add_portrait
from fakelocator_zoo.evaluation.reliability import Reliability, add_to_card
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.hub.files import write_whole
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.limits import fit_limits
from fakelocator_zoo.training.recipe import Recipe
from fakelocator_zoo.training.validation import (
    Scores,
    ValidationImage,
    calibrate,
    in_words,
    total_score,
    validate_reliability,
)


def write_model(
    model: FakeLocator,
    recipe: Recipe,
    images: Sequence[ValidationImage],
    photos: Sequence[Path],
    out: Path,
    *,
    training: str,
    report: Callable[[str], None],
) -> None:
    """Fit what is stored with the model, then write ``out/validation.json`` and, whole or not at all, ``out/model``.

    Args:
        model: in eval mode.
        images: validation images, for the temperature and the figures; may be none.
        photos: that the threshold is fitted to.
        training: command, steps, seed and time, for the card.
    """
    fitted = calibrate(model, images, photos, recipe.validation.false_alarms)
    if images:
        model.limits = {**(model.limits or {}), **fit_limits(model, images)}
    report(", ".join(f"{name} {value:.3g}" for name, value in {**fitted, **(model.limits or {})}.items()))
    metrics: dict[str, dict[str, float]] = {}
    reliabilities: dict[str, Reliability] = {}
    if images:
        scores, reliabilities = validate_reliability(model, images)
        metrics = _card_metrics(scores)
        figures = {"score": total_score(scores), **{group: each._asdict() for group, each in scores.items()}}
        write_whole(out / "validation.json", json.dumps(figures, indent=2).encode())
    temporary = out / "model.unfinished"
    shutil.rmtree(temporary, ignore_errors=True)
    text = yaml.safe_dump(recipe.model_dump(exclude_defaults=True), sort_keys=False, width=100)
    card = {"name": out.name, "dtype": torch.float16, "recipe": text, "metrics": metrics, "training": training}
    model.save_pretrained(temporary, **{**card, **recipe.card})
    if reliabilities:
        panels = {in_words(group): each for group, each in reliabilities.items()}
        add_to_card(temporary, panels, "Of the validation images, to which as they are the temperature was fitted:")
    add_portrait(temporary, model, Generator.from_pretrained("generator_demo.open").eval())
    temporary.replace(out / "model")


def _card_metrics(scores: dict[str, Scores]) -> dict[str, dict[str, float]]:
    """What the model card says about each validation generator, as it is and after compression."""
    names = {
        "pixel_auc": "pixel AUC",
        "image_auc": "image AUC",
        "coss": "COSS",
        "level": "map level",
        "called_fake": "called fake",
    }
    return {
        f"validation: {in_words(group)}": {
            names[key]: round(value, 3) for key, value in each._asdict().items() if not np.isnan(value)
        }
        for group, each in scores.items()
    }
