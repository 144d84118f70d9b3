"""Verdicts on validation generators and on photos that nothing was fitted to, and the error of fake probabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.harness.cells import Cell, files_digest, run_cells, skip_sentences
from benchmarks.harness.contenders import load_model, model_names
from benchmarks.harness.options import Options
from benchmarks.harness.table import Row, Skipped, Table
from fakelocator_zoo.evaluation.calibration import fit_temperature
from fakelocator_zoo.evaluation.reliability import reliability
from fakelocator_zoo.evaluation.samples import spread
from fakelocator_zoo.evaluation.statistics import proportion_interval
from fakelocator_zoo.evaluation.tables import cell
from fakelocator_zoo.hub.files import RECIPE
from fakelocator_zoo.hub.sources import find_bundled
from fakelocator_zoo.images import read_image
from fakelocator_zoo.inference.localizer import Localizer
from fakelocator_zoo.training.recipe import Recipe, load_recipe
from fakelocator_zoo.training.validation import (
    PHOTOS,
    QUALITY,
    held_out_photos,
    predict,
    validation_images,
    validation_photos,
)
from fakelocator_zoo.transforms.degradations import jpeg

VERDICTS = ("fake", "unsure", "real", "not judged")
#: Fakes of each generator, and photos of each source; more photos than the threshold is fitted to.
IMAGES, QUICK_IMAGES = 40, 4
ALL = "all generators", "all photos"
TEXT = (
    "What `fakelocator locate` says of the fakes of the validation generators, which trained nothing, and of held-out "
    "photos that the threshold was not fitted to: the share of each verdict, with Wilson's 95 % interval for *fake*. "
    "*ECE* is the expected calibration error of fake probabilities (10 bins, real and fake weighing alike), of images "
    f"as they are and after JPEG compression at quality {QUALITY}. The temperature of a generator's row is fitted, as "
    "that of a model is, to images as they are: those of the other generators, and other photos. The row of all "
    "generators takes these held-out probabilities together. "
    "Few images in a bin raise it."
)


def run(options: Options) -> Table:
    """A row for each generator and each source of photos, of each model.

    Raises:
        Skipped: without a data folder.
    """
    if options.data is None:
        raise Skipped("it needs the photos and generators that a recipe holds out: give --data the folder")
    cells = []
    for name in model_names(options):
        folder = find_bundled(name) or Path(name)
        if (folder / RECIPE).is_file():
            settings = {"model": files_digest(sorted(folder.glob("*.*"))), "images": _count(options)}
            cells.append(Cell(folder.name, settings, partial(_judge, name, folder / RECIPE, options)))
    if not cells:
        raise Skipped("it needs the recipe of a model, which names what was held out")
    found = run_cells(options, "verdicts", cells)
    rows = [row for name, result in found.items() if "skipped" not in result for row in _rows(name, result)]
    columns = ("images", "predictor", "count", *VERDICTS, "ECE", f"ECE, JPEG {QUALITY}")
    return Table("Verdicts", TEXT, columns, rows, notes=skip_sentences(found))


def held_out_errors(margins: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> list[dict[str, float]]:
    """Expected calibration error of each generator, and of :data:`ALL`, at temperatures fitted to the others.

    One dictionary for each condition.

    Args:
        margins: (conditions, N) logits of fake over real; temperatures are fitted to the first condition.
        labels: (N,) 0 real, 1 fake.
        groups: (N,) the generator, or ``photos``, of which each half is left out in turn.
    """
    photos = np.flatnonzero(groups == PHOTOS)
    left_out = {}
    for number, generator in enumerate(sorted({*groups} - {PHOTOS})):
        held_out = groups == generator
        held_out[photos[number % 2 :: 2]] = True
        temperature = fit_temperature(margins[0, ~held_out], labels[~held_out])
        left_out[generator] = expit(margins[:, held_out] / temperature), labels[held_out] == 1
    every, every_fake = (np.concatenate(each, axis=-1) for each in zip(*left_out.values(), strict=True))
    left_out[ALL[0]] = every, every_fake
    return [
        {name: reliability(probabilities[condition], fakes).error for name, (probabilities, fakes) in left_out.items()}
        for condition in range(len(margins))
    ]


def unseen_photos(recipe: Recipe, data: Path, count: int) -> dict[str, list[Path]]:
    """At most ``count`` held-out photos of each pattern of a recipe that its threshold was not fitted to."""
    seen = set(validation_photos(recipe, data))
    found = {}
    for pattern, held_out in zip(recipe.validation.photos, held_out_photos(recipe, data), strict=True):
        left = [path for path in held_out if path not in seen]
        if left:
            found[pattern] = spread(left, count)
    return found


def _judge(name: str, recipe_path: Path, options: Options) -> dict[str, Any]:
    """Verdicts by group, and calibration errors by generator, as they are and after compression."""
    assert options.data is not None
    recipe, model = load_recipe(recipe_path), load_model(name, options.device)
    if not recipe.validation.generators:
        raise Skipped(f"{recipe_path} holds out no generator")
    wanted = recipe.validation.model_copy(update={"images": _count(options)})
    images = validation_images(recipe.model_copy(update={"validation": wanted}), options.data)
    localizer = Localizer(model, device=options.device)
    verdicts = {
        group: _counted(localizer, [item.image for item in images if item.label == 1 and item.group == group])
        for group in sorted({item.group for item in images if item.label == 1})
    }
    photos = unseen_photos(recipe, options.data, _count(options))
    seen = {pattern: _counted(localizer, [read_image(path) for path in paths]) for pattern, paths in photos.items()}
    looks = [predict(model, images, degrade) for degrade in (None, partial(jpeg, quality=QUALITY))]
    margins = np.array([[row.margin for _, row in look] for look in looks])
    labels, groups = (np.array([getattr(item, name) for item, _ in looks[0]]) for name in ("label", "group"))
    return {"generators": verdicts, "photos": seen, "errors": held_out_errors(margins, labels, groups)}


def _counted(localizer: Localizer, images: Sequence[np.ndarray]) -> dict[str, int]:
    return Counter(result.verdict for result in localizer(list(images)))


def _rows(name: str, result: Mapping[str, Any]) -> list[Row]:
    rows = []
    for kind, everything in zip(("generators", "photos"), ALL, strict=True):
        groups: dict[str, Counter[str]] = {group: Counter(counts) for group, counts in result[kind].items()}
        for group, counts in {**groups, everything: sum(groups.values(), Counter())}.items():
            total = sum(counts.values())
            if not total:  # every held-out photo was one of the threshold's
                continue
            fake = cell(asdict(proportion_interval(counts["fake"], total)))
            shares = (f"{counts[verdict] / total:.3f}" for verdict in VERDICTS[1:])
            errors = (f"{each[group]:.3f}" if group in each else "-" for each in result["errors"])
            rows.append((group, name, str(total), fake, *shares, *errors))
    return rows


def _count(options: Options) -> int:
    return QUICK_IMAGES if options.quick else IMAGES
