"""Milliseconds an image beside smp.Unet with the same encoder, what parser and attention cost, and exported files."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import nn

from benchmarks.harness.cells import Cell, run_cells
from benchmarks.harness.contenders import load_model, model_names
from benchmarks.harness.options import Options
from benchmarks.harness.table import Row, Table
from benchmarks.harness.timing import count_gflop, interleaved_seconds, quartiles
from fakelocator_zoo.evaluation.environment import processor
from fakelocator_zoo.inference.export import export_model
from fakelocator_zoo.inference.runtimes import load_model as load_to_run
from fakelocator_zoo.models.fakelocator import FakeLocator

#: Side in pixels and images a batch.
SHAPES, QUICK_SHAPES = ((256, 1), (256, 8), (512, 1), (1024, 1)), ((64, 1),)
#: Seconds for each shape and model.
BUDGET, QUICK_BUDGET = 20.0, 0.2
UNET, PLAIN, ATTENDING, PARSER = "smp.Unet", "without attention", "with attention", "face parser alone"
#: Runtimes of exported files, and the packages that they need.
RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino"}
TEXT = (
    "Forward passes in float32 on random images, {threads} thread{s}. Within a round the networks take turns; shown "
    "are medians with quartiles of the rounds, and of the ratios within a round. *smp.Unet* has the model's encoder, "
    "depth and decoder channels, and reads RGB. *With attention* runs the face parser as well; a model that was built "
    "without is given `attention='face'`. The last rows are the network without attention as an ONNX file, run by the "
    "runtimes that are installed. GFLOP count a multiply-add as two. Speed does not depend on weights."
)


def run(options: Options) -> Table:
    """Four rows for each model and shape, and one for each runtime of exported files."""
    budget = QUICK_BUDGET if options.quick else BUDGET
    common = {"processor": processor(), "torch": torch.__version__, "threads": options.threads, "budget": budget}
    cells = []
    for name in model_names(options):
        config = load_model(name, options.device).config
        for side, batch in QUICK_SHAPES if options.quick else SHAPES:
            settings = {**common, "config": config, "device": options.device}
            compute = partial(_timed, config, side, batch, budget, options.device)
            cells.append(Cell(f"{Path(name).name}/{side} px/batch {batch}", settings, compute))
    rows: list[Row] = []
    for key, result in run_cells(options, "speed", cells).items():
        model, size, batch = key.split("/")
        rows += [(model, f"{size}, {batch}", *row) for row in _rows(result)]
    text = TEXT.format(threads=options.threads, s="" if options.threads == 1 else "s")
    columns = ("model", "images", "network", "ms an image", f"times {UNET}", f"times {PLAIN}", "GFLOP an image")
    return Table("Speed", text, columns, rows)


def timed_networks(config: Mapping[str, Any]) -> dict[str, nn.Module]:
    """smp.Unet, the model without and with attention, and its face parser; random weights."""
    plain = {
        name: value for name, value in config.items() if name != "face_parser" and not name.startswith("attention")
    }
    attending = FakeLocator(**(dict(config) if config["attention"] else {**plain, "attention": "face"}))
    assert attending.face_parser is not None
    channels = config["decoder_channels"]
    unet = smp.Unet(
        config["encoder_name"], encoder_depth=len(channels), encoder_weights=None, decoder_channels=channels
    )
    return {UNET: unet, PLAIN: FakeLocator(**plain), ATTENDING: attending, PARSER: attending.face_parser}


def exported(model: nn.Module, images: torch.Tensor) -> dict[str, Callable[[], object]]:
    """The model as an ONNX file, to be called by each runtime that is installed; none without the extra `export`."""
    installed = [name for name, package in RUNTIMES.items() if importlib.util.find_spec(package)]
    if "onnx" not in installed or importlib.util.find_spec("onnxscript") is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        export_model(model, file)  # type: ignore[arg-type]
        return {f"{PLAIN}, {name}": partial(load_to_run(file, name), images) for name in installed}


def _timed(config: Mapping[str, Any], side: int, batch: int, budget: float, device: str) -> dict[str, Any]:
    torch.manual_seed(0)
    images = torch.rand(batch, 3, side, side, device=device)
    networks = {name: network.eval().to(device) for name, network in timed_networks(config).items()}
    actions: dict[str, Callable[[], object]] = {name: partial(network, images) for name, network in networks.items()}
    if device == "cpu":
        actions |= exported(networks[PLAIN], images)
    return {
        "batch": batch,
        "gflop": {name: count_gflop(network, images) / batch for name, network in networks.items()},
        "seconds": interleaved_seconds(actions, budget=budget, device=device),
    }


def _rows(result: Mapping[str, Any]) -> list[Row]:
    seconds = result["seconds"]
    return [
        (
            name,
            quartiles([1e3 * each / result["batch"] for each in taken], 1),
            *(quartiles([a / b for a, b in zip(taken, seconds[base], strict=True)], 2) for base in (UNET, PLAIN)),
            f"{result['gflop'].get(name, result['gflop'][PLAIN]):.2f}",
        )
        for name, taken in seconds.items()
    ]
