"""Who takes part in a table: models, trivial maps and systems from outside."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import fakelocator_zoo
from benchmarks.harness.options import Options
from benchmarks.harness.table import Skipped
from benchmarks.rivals.adapters import CallablePredictor, OnnxPredictor, load_function
from fakelocator_zoo.evaluation.predictors import TRIVIAL_PREDICTORS, ModelPredictor, Predictor, TrivialPredictor
from fakelocator_zoo.inference.features import model_identity
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.zoo.models import DEFAULT_MODEL

#: The map of a predictor that finds nothing; IINC, pixel accuracy and L1 reward it.
EMPTY = TrivialPredictor("empty", lambda image: np.zeros(image.shape[:2], np.float32))


@dataclass(frozen=True)
class Contender:
    """A predictor that is loaded, or trained, when its first cell is computed."""

    name: str  #: in tables
    settings: Mapping[str, Any]  #: what its predictions depend on, as JSON has it
    load: Callable[[], Predictor]  #: raises Skipped where something is missing
    decides: bool = True  #: whether it has a threshold from which on an image is called fake


def model_names(options: Options) -> tuple[str, ...]:
    """The models of a run, the zoo's default where none is named."""
    return options.models or (DEFAULT_MODEL,)


@functools.cache
def load_model(name: str, device: str = "cpu") -> FakeLocator:
    """A model by its name, folder or Hub id, in eval mode; loaded once.

    Raises:
        ValueError, OSError: as ``fakelocator_zoo.from_pretrained`` does.
    """
    return fakelocator_zoo.from_pretrained(name).to(device).eval()


def models(options: Options) -> list[Contender]:
    """The models of a run."""
    return [of_model(load_model(name, options.device), Path(name).name) for name in model_names(options)]


def of_model(model: FakeLocator, shown: str) -> Contender:
    """A loaded model by the name that tables show."""
    return Contender(shown, model_identity(model), functools.partial(ModelPredictor, model, shown))


def trivial() -> list[Contender]:
    """Maps that need no model; every figure of a model stands beside theirs."""
    return [
        Contender(each.name, {"trivial": each.name}, functools.partial(_given, each), decides=False)
        for each in (*TRIVIAL_PREDICTORS, EMPTY)
    ]


def outside(spec: str, options: Options) -> Contender:
    """A system from outside: ``onnx:FILE``, ``module:function`` or ``FILE.py:function``.

    Raises:
        ValueError: where there is no such file, module or function, or the file is broken.
    """
    kind, _, rest = spec.partition(":")
    path = Path(rest if kind == "onnx" else spec.rpartition(":")[0])
    name = path.stem if kind == "onnx" else f"{path.stem}:{spec.rpartition(':')[2]}"
    try:
        predictor: Predictor
        if kind == "onnx":
            predictor = OnnxPredictor(path, options.threads)
        else:
            predictor = CallablePredictor(name, load_function(spec))
    except Skipped as reason:
        return Contender(name, {"skipped": str(reason)}, functools.partial(_skip, str(reason)))
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    return Contender(name, {"rival": name, "file": digest}, functools.partial(_given, predictor))


def _given(predictor: Predictor) -> Predictor:
    return predictor


def _skip(sentence: str) -> Predictor:
    raise Skipped(sentence)
