"""Other networks trained on the same batches for as many steps, and detectors from outside."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness.cells import files_digest
from benchmarks.harness.contenders import Contender, load_model, model_names, models, outside, trivial
from benchmarks.harness.evaluations import evaluation_table
from benchmarks.harness.options import Options
from benchmarks.harness.table import Table
from benchmarks.harness.testsets import evaluation_sets
from benchmarks.harness.training import bank_paths, base_recipe, fit, kept_weights, training_batches
from benchmarks.rivals.networks import AttentionMapRegressor, GradCamClassifier, Rival, UnetDice
from fakelocator_zoo.evaluation.predictors import ModelPredictor, Predictor
from fakelocator_zoo.training.recipe import parse_recipe
from fakelocator_zoo.training.task import TrainingBatch

#: Networks by their names in the table; each gets the name of the first model's encoder.
TRAINED: dict[str, Callable[[str], Rival]] = {
    "smp.Unet, RGB, Dice": UnetDice,
    "FFD-style map": AttentionMapRegressor,
    "classifier with Grad-CAM": GradCamClassifier,
}
TEXT = (
    "*smp.Unet*, the *FFD-style map* (Dang et al., CVPR 2020) and the *classifier with Grad-CAM* have the first "
    "model's encoder at full depth, read RGB and are trained here: {steps} steps on the batches that the recipe "
    "makes for a FakeLocator, from random weights. Detectors from outside are as published. All see the same "
    "images. Rivals call fake from a probability of .5 on."
)


def run(options: Options) -> Table:
    """A row for each set of images and predictor."""
    sets = evaluation_sets(options)
    contenders = models(options)
    recipe = base_recipe(options)
    encoder = load_model(model_names(options)[0], options.device).config["encoder_name"]
    contenders += trained(encoder, recipe, options)
    contenders += [outside(spec, options) for spec in options.rivals]
    text = TEXT.format(steps=options.steps)
    return evaluation_table(options, "rivals", "Rivals", text, sets, "images", [*contenders, *trivial()])


def trained(encoder: str, recipe: dict[str, Any], options: Options) -> list[Contender]:
    """The networks of :data:`TRAINED`, trained when the first cell is computed."""
    bank = files_digest(bank_paths(options))
    settings = {"networks": list(TRAINED), "encoder": encoder, "recipe": recipe, "bank": bank, "device": options.device}

    @functools.cache
    def networks() -> nn.ModuleList:
        torch.manual_seed(options.seed)
        made = nn.ModuleList(make(encoder) for make in TRAINED.values()).to(options.device)

        def train() -> None:
            batches = training_batches(options, parse_recipe(recipe))
            # They share no weight, so the sum of their losses trains each alone, and a batch is made once.
            fit(made, lambda step: _summed_loss(made, next(batches)), options.steps)

        return kept_weights(made, options, "rivals", settings, train)

    def load(place: int, name: str) -> Predictor:
        return ModelPredictor(networks()[place], name)  # type: ignore[arg-type]

    return [
        Contender(name, {**settings, "network": name}, functools.partial(load, place, name))
        for place, name in enumerate(TRAINED)
    ]


def _summed_loss(networks: nn.ModuleList, batch: TrainingBatch) -> Tensor:
    return torch.stack([network.loss(batch) for network in networks]).sum()  # type: ignore[operator]
