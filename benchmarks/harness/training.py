"""Trainings of tables. All that the benchmark takes from ``fakelocator_zoo.training`` is taken here."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import yaml
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.harness.options import Options
from benchmarks.harness.table import Skipped
from fakelocator_zoo.generators.bank import bank_folders, load_generator
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.hub.files import WEIGHTS
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.crops import Steps, TrainingCrops, read_pairs, read_photos
from fakelocator_zoo.training.losses import fakelocator_losses
from fakelocator_zoo.training.recipe import LossRecipe, Recipe, parse_recipe
from fakelocator_zoo.training.run import train
from fakelocator_zoo.training.task import FakeLocatorTask, TrainingBatch
from fakelocator_zoo.training.validation import COMPRESSED
from fakelocator_zoo.zoo.models import DEFAULT_MODEL

N = TypeVar("N", bound=nn.Module)
VALIDATION_FIGURES = ("pixel_auc", "image_auc", "coss", "level")
HUB_CONFIGS = Path(__file__).parents[2] / "hub_configs"


def base_recipe(options: Options) -> dict[str, Any]:
    """The recipe of the run, or the default model's, with the run's steps, seed and bank.

    Raises:
        Skipped: where there is none, or no ``--data`` or ``--bank``.
    """
    path = _recipe_path(options)
    if not path.is_file():
        raise Skipped(f"it trains by a recipe and {path} does not exist: give --recipe")
    if options.data is None:
        raise Skipped("it trains on the folders that its recipe names: give --data the folder that holds them")
    recipe: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    bank = [path.parent.name for path in bank_paths(options)]
    return merged(recipe, {"optimisation": {"steps": options.steps}, "fakes": {"bank": bank}, "seed": options.seed})


def recipe_name(options: Options) -> str:
    """What tables call the recipe of the run: its model's name, as recipes lie in folders of models."""
    return f"`{_recipe_path(options).resolve().parent.name}`"


def _recipe_path(options: Options) -> Path:
    return options.recipe or HUB_CONFIGS / DEFAULT_MODEL / "recipe.yaml"


def merged(recipe: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe with nested values replaced; what ``changes`` does not name stays.

    >>> merged({"model": {"input": "rgb", "dropout": 0.2}}, {"model": {"input": "both"}})
    {'model': {'input': 'both', 'dropout': 0.2}}
    """
    both = dict(recipe)
    for key, value in changes.items():
        mapping = isinstance(value, Mapping) and isinstance(both.get(key), Mapping)
        both[key] = merged(both[key], value) if mapping else value
    return both


def train_recipe(recipe: dict[str, Any], data: Path, out: Path, bank: Path | None = None) -> dict[str, float]:
    """Train a FakeLocator, or go on where a killed training stopped, and score it on its validation images.

    Args:
        recipe: as its YAML file has it.
        data: the folder that the recipe's paths are relative to.
        out: folder of the training.
        bank: folder of generators; None trains them into ``out``.

    Returns:
        Means over the validation groups: ``pixel_auc``, ``image_auc``, ``coss`` and ``level`` of the images as they
        are, and each with ``_jpeg`` behind its name of the images after JPEG compression.
    """
    train(parse_recipe(recipe), data, out, bank=bank, progress=False, report=lambda sentence: None)
    groups = json.loads((out / "validation.json").read_text(encoding="utf-8"))
    groups.pop("score")
    figures: dict[str, float] = {}
    for suffix, jpeg in (("", False), ("_jpeg", True)):
        chosen = [group for name, group in groups.items() if name.endswith(COMPRESSED) == jpeg]
        # A group of whole images has no map.
        figures |= {name + suffix: float(np.nanmean([each[name] for each in chosen])) for name in VALIDATION_FIGURES}
    return figures


def training_batches(options: Options, recipe: Recipe) -> Iterator[TrainingBatch]:
    """The batches that the recipe makes for a FakeLocator without attention, without end; the same at every call."""
    data, held_out = options.data, recipe.validation
    assert data is not None
    whole = {folder: 1.0 for name, folder in recipe.data.whole.items() if name not in held_out.generators}
    crops = TrainingCrops(
        recipe,
        photos=read_photos(data, recipe.data.photos, held_out.photos),
        pairs=read_pairs(data, recipe.data.pairs, held_out.generators),
        whole=read_photos(data, whole, ()),
    )
    task = FakeLocatorTask(_Unattended(), recipe, bank_generators(options)).to(options.device)  # type: ignore[arg-type]
    torch.manual_seed(recipe.seed)
    for items in DataLoader(crops, batch_sampler=Steps(0, sys.maxsize, recipe.optimisation.batch_size)):
        yield task.make_batch(type(items)(*(each.to(options.device) for each in items)))


def bank_paths(options: Options) -> list[Path]:
    """The weights of the generators of ``--bank``, each in a folder with the generator's name.

    Raises:
        Skipped: where it is not given.
        FileNotFoundError: where it holds no generator.
    """
    if options.bank is None:
        raise Skipped("it trains on fakes by generators: give --bank a folder of them, made by `fakelocator bank`")
    return [folder / WEIGHTS for folder in bank_folders(options.bank)]


def bank_generators(options: Options) -> list[Generator]:
    """The generators of :func:`bank_paths`, frozen."""
    return [load_generator(path.parent, options.device) for path in bank_paths(options)]


def model_loss(
    model: FakeLocator, images: Tensor, attention: Tensor | None, truth: Tensor, mask: Tensor, label: Tensor
) -> Tensor:
    """The training loss of a FakeLocator, with the weights that a recipe has by default.

    Args:
        images: (B, 3, H, W) in [0, 1].
        attention: (B, 1, h, w) in [0, 1], or None.
        truth, mask: (B, 1, H, W) in [0, 1], |real - fake| and how much of a pixel a generator made.
        label: (B,) 0 real, 1 fake.
    """
    known = torch.ones(len(images), 1, 1, 1, device=images.device)
    weights = LossRecipe(whole_weight=0.0).model_dump()  # no image is made as a whole
    return fakelocator_losses(model.training_output(images, attention), truth, mask, known, label, **weights)["loss"]


def fit(network: nn.Module, loss: Callable[[int], Tensor], steps: int, learning_rate: float = 2e-3) -> None:
    """Train in place with AdamW, a tenth of warm-up and a cosine to zero.

    Args:
        loss: of step n.
    """
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=0.01)
    # Two steps are the least that this schedule takes.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=max(2, steps), pct_start=0.1)
    for step in range(steps):
        value = loss(step)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        schedule.step()
    network.eval()


def kept_weights(network: N, options: Options, name: str, settings: Mapping[str, Any], train: Callable[[], None]) -> N:
    """``network`` in eval mode with the weights that an earlier run kept for these settings, else trained and kept."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    path = options.out / "weights" / f"{name}.{digest}.safetensors"
    if path.is_file():
        load_model(network, path)
    else:
        train()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        save_model(network, str(unfinished))
        unfinished.replace(path)
    return network.eval()


class _Unattended(nn.Module):
    """What a task asks of a model when it makes batches."""

    face_parser = None
