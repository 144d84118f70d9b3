"""Short trainings for tables that compare networks: the same photos, batches and steps for each of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from filelock import FileLock
from torch import nn

from benchmarks.harness.cells import files_digest
from benchmarks.harness.options import BenchOptions
from fakelocator_zoo.data.photos import PhotoCrops
from fakelocator_zoo.generators.bank import bank_folders, endless_batches, load_generator, train_bank
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.hub.files import WEIGHTS, read_tensors, write_folder
from fakelocator_zoo.hub.tensors import compact
from fakelocator_zoo.training.recipe import DataRecipe, LossRecipe, OptimisationRecipe, Recipe
from fakelocator_zoo.training.task import FakeLocatorTask, TrainingBatch

N = TypeVar("N", bound=nn.Module)

#: One or two generators of each upsampling kind: what a short training needs, in short time.
BANK_NAMES = ("transposed-l2", "nearest-l1", "nearest-l2", "pixel_shuffle-l1", "transposed3-l1", "bilinear-l2")
BANK_STEPS = 300


def short_recipe(options: BenchOptions) -> Recipe:
    """What all short trainings share; ``dataclasses.replace`` makes the variants of a table."""
    return Recipe(
        data=DataRecipe(photos=("",), size=options.size),
        loss=LossRecipe(kind="l2", map_scale=10.0, classification_weight=0.5),
        optimisation=OptimisationRecipe(steps=options.steps, batch_size=8),
        seed=options.seed,
    )


def training_generators(options: BenchOptions) -> list[Generator]:
    """The generators that make training fakes: those in ``options.bank``, else a small bank, trained into ``out``.

    Raises:
        FileNotFoundError: where the bank or the photos are not there.
    """
    if options.bank is not None:
        return [load_generator(path, options.device) for path in bank_folders(options.bank)]
    photos = training_photos(options)[0]
    settings = _bank_settings(options)
    options.out.mkdir(parents=True, exist_ok=True)
    # Generators of other settings may lie beside them.
    folder = options.out / "bank" / _digest({**settings, "photos": files_digest(photos)})
    with FileLock(options.out / "bank.lock"):  # tables that are computed at once share it
        return list(train_bank(photos, folder, device=options.device, **settings).values())


def training_photos(options: BenchOptions) -> tuple[list[Path], list[Path]]:
    """Photos to train on, and a tenth that is kept for measuring.

    Raises:
        FileNotFoundError: where there are none.
    """
    photos = options.photos()
    held_out = max(1, len(photos) // 10)
    return photos[:-held_out], photos[-held_out:]


def train_short(task: FakeLocatorTask, photos: Sequence[Path], device: str | torch.device = "cpu") -> None:
    """Train ``task.model`` in place, as the task's recipe says.

    All chance of a batch comes from the recipe's seed and the step: networks see the very same batches,
    whatever else they draw.
    """
    recipe, batch_size = task.recipe, task.recipe.optimisation.batch_size
    crops = PhotoCrops(photos, recipe.data.size, 512 * batch_size, seed=recipe.seed)
    batches = endless_batches(crops, batch_size, device)
    train_on(task, lambda step: task.make_batch(next(batches), step), device)


def train_on(
    task: FakeLocatorTask,
    make_batch: Callable[[int], TrainingBatch],
    device: str | torch.device = "cpu",
    *,
    freeze_batch_statistics: bool = False,
) -> None:
    """Train ``task.model`` in place, as the task's recipe says, on the batches that ``make_batch(step)`` gives.

    A trained network that goes on with small batches of few photos should keep its batch statistics
    (``freeze_batch_statistics``): theirs are far from what it was trained with.
    """
    recipe = task.recipe
    options = recipe.optimisation
    task.to(device).train()
    if freeze_batch_statistics:
        for module in task.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    steps = options.stem_steps + options.steps
    optimizer = torch.optim.AdamW(
        [parameter for parameter in task.model.parameters() if parameter.requires_grad],
        options.learning_rate,
        weight_decay=options.weight_decay,
    )
    warm_up = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm_up, 0.5 * (1 + math.cos(math.pi * step / steps)))
    )
    for step in range(steps):
        torch.manual_seed((recipe.seed + 1) * 1_000_003 + step)
        with torch.no_grad():
            batch = make_batch(step)
        loss = task.training_losses(batch, step)["loss"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    task.eval()


def training_settings(options: BenchOptions, recipe: Recipe) -> dict[str, Any]:
    """All that a short training depends on, as JSON has it, for the settings of its cell."""
    photos = training_photos(options)[0]
    return {
        "recipe": recipe.to_dict(),
        "photos": files_digest(photos),
        "bank": _bank_settings(options)
        if options.bank is None
        else files_digest([path / WEIGHTS for path in bank_folders(options.bank)]),
        "device": options.device,
    }


def kept_weights(network: N, folder: Path, name: str, settings: Mapping[str, Any], train: Callable[[], None]) -> N:
    """``network`` in eval mode with the weights that ``folder`` keeps for these settings.

    Where there are none, ``train()`` is called to train it in place, and they are written, whole or not at all.
    """
    kept = folder / f"{name}.{_digest(settings)}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{kept.name}.lock"):  # tables that are computed at once share networks
        if kept.is_dir():
            network.load_state_dict(read_tensors(kept))
        else:
            train()
            write_folder(kept, compact(network.state_dict(), None), {})
    return network.eval()


def _bank_settings(options: BenchOptions) -> dict[str, Any]:
    if options.quick:
        return {"names": list(BANK_NAMES[:2]), "steps": options.steps, "seed": options.seed}
    return {"names": list(BANK_NAMES), "steps": BANK_STEPS, "seed": options.seed}


def _digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
