"""Forward passes, exported files, whole folders, the start, memory and workers: each time beside its base."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
from torch import nn

from benchmarks.harness.cells import Cell, run_cells, skip_sentences
from benchmarks.harness.contenders import Contender, load_model, model_names, of_model
from benchmarks.harness.evaluations import evaluate_sets, shown
from benchmarks.harness.options import Options
from benchmarks.harness.table import Row, Table
from benchmarks.harness.timing import count_gflop, interleaved_seconds, quartiles
from benchmarks.tables import _end_to_end as end_to_end
from fakelocator_zoo.evaluation.environment import processor
from fakelocator_zoo.evaluation.predictors import ModelPredictor
from fakelocator_zoo.evaluation.samples import read_paired
from fakelocator_zoo.inference.export import export_model
from fakelocator_zoo.inference.features import model_identity
from fakelocator_zoo.inference.fusion import folded
from fakelocator_zoo.inference.runtimes import load_model as load_to_run
from fakelocator_zoo.models.fakelocator import FakeLocator

#: Side in pixels and images a batch.
SHAPES, QUICK_SHAPES = ((256, 1), (256, 8), (512, 1), (1024, 1)), ((64, 1),)
#: Seconds for each shape and model.
BUDGET, QUICK_BUDGET = 20.0, 0.2
#: Photos of a round through a folder, and their seconds; photos on Ray; new processes.
FOLDER, QUICK_FOLDER = (10, 150.0), (1, 0.2)
RAY_PHOTOS, QUICK_RAY_PHOTOS = 200, 4
STARTS, QUICK_STARTS = 5, 1
UNET, PLAIN, ATTENDING, PARSER = "smp.Unet", "without attention", "with attention", "face parser alone"
FOLDED = f"{PLAIN}, batch normalisation folded"
#: Runtimes of exported files, and the packages that they need.
RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino"}
COLUMNS = ("model", "input", "what", "measured", "times as fast", "as", "GFLOP")
TEXT = (
    "*Times as fast* is the base's time over the row's. Within a round all that is compared takes turns; shown are "
    "medians with quartiles, of the times and of the ratios within a round. Forward passes: float32 on random images, "
    "{threads} thread{s}, ms an image. *smp.Unet* has the model's encoder, depth and decoder channels, and reads RGB. "
    "*With attention* runs the face parser as well; a model that was built without is given `attention='face'`. "
    "*Batch normalisation folded* is what a Localizer runs. Files are the network without attention. *int8* computes "
    "convolutions in 8-bit integers, but those that read the image and those of the heads; resizing, sums and means "
    "between them stay in float32. With 8 to 64 channels on large maps memory limits these convolutions, and without "
    "VNNI instructions a processor multiplies 8-bit integers hardly faster than floats: there int8 files are no faster "
    "than those in float32, and not twice as fast as torch. Its AUC stand beside those in float32. *Folder*: "
    "JPEG photos of one face, 512 px, in one process of one thread: decoded, faces searched, scored, maps and overlays "
    "written; the bare model scores as many whole photos that are decoded already. Folders through files are "
    "compared with the folder in torch, which has gained from folding already. *First result*: a new process, "
    "beside one that imports torch and timm alone; 0.67 is 1.5 times as long. *Ray*: from the workers' start to the "
    "last row. GFLOP count a multiply-add as two, for one image. Speed does not depend on weights."
)


def run(options: Options) -> Table:
    """Rows for each model: forward passes by shape, folders, start, memory, workers, and int8's AUC."""
    results = run_cells(options, "speed", [cell for name in model_names(options) for cell in _cells(name, options)])
    rows = [row for key, result in results.items() for row in _rows(key, result)]
    text = TEXT.format(threads=options.threads, s="" if options.threads == 1 else "s")
    return Table("Speed", text, COLUMNS, [*rows, *_int8_rows(options)], notes=skip_sentences(results))


def _cells(name: str, options: Options) -> list[Cell]:
    # Processes are started elsewhere.
    given = str(Path(name).resolve()) if Path(name).exists() else name
    config = load_model(name, options.device).config
    settings = {"processor": processor(), "torch": torch.__version__, "threads": options.threads}
    settings |= {"config": config, "device": options.device}
    shown, budget = Path(name).name, QUICK_BUDGET if options.quick else BUDGET
    cells = [
        Cell(
            f"{shown}/{side} px, batch {batch}",
            {**settings, "budget": budget},
            partial(_timed, config, side, batch, budget, options.device),
        )
        for side, batch in (QUICK_SHAPES if options.quick else SHAPES)
    ]
    if options.device != "cpu":
        return cells
    settings["faces"] = options.data is not None and (options.data / "faces").is_dir()
    count, seconds = QUICK_FOLDER if options.quick else FOLDER
    starts, ray = (QUICK_STARTS, QUICK_RAY_PHOTOS) if options.quick else (STARTS, RAY_PHOTOS)
    computed: dict[str, Callable[[], dict[str, Any]]] = {
        "512 px photos": partial(end_to_end.time_folder, given, options, count, seconds),
        "one photo": partial(end_to_end.time_start, given, options, starts),
        "12 megapixels": partial(end_to_end.peak_memory, given, options),
        f"{ray} photos": partial(end_to_end.time_ray, given, options, ray),
    }
    settings |= {"photos": count, "starts": starts}
    return [*cells, *(Cell(f"{shown}/{key}", settings, compute) for key, compute in computed.items())]


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
    """The model as ONNX files, to be called by each runtime that is installed; none without the extra `export`."""
    installed = [name for name, package in RUNTIMES.items() if importlib.util.find_spec(package)]
    if "onnx" not in installed or importlib.util.find_spec("onnxscript") is None:
        return {}
    found: dict[str, Callable[[], object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, int8 in (("", False), (", int8", True)):
            file = Path(folder) / f"model{int8}.onnx"
            export_model(model, file, int8=int8)  # type: ignore[arg-type]
            found |= {f"{PLAIN}, {name}{suffix}": partial(load_to_run(file, name), images) for name in installed}  # type: ignore[misc]
    return found


def _timed(config: Mapping[str, Any], side: int, batch: int, budget: float, device: str) -> dict[str, Any]:
    torch.manual_seed(0)
    images = torch.rand(batch, 3, side, side, device=device)
    networks = {name: network.eval().to(device) for name, network in timed_networks(config).items()}
    gflop = {name: count_gflop(network, images) / batch for name, network in networks.items()}
    plain = networks[PLAIN]
    assert isinstance(plain, FakeLocator)
    actions: dict[str, Callable[[], object]] = {name: partial(network, images) for name, network in networks.items()}
    last = torch.channels_last
    actions[FOLDED] = partial(folded(plain).to(memory_format=last), images.contiguous(memory_format=last))
    if device == "cpu":
        actions |= exported(plain, images)
    return {"count": batch, "gflop": gflop, "seconds": interleaved_seconds(actions, budget=budget, device=device)}


def _rows(key: str, result: Mapping[str, Any]) -> list[Row]:
    model, given = key.split("/")
    if "skipped" in result:
        return []
    if "megabytes" in result:
        return [(model, given, "peak memory", f"{result['megabytes']:.0f} MB", "-", "-", "-")]
    rows: list[Row] = []
    for what, taken in result["seconds"].items():
        base, gflop = _base(what), result.get("gflop", {}).get(what)
        compared = _compared(taken, result["seconds"].get(base), result.get("count", 1))
        rows.append((model, given, what, *compared, base or "-", "-" if gflop is None else f"{gflop:.2f}"))
        if what == end_to_end.FOLDER:
            years = 1e9 * float(np.median(taken)) / result["count"] / (365.25 * 24 * 3600)
            rows.append((model, given, "a billion photos", f"{years:.2f} core years", "-", "-", "-"))
    return rows


def _compared(taken: list[float], base: list[float] | None, count: int) -> tuple[str, str]:
    ratio = "-" if base is None else quartiles([b / a for a, b in zip(taken, base, strict=True)], 2)
    return f"{quartiles([1e3 * each / count for each in taken], 1)} ms", ratio


def _base(what: str) -> str | None:
    """What a time is compared with; None where it is a base itself."""
    bases = {
        PLAIN: UNET,
        ATTENDING: PLAIN,
        PARSER: PLAIN,
        end_to_end.FOLDER: end_to_end.BARE,
        end_to_end.FIRST: end_to_end.IMPORTS,
    }
    bases["Ray, 2 workers"] = "Ray, 1 worker"
    if what.startswith(f"{end_to_end.FOLDER}, "):
        return end_to_end.FOLDER
    return PLAIN if what.startswith(f"{PLAIN}, ") else bases.get(what)


def _int8_rows(options: Options) -> list[Row]:
    """Pixel and image AUC of each model on ``pairs/``, in float32 and as an int8 file."""
    if options.data is None or not (options.data / "pairs").is_dir() or not importlib.util.find_spec("onnxscript"):
        return []
    sets = {"pairs": read_paired(options.data / "pairs", limit=options.limit)}
    rows: list[Row] = []
    for name in model_names(options):
        model = load_model(name)
        if model.face_parser is not None:
            continue  # its file needs the parser beside it, which rounds nothing
        contenders = [
            of_model(model, "float32"),
            Contender("int8", {**model_identity(model), "int8": True}, partial(_int8_predictor, name)),
        ]
        found = evaluate_sets(options, "speed", sets, contenders)[0]["pairs"]
        for precision, evaluation in found.items():
            overall = evaluation.summary()["overall"]
            for figure, label in (("pixel_auc", "pixel AUC"), ("auc", "image AUC")):
                rows.append((Path(name).name, "pairs", f"{label}, {precision}", shown(overall[figure]), "-", "-", "-"))
    return rows


@cache
def _int8_predictor(name: str) -> ModelPredictor:
    with tempfile.TemporaryDirectory() as folder:
        export_model(load_model(name), Path(folder) / "int8.onnx", int8=True)
        return ModelPredictor(load_to_run(Path(folder) / "int8.onnx"), "int8")
