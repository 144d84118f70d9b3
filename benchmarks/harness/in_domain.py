"""Table `in-domain`: each model fine-tuned on one generator's fakes, and tested on its fakes of other photos."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.cells import Cell, Section, Skipped, files_digest, skip_sentences
from benchmarks.harness.evaluations import (
    UNDEFINED,
    difference,
    evaluation_result,
    evaluations,
    failure_sentences,
    sentences,
    set_paths,
    shown,
)
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.rivals import load_model, model_names
from benchmarks.harness.training import kept_weights, short_recipe, train_on
from fakelocator_zoo.data.pairs import PairSample, crop_alike
from fakelocator_zoo.evaluation.evaluate import evaluate
from fakelocator_zoo.evaluation.predictors import ModelPredictor
from fakelocator_zoo.evaluation.results import Evaluation
from fakelocator_zoo.evaluation.samples import EvaluationSet, Photos, Sample, Samples, read_pairs
from fakelocator_zoo.images import ImageError
from fakelocator_zoo.inference.features import model_identity
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.recipe import Recipe
from fakelocator_zoo.training.task import FakeLocatorTask, TrainingBatch
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

FIGURES = {
    "coss": "COSS",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "pixel_auc": "pixel AUC",
    "accuracy": "accuracy",
    "auc": "image AUC",
}
COMPARED = {"pixel_auc": "Δ pixel AUC", "coss": "Δ COSS"}
FINE_TUNED = ", fine-tuned"
#: Photos of a generator at least, two thirds to train on: the usual limit would leave few of them to test on.
IMAGES = 120
#: Small: the weights are good already, and a few steps on a few people should not make them forget.
LEARNING_RATE = 3e-4
#: Without a mask, pixels that differ by more than rounding are painted.
ROUNDING = 1.5 / 255
#: A quick run has so many photos at most.
QUICK_IMAGES = 6


class Domain(NamedTuple):
    """The pairs of one generator, no photo on both sides."""

    generator: str
    training: Samples
    test: EvaluationSet


def cells(options: BenchOptions) -> list[Cell]:
    """One for each model and generator: it fine-tunes, and measures before and after.

    Raises:
        Skipped: where there are no pairs, or no generator has two.
    """
    if options.pairs is None:
        raise Skipped("it trains and measures on pairs: give --data a folder with pairs/")
    found = list(domains(options))
    if not found:
        raise Skipped(f"{options.pairs} holds one pair a generator, and one side needs another photo; give more")
    recipe = fine_tuning_recipe(options)
    made = []
    for name in model_names(options):
        shared = {
            "model": dict(model_identity(load_model(name, options.device))),
            "recipe": recipe.to_dict(),
            "device": options.device,
        }
        for domain in found:
            training = EvaluationSet(Photos({}), {domain.generator: domain.training}, paired=True)
            files = {"training": files_digest(set_paths(training)), "test": files_digest(set_paths(domain.test))}
            settings = {**shared, **files}
            compute = partial(_measure, name, domain, recipe, settings, options)
            made.append(Cell(f"{Path(name).name}/{domain.generator}", settings, compute))
    return made


def domains(options: BenchOptions) -> Iterator[Domain]:
    """Each generator's pairs: the first two thirds by name to train on, the last third to test on."""
    assert options.pairs is not None
    limit = min(options.limit, QUICK_IMAGES) if options.quick else max(options.limit, IMAGES)
    for generator, samples in read_pairs(options.pairs, limit=limit).generators.items():
        cut = max(1, 2 * len(samples) // 3)
        if cut < len(samples):
            held_out = samples.files[cut:]
            photos = Photos({each.name: each.real for each in held_out if each.real is not None})
            test = EvaluationSet(photos, {generator: Samples(held_out)}, paired=True)
            yield Domain(generator, Samples(samples.files[:cut]), test)


def fine_tuning_recipe(options: BenchOptions) -> Recipe:
    """All of the network, the texture stem included, at a small learning rate; real images alone are augmented."""
    recipe = short_recipe(options)
    optimisation = dataclasses.replace(recipe.optimisation, learning_rate=LEARNING_RATE)
    return dataclasses.replace(recipe, optimisation=optimisation)


def fine_tune(model: FakeLocator, samples: Sequence[Sample], recipe: Recipe, device: str = "cpu") -> None:
    """Train ``model`` in place on crops of ``samples``, half of each batch real and half fake."""
    task = FakeLocatorTask(model, recipe)
    train_on(task, lambda step: _batch(task, samples, step, device), device, freeze_batch_statistics=True)


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """Two rows for each generator and model: before and after."""
    measured = [result for result in results.values() if "parts" in result]
    found = evaluations({str(index): part for index, part in enumerate(p for r in measured for p in r["parts"])})
    rows = [
        _row(generator, evaluation, predictors.get(name.removesuffix(FINE_TUNED)) if _tuned(name) else None)
        for generator, predictors in found.items()
        for name, evaluation in predictors.items()
    ]
    trained = sorted({str(result["trained_on"]) for result in measured}, key=int)
    text = (
        "Each model as it is, and fine-tuned for a few steps on partial fakes of the one generator that it is tested "
        f"on: the first two thirds of the photos by name to train on ({' or '.join(trained) or 'none'}), the last "
        "third to test on, no photo on both sides. All of the network is trained, the texture stem too; real images "
        "alone are augmented. COSS, PSNR and SSIM are against |real - fake|, pixel AUC against the mask; accuracy and "
        "image AUC are of the decision, these fakes against their photos. 95 % bootstrap intervals over photos, Δ "
        "paired with the model before. One seed."
    )
    notes = skip_sentences(results) + failure_sentences(found)
    notes += [note for result in measured for note in result["failures"]]
    columns = ("generator", "model", "fakes", *FIGURES.values(), *COMPARED.values())
    return Section("in-domain", "In-domain fine-tuning", sentences(text, dict.fromkeys(notes)), columns, rows)


def _row(generator: str, evaluation: Evaluation, before: Evaluation | None) -> tuple[str, ...]:
    summary = evaluation.summary()
    differences = [
        UNDEFINED if before is None else shown(difference(evaluation, before, metric, (generator,)))
        for metric in COMPARED
    ]
    figures = [shown(summary["generators"][generator][metric]) for metric in FIGURES]
    return generator, evaluation.predictor, str(summary["fakes"]), *figures, *differences


def _tuned(name: str) -> bool:
    return name.endswith(FINE_TUNED)


def _measure(
    name: str, domain: Domain, recipe: Recipe, settings: Mapping[str, Any], options: BenchOptions
) -> dict[str, Any]:
    published, shown_name = load_model(name, options.device), Path(name).name
    samples, failures = _readable(domain.training)
    if not samples:
        raise Skipped(f"{domain.generator}: no pair to train on can be read")
    network = copy.deepcopy(published)
    tuned = kept_weights(
        network,
        options.weights,
        f"in-domain-{shown_name}-{domain.generator}",
        settings,
        lambda: fine_tune(network, samples, recipe, options.device),
    ).to(options.device)
    predictors = (ModelPredictor(published, shown_name), ModelPredictor(tuned, shown_name + FINE_TUNED))
    return {
        "parts": [evaluation_result(domain.generator, each.name, evaluate(each, domain.test)) for each in predictors],
        "trained_on": len(samples),
        "failures": failures,
    }


def _batch(task: FakeLocatorTask, samples: Sequence[Sample], step: int, device: str) -> TrainingBatch:
    """The same crops of real and fake images; chance comes from the recipe's seed and ``step`` alone."""
    recipe = task.recipe
    rng = np.random.default_rng((recipe.seed, step))
    chosen = rng.integers(len(samples), size=recipe.optimisation.batch_size // 2)
    crops = [_crop(samples[index], recipe.data.size, rng) for index in chosen]
    real, fake, mask = (torch.stack(each).to(device) for each in zip(*crops, strict=True))
    batch = task.make_batch(PairSample(real, fake, fakeness_map(real, fake)), step)
    # The mask on disk is the truth; what differs, which stands in for it without one, lacks what came out alike.
    return batch._replace(mask=torch.cat([torch.zeros_like(mask), mask]))


def _crop(sample: Sample, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Real and fake (3, size, size) and mask (1, size, size) in [0, 1]; the square holds a painted pixel."""
    assert sample.real is not None
    painted = np.argwhere(sample.painted(ROUNDING))
    around = None
    if len(painted):
        row, column = painted[rng.integers(len(painted))]
        around = int(row), int(column)
    mask = sample.painted(ROUNDING).astype(np.float32) if sample.mask is None else sample.mask
    crops = crop_alike([sample.real, sample.fake, mask], size, rng, around=around)
    real, fake, soft = (torch.from_numpy(each.copy()) for each in crops)
    return real.permute(2, 0, 1).float() / 255, fake.permute(2, 0, 1).float() / 255, soft[None]


def _readable(samples: Samples) -> tuple[list[Sample], list[str]]:
    """What can be read, kept in memory, and one sentence for each sample that cannot."""
    found, failures = [], []
    for index in range(len(samples)):
        try:
            found.append(samples[index])
        except ImageError as error:
            failures.append(str(error))
    return found, failures
