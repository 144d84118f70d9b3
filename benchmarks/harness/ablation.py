"""Table `ablation`: the paper's claims, one change at a time, in short trainings that share everything else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness.baselines import SEGMENTATION_THRESHOLD
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
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.rivals import Contender, trained_contender, unattended_config
from benchmarks.harness.training import short_recipe
from fakelocator_zoo.evaluation.samples import read_pairs
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.recipe import Recipe
from fakelocator_zoo.training.task import FakeLocatorTask, TrainingBatch

FIGURES = {"pixel_auc": "pixel AUC", "coss": "COSS", "pearson": "Pearson", "auc": "AUC"}
COMPARED = {"pixel_auc": "Δ pixel AUC", "coss": "Δ COSS", "auc": "Δ AUC"}
REFERENCE = "reference"
#: Maps (B, 1, H, W) in [0, 1] and their black-and-white truth -> loss.
SegmentationLoss = Callable[[Tensor, Tensor], Tensor]


class SegmentationTask(FakeLocatorTask):
    """Trains the map as a segmentation of the thresholded truth, which the paper advises against."""

    def __init__(
        self, model: FakeLocator, recipe: Recipe, generators: Sequence[Generator] = (), *, map_loss: SegmentationLoss
    ) -> None:
        super().__init__(model, recipe, generators)
        self.map_loss = map_loss

    def losses(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """The map's loss and the decision's, and their sum ``loss``."""
        output = self.model(batch.images)
        parts = {
            "map": self.map_loss(output.fakeness_map, (batch.fakeness_map > SEGMENTATION_THRESHOLD).float()),
            "classification": self.recipe.loss.classification_weight * F.cross_entropy(output.logits, batch.label),
        }
        return {**parts, "loss": parts["map"] + parts["classification"]}


def dice(maps: Tensor, true: Tensor) -> Tensor:
    """smp's Dice loss of maps (B, 1, H, W) in [0, 1]."""
    return smp.losses.DiceLoss("binary", from_logits=False)(maps, true)


def focal(maps: Tensor, true: Tensor) -> Tensor:
    """smp's Focal loss of maps (B, 1, H, W) in [0, 1]."""
    return smp.losses.FocalLoss("binary")(torch.logit(maps, eps=1e-6), true)


@dataclasses.dataclass(frozen=True)
class Variant:
    """What differs from the reference."""

    model: Mapping[str, Any] = dataclasses.field(default_factory=dict)  #: arguments of FakeLocator
    partial_augmentation: float = 1.0
    map_loss: str = "l2"
    segmentation: SegmentationLoss | None = None  #: in place of the map loss


VARIANTS: dict[str, Variant] = {
    REFERENCE: Variant(),
    "with attention to the face's parts": Variant({"attention": "face"}),
    "with the texture stem": Variant({"texture_stem": 32}),
    "without partial augmentation": Variant(partial_augmentation=0.0),
    "upsampling: transposed": Variant({"decoder_upsampling": "transposed"}),
    "upsampling: nearest": Variant({"decoder_upsampling": "nearest"}),
    "upsampling: pixel shuffle": Variant({"decoder_upsampling": "pixel_shuffle"}),
    "map loss: L1": Variant(map_loss="l1"),
    "map loss: Dice on thresholded maps": Variant(segmentation=dice),
    "map loss: Focal on thresholded maps": Variant(segmentation=focal),
}
QUICK = (REFERENCE, "without partial augmentation", "map loss: Dice on thresholded maps")


def cells(options: BenchOptions) -> list[Cell]:
    """One for each variant and generator; the first of a variant trains it.

    Raises:
        Skipped: where there are no photos to train on, or no pairs to measure on.
    """
    if options.pairs is None:
        raise Skipped("it measures on pairs: give --data a folder with pairs/")
    options.photos()  # says so here, and not in every cell, where there are none
    data = read_pairs(options.pairs, limit=options.limit)
    names = QUICK if options.quick else VARIANTS
    return [cell for name in names for cell in evaluation_cells("pairs", variant_contender(name, options), data)]


def variant_config(name: str, options: BenchOptions) -> dict[str, Any]:
    """FakeLocator's arguments for one of :data:`VARIANTS`: the first model's encoder and decoder, all else plain."""
    plain = {"texture_stem": None, "decoder_upsampling": "bilinear"}
    return {**unattended_config(options), **plain, **VARIANTS[name].model}


def variant_contender(name: str, options: BenchOptions) -> Contender:
    """One of :data:`VARIANTS` of the first model's plain network, trained when it is loaded."""
    variant = VARIANTS[name]
    config = variant_config(name, options)
    recipe = short_recipe(options)
    recipe = dataclasses.replace(
        recipe,
        partial_augmentation=variant.partial_augmentation,
        loss=dataclasses.replace(recipe.loss, kind=variant.map_loss),
    )
    segmentation = variant.segmentation
    return trained_contender(
        name,
        "ablation-" + "".join(letter if letter.isalnum() else "-" for letter in name),
        options,
        recipe,
        {"config": config, "segmentation": segmentation.__name__ if segmentation else None},
        lambda: FakeLocator(**config),
        FakeLocatorTask if segmentation is None else partial(SegmentationTask, map_loss=segmentation),
    )


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """A row for each variant, over all generators."""
    found = evaluations(results)
    variants = found.get("pairs", {})
    reference = variants.get(REFERENCE)
    rows: list[tuple[str, ...]] = []
    for name, evaluation in variants.items():
        summary = evaluation.summary()
        differences = [
            UNDEFINED
            if reference is None or name == REFERENCE
            else shown(difference(evaluation, reference, metric, evaluation.generators))
            for metric in COMPARED
        ]
        figures = [shown(summary["overall"][metric]) for metric in FIGURES]
        rows.append((name, str(summary["fakes"]), *figures, *differences))
    text = (
        "Short trainings from random weights: the same photos, fakes, steps and seed. The *reference* is the paper's "
        "plain network (no texture stem, no attention, bilinear upsampling, L2 on the grey map, partial "
        "augmentation), and each row changes one thing. Measured on the partial fakes of `pairs`, whose generators "
        "made no training fake; means over the generators with 95 % bootstrap intervals over images, Δ paired with "
        "the reference. One seed: differences between trainings are larger than these intervals, which know of "
        "images alone. A short training ranks what learns fast, not what ends best."
    )
    notes = skip_sentences(results) + failure_sentences(found)
    return Section(
        "ablation",
        "Ablation",
        sentences(text, notes),
        ("variant", "fakes", *FIGURES.values(), *COMPARED.values()),
        rows,
    )
