"""Who takes part in a table: our models, baselines trained here, trivial maps, and outside systems."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import nn

import fakelocator_zoo
from benchmarks.harness.adapters import CallablePredictor, OnnxPredictor, load_function
from benchmarks.harness.baselines import AttentionMapRegressor, BaselineTask, GradCamClassifier, UnetDice
from benchmarks.harness.cells import Skipped
from benchmarks.harness.fft_peaks import fft_peaks_map
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.training import (
    kept_weights,
    short_recipe,
    train_short,
    training_generators,
    training_photos,
    training_settings,
)
from fakelocator_zoo.evaluation.predictors import (
    ModelPredictor,
    Predictor,
    TrivialPredictor,
    centred_gaussian,
    constant,
    high_pass,
)
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.inference.features import model_identity
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.recipe import Recipe
from fakelocator_zoo.training.task import FakeLocatorTask
from fakelocator_zoo.zoo.models import DEFAULT_MODEL

TRIVIAL: dict[str, Predictor] = {
    "constant": constant,
    "gaussian": centred_gaussian,
    "high-pass": high_pass,
    "fft-peaks": TrivialPredictor("FFT peaks", fft_peaks_map, decides=True),
}
#: Trained here, on the same batches and for the same steps; ``fakelocator`` is the first model, from scratch.
TRAINED: dict[str, str] = {
    "fakelocator": "FakeLocator, same steps",
    "unet-dice": "U-Net with Dice, same steps",
    "ffd": "FFD-style, same steps",
    "gradcam": "Grad-CAM, same steps",
}
RIVALS = (*TRAINED, *TRIVIAL)


@dataclass(frozen=True)
class Contender:
    """A predictor that is loaded, or trained, when its first cell is computed."""

    name: str  #: in tables
    settings: Mapping[str, Any]  #: what its predictions depend on, as JSON has it
    load: Callable[[], Predictor]  #: raises Skipped where something is missing; loads once


def model_names(options: BenchOptions) -> tuple[str, ...]:
    """The models of a run, the zoo's default where none is named."""
    return options.models or (DEFAULT_MODEL,)


@functools.cache
def load_model(name: str, device: str = "cpu") -> FakeLocator:
    """A model by its name, folder or Hub id; loaded once.

    Raises:
        ValueError, OSError: as ``fakelocator_zoo.from_pretrained`` does.
    """
    return fakelocator_zoo.from_pretrained(name).to(device).eval()


def unattended_config(options: BenchOptions) -> dict[str, Any]:
    """The arguments of FakeLocator that give the first model's network without attention.

    How and where it attends is left out as well: what suits a texture stem may suit no network without one.
    """
    config = load_model(model_names(options)[0], options.device).config
    return {key: value for key, value in config.items() if key != "face_parser" and not key.startswith("attention")}


@functools.cache
def contenders(options: BenchOptions) -> tuple[Contender, ...]:
    """Models first, then rivals, in the order they were named.

    Raises:
        ValueError: for an unknown rival (the nearest is suggested), a broken ONNX file, two of one name, or a
            ``baseline`` that does not take part.
        OSError: where a model or an ONNX file is not there.
    """
    found = [_model(name, options) for name in model_names(options)] + [
        _rival(spec, options) for spec in options.rivals
    ]
    names = [each.name for each in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two predictors are called {twice.pop()!r}; rename a file or folder, or name it once")
    if options.baseline is not None and options.baseline not in names:
        raise ValueError(f"no predictor is called {options.baseline!r}; --baseline takes one of {', '.join(names)}")
    return tuple(found)


def _model(name: str, options: BenchOptions) -> Contender:
    model = load_model(name, options.device)
    shown = Path(name).name
    return Contender(shown, dict(model_identity(model)), functools.cache(lambda: ModelPredictor(model, shown)))


def _rival(spec: str, options: BenchOptions) -> Contender:
    if spec in TRIVIAL:
        return Contender(TRIVIAL[spec].name, {"rival": spec}, lambda: TRIVIAL[spec])
    if spec in TRAINED:
        return _trained(spec, options)
    if spec.startswith("onnx:"):
        path = Path(spec.removeprefix("onnx:"))
        settings = {"onnx": hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None}
        return _loaded(path.stem, settings, lambda: OnnxPredictor(path, options.threads))
    if ":" in spec:
        name = spec.rsplit("/", 1)[-1]
        file = Path(spec.rpartition(":")[0])
        settings = {"function": name, "file": hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None}
        return _loaded(name, settings, lambda: CallablePredictor(name, load_function(spec)))
    close = get_close_matches(spec, RIVALS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(RIVALS)}, onnx:FILE and module:function"
    raise ValueError(f"unknown rival {spec!r}; {hint}")


def _loaded(name: str, settings: Mapping[str, Any], load: Callable[[], Predictor]) -> Contender:
    """An outside system, loaded now: what is wrong with it is said before anything is computed."""
    try:
        predictor = load()
    except Skipped as reason:
        return _skipping(name, str(reason))
    return Contender(name, settings, lambda: predictor)


def trained_contender(
    name: str,
    key: str,
    options: BenchOptions,
    recipe: Recipe,
    settings: Mapping[str, Any],
    build: Callable[[], nn.Module],
    task: Callable[[Any, Recipe, Sequence[Generator]], FakeLocatorTask],
) -> Contender:
    """A network that is trained when its first cell is computed, on the batches of all that share the recipe's seed.

    Args:
        name: in tables.
        key: of the folder that keeps its weights.
        settings: what tells its training apart from others of the same recipe, photos and generators.
        build: makes the network with random weights, given the recipe's seed.
        task: makes what is trained of network, recipe and generators.
    """
    try:
        settings = {**settings, **training_settings(options, recipe)}
    except Skipped as reason:
        return _skipping(name, f"{name}: {reason}")

    @functools.cache
    def load() -> Predictor:
        torch.manual_seed(recipe.seed)
        network = build()

        def train() -> None:
            generators = training_generators(options)
            train_short(task(network, recipe, generators), training_photos(options)[0], options.device)

        kept_weights(network, options.weights, key, settings, train).to(options.device)
        # A baseline's output has the names of a FakeLocator's; only that one knows tiles.
        return ModelPredictor(network, name, tile=sys.maxsize)  # type: ignore[arg-type]

    return Contender(name, settings, load)


def _trained(spec: str, options: BenchOptions) -> Contender:
    config = load_model(model_names(options)[0], options.device).config
    encoder, channels = config["encoder_name"], config["decoder_channels"]
    build: dict[str, Callable[[], nn.Module]] = {
        "fakelocator": lambda: FakeLocator(**config),
        "unet-dice": lambda: UnetDice(encoder, channels),
        "ffd": lambda: AttentionMapRegressor(encoder),
        "gradcam": lambda: GradCamClassifier(encoder, len(channels)),
    }
    task = FakeLocatorTask if spec == "fakelocator" else BaselineTask
    settings = {"network": spec, "config": config}
    return trained_contender(TRAINED[spec], spec, options, short_recipe(options), settings, build[spec], task)


def _skipping(name: str, sentence: str) -> Contender:
    def load() -> Predictor:
        raise Skipped(sentence)

    return Contender(name, {"skipped": sentence}, load)
