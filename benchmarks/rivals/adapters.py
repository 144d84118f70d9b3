"""Outside systems as predictors: ONNX files of any kind, and any Python function of a batch of images."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness.table import Skipped
from fakelocator_zoo.evaluation.predictors import Prediction


def as_prediction(outputs: Any, images: Tensor, name: str) -> Prediction:
    """What an outside system gave for images (B, 3, H, W) as a :class:`Prediction`.

    Args:
        outputs: one array or tensor, or several. One of shape (B, 1, h, w) or (B, h, w) is the map, in [0, 1] and 1
            = fake; it is resized to H x W. One of shape (B,) or (B, 1) is the fake probability, of shape (B, 2) the
            logits of real and fake. Without a probability the map's mean is taken.

    Raises:
        ValueError: for other shapes and ranges.
    """
    batch, _, height, width = images.shape
    maps = scores = None
    for each in outputs if isinstance(outputs, list | tuple) else [outputs]:
        if each is None:
            continue
        values = torch.as_tensor(each).detach().float().cpu()
        if values.ndim == 0 or values.shape[0] != batch:
            raise ValueError(f"{name} gave {tuple(values.shape)} for {batch} images; the first axis is the image")
        if values.ndim == 4 and values.shape[1] == 1:
            maps = _in_unit_range(values, "map", name)
        elif values.ndim == 3:
            maps = _in_unit_range(values[:, None], "map", name)
        elif values.ndim == 2 and values.shape[1] == 2:
            scores = values.softmax(dim=1)[:, 1]
        elif values.ndim <= 2 and values.numel() == batch:
            scores = _in_unit_range(values.flatten(), "score", name)
        else:
            raise ValueError(f"{name} gave {tuple(values.shape)}, which is neither a map (B, 1, h, w) nor a score (B,)")
    if maps is not None:
        maps = F.interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)[:, 0]
    if scores is None:
        if maps is None:
            raise ValueError(f"{name} gave neither a map nor a score")
        scores = maps.mean(dim=(1, 2))
    return Prediction(maps, scores)


class CallablePredictor:
    """A function of images (B, 3, H, W) in [0, 1] that returns what :func:`as_prediction` takes."""

    threshold = 0.5

    def __init__(self, name: str, function: Callable[[Tensor], Any]) -> None:
        self.name, self.function = name, function

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Prediction:
        """Maps and fake probabilities.

        Raises:
            Skipped: where the function fails or gives what cannot be read.
        """
        try:
            return as_prediction(self.function(images), images, self.name)
        except Exception as error:  # anybody's code: whatever it raises, the other predictors go on
            raise Skipped(f"{self.name} failed: {_one_line(error)}") from error


class OnnxPredictor:
    """An ONNX file whose one input is images (1 or B, 3, H, W) float in [0, 1]; outputs as in :func:`as_prediction`.

    Images are resized to the input's height and width where these are fixed, and maps back again.

    Raises:
        Skipped: where ONNX Runtime is not installed.
        FileNotFoundError: where there is no such file.
        ValueError: where ONNX Runtime cannot read it, or its input is of another kind.
    """

    threshold = 0.5

    def __init__(self, path: Path, threads: int | None = None) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; give --rival onnx:FILE an ONNX file")
        try:
            import onnxruntime
        except ImportError:
            raise Skipped(f"onnx:{path.name} needs ONNX Runtime: pip install 'fakelocator-zoo[bench]'") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a class of its own for each way to be broken
            raise ValueError(f"{path} cannot be read by ONNX Runtime: {_one_line(error)}") from None
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
            found = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
            raise ValueError(f"{path} must have one input of float images (B, 3, H, W), but has {found}")
        self.name = path.stem
        self._input = inputs[0].name
        self._size = tuple(inputs[0].shape[2:])

    def predict(self, images: Tensor) -> Prediction:
        """Maps and fake probabilities; images go through one by one, as many files take no more.

        Raises:
            Skipped: where the file fails on them or gives what cannot be read.
        """
        given = images
        if all(isinstance(side, int) for side in self._size):
            given = F.interpolate(images, size=self._size, mode="bilinear", align_corners=False, antialias=True)
        try:
            parts = [self.session.run(None, {self._input: image[None].numpy()}) for image in given.float()]
            return as_prediction([np.concatenate(part) for part in zip(*parts, strict=True)], images, self.name)
        except Exception as error:  # as in CallablePredictor
            raise Skipped(f"{self.name} failed: {_one_line(error)}") from error


def load_function(spec: str) -> Callable[[Tensor], Any]:
    """The function that ``package.module:function`` or ``path/to/file.py:function`` names.

    Raises:
        Skipped: where the module is there but cannot be imported, such as for want of a package or of weights.
        ValueError: where there is no such module, file or function.
    """
    where, _, name = spec.rpartition(":")
    if where.endswith(".py") and not Path(where).is_file():
        raise ValueError(f"there is no file {where} for the rival {spec!r}")
    try:
        module = _import_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is not None and (where == error.name or where.startswith(f"{error.name}.")):
            raise ValueError(f"there is no module {where!r} for the rival {spec!r}; check PYTHONPATH") from None
        raise Skipped(f"{spec} needs the package {error.name}, which is not installed") from error
    except Exception as error:  # anybody's code, run by importing it
        raise Skipped(f"{spec} cannot be used: {_one_line(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{where} has no function {name!r} for the rival {spec!r}")
    return function


def _import_file(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _in_unit_range(values: Tensor, kind: str, name: str) -> Tensor:
    low, high = values.aminmax()
    if not (low >= -1e-4 and high <= 1 + 1e-4):
        raise ValueError(f"{name} gave a {kind} of {float(low):.3g} to {float(high):.3g}; it must lie in [0, 1]")
    return values.clamp(0, 1)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
