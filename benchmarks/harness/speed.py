"""Table `speed`: latency and throughput beside ``smp.Unet`` and the bare encoder, runtimes, memory and start-up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import nn

from benchmarks.harness import runtimes
from benchmarks.harness.attention_cost import attention_seconds, attention_table
from benchmarks.harness.cells import Cell, Section, Skipped, skip_sentences
from benchmarks.harness.evaluations import sentences
from benchmarks.harness.footprint import footprint, help_seconds
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.rivals import load_model, model_names, unattended_config
from benchmarks.harness.timing import (
    MATRIX,
    MATRIX_GFLOP,
    count_gflop,
    interleaved_seconds,
    matrix_product,
    quartiles,
    torch_threads,
)
from fakelocator_zoo.evaluation.environment import processor
from fakelocator_zoo.evaluation.tables import markdown_table
from fakelocator_zoo.models.encoder import build_encoder
from fakelocator_zoo.models.fakelocator import FakeLocator

#: Side in pixels and images a batch.
SHAPES = ((256, 1), (256, 8), (512, 1))
QUICK_SHAPES = ((64, 1), (64, 2))
UNET, ENCODER, PRODUCT = "smp.Unet, same encoder", "bare encoder", "matrix product"


def cells(options: BenchOptions) -> list[Cell]:
    """One for each setting of threads, batch and size, one for the runtimes, and one a process for memory."""
    names = timed_models(options)
    configs = {Path(name).name: load_model(name, options.device).config for name in names}
    common = {"configs": configs, "processor": processor(), "torch": torch.__version__, "device": options.device}
    shapes = QUICK_SHAPES if options.quick else SHAPES
    sizes = sorted({size for size, _ in shapes})
    most = options.threads or os.cpu_count() or 1
    threads = sorted({1, most})
    budget = 0.5 if options.quick else 8.0
    found = []
    for count in threads:
        for size, batch in shapes:
            setting = {"threads": count, "batch": batch, "size": size}
            compute = partial(_networks_timed, options, setting, budget)
            key = f"threads {count}/batch {batch}/{size} px"
            found.append(Cell(key, common | setting | {"budget": budget}, compute))
    config, setting = configs[Path(names[0]).name], {"threads": 1, "batch": 1, "size": sizes[0]}
    compute = partial(_attention_timed, options, config, setting, budget)
    found.append(Cell("attention", common | setting | {"budget": budget}, compute))
    if options.device == "cpu":
        setting = {"threads": most, "batch": 1, "size": sizes[0]}
        there = {"runtimes": runtimes.available()}
        found.append(Cell("runtimes", common | setting | there, partial(_runtimes_timed, options, setting, budget)))
        for size in sizes:
            for kind, name in (*(("fakelocator", name) for name in names), ("unet", json.dumps(_unet(options)))):
                shown = Path(name).name if kind == "fakelocator" else UNET
                found.append(
                    Cell(f"process/{shown}/{size} px", common | {"size": size}, partial(_process, kind, name, size))
                )
        found.append(Cell("help", common, lambda: {"help_seconds": [help_seconds() for _ in range(3)]}))
    return found


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """A row for each setting and network; tables of runtimes and processes stand in the text."""
    rows = [row for result in results.values() if "gflop" in result for row in _timed_rows(result)]
    parts = [
        "Forward passes in float32 on random images, medians with quartiles over rounds in which the networks take "
        "turns; *times* are medians of the ratios within a round. GFLOP are torch's count, a multiply-add being two; "
        f"the share is of what a product of {MATRIX} x {MATRIX} matrices reaches on the same threads, in the same "
        f"rounds. *{UNET}* has the first model's channels and upsampling as well. Of models of one architecture one "
        "is timed."
    ]
    attended = results.get("attention")
    if attended and "attention_seconds" in attended:
        parts += [
            f"What attention costs *{attended['model']}*, {_setting(attended)}, networks in turns:",
            attention_table(attended["attention_seconds"]),
        ]
    found = results.get("runtimes")
    if found and "seconds" in found:
        base = median(found["seconds"][runtimes.EAGER])
        table = [
            (name, quartiles([1e3 * each for each in seconds], 1), quartiles([each / base for each in seconds], 2))
            for name, seconds in found["seconds"].items()
        ]
        parts += [
            f"Runtimes of *{found['model']}*, {_setting(found)}, each timed alone, one after the other:",
            markdown_table(("runtime", "ms an image", "times eager"), table),
        ]
        parts.append("\n".join(f"- {note}" for note in found["notes"]))
    processes = {key: result for key, result in results.items() if "peak_megabytes" in result}
    if processes:
        started = [
            (
                key.removeprefix("process/"),
                f"{result['peak_megabytes']:.0f}",
                f"{result['loaded']:.1f}",
                f"{result['first_image']:.1f}",
                f"{result['process_seconds']:.1f}",
            )
            for key, result in processes.items()
        ]
        headings = ("process, one image", "peak MB", "s until loaded", "s until the first map", "s in all")
        parts += ["A fresh process that imports, loads and runs one image:", markdown_table(headings, started)]
    if "help" in results and "help_seconds" in results["help"]:
        parts.append(f"`fakelocator --help`: {min(results['help']['help_seconds']):.2f} s, the best of three.")
    timed = ("ms a batch", "images/s", f"times {UNET}", "rounds")
    columns = ("setting", "network", *timed, "GFLOP an image", "GFLOP/s", "share")
    text = sentences("\n\n".join(part for part in parts if part), skip_sentences(results))
    return Section("speed", "Speed", text, columns, rows)


def timed_models(options: BenchOptions) -> list[str]:
    """The models of a run, one of each architecture: speed does not depend on weights."""
    found: dict[str, str] = {}
    for name in model_names(options):
        config = {key: value for key, value in load_model(name, options.device).config.items() if key != "dropout"}
        found.setdefault(json.dumps(config, sort_keys=True), name)
    return list(found.values())


def timed_networks(options: BenchOptions) -> dict[str, nn.Module]:
    """Ours, the first with and without attention and stem, ``smp.Unet`` and the encoder."""
    found: dict[str, nn.Module] = {Path(name).name: load_model(name, options.device) for name in timed_models(options)}
    config, unattended = load_model(model_names(options)[0], options.device).config, unattended_config(options)
    first = Path(model_names(options)[0]).name
    if config["attention"] is None:
        found[f"{first}, with attention"] = FakeLocator(**{**config, "attention": "face"})
    else:
        found[f"{first}, no attention"] = FakeLocator(**unattended)
    if config["texture_stem"] is not None:
        found[f"{first}, no attention, no texture stem"] = FakeLocator(**{**unattended, "texture_stem": None})
    found[UNET] = smp.Unet(**_unet(options))
    found[ENCODER] = build_encoder(config["encoder_name"], len(config["decoder_channels"]), None)
    return {name: network.eval().to(options.device) for name, network in found.items()}


def _unet(options: BenchOptions) -> dict[str, Any]:
    """The arguments of an ``smp.Unet`` with the first model's encoder, channels and, where it has it, upsampling."""
    config = load_model(model_names(options)[0], options.device).config
    upsampling = config["decoder_upsampling"]
    return {
        "encoder_name": config["encoder_name"],
        "encoder_depth": len(config["decoder_channels"]),
        "encoder_weights": None,
        "decoder_channels": list(config["decoder_channels"]),
        "decoder_interpolation": upsampling if upsampling in ("nearest", "bilinear") else "nearest",
    }


def _networks_timed(options: BenchOptions, setting: Mapping[str, int], budget: float) -> dict[str, Any]:
    torch.manual_seed(0)
    images = torch.rand(setting["batch"], 3, setting["size"], setting["size"], device=options.device)
    networks = timed_networks(options)
    gflop = {name: count_gflop(network, images) / setting["batch"] for name, network in networks.items()}
    actions: dict[str, Callable[[], object]] = {name: partial(network, images) for name, network in networks.items()}
    actions[PRODUCT] = matrix_product(options.device)
    with torch_threads(setting["threads"]):
        seconds = interleaved_seconds(actions, budget=budget, device=options.device)
    return {**setting, "gflop": gflop, "seconds": seconds}


def _timed_rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    seconds, batch = result["seconds"], result["batch"]
    product = MATRIX_GFLOP / median(seconds[PRODUCT])
    rows: list[tuple[str, ...]] = []
    for name, gflop in result["gflop"].items():
        reached = [gflop * batch / each for each in seconds[name]]
        rows.append(
            (
                _setting(result),
                name,
                quartiles([1e3 * each for each in seconds[name]], 1),
                quartiles([batch / each for each in seconds[name]], 1),
                quartiles(_ratios(seconds[name], seconds[UNET]), 2),
                str(len(seconds[name])),
                f"{gflop:.2f}",
                quartiles(reached, 0),
                f"{median(reached) / product:.0%}",
            )
        )
    return rows


def _runtimes_timed(options: BenchOptions, setting: Mapping[str, int], budget: float) -> dict[str, Any]:
    name = model_names(options)[0]
    network = load_model(name, options.device)
    torch.manual_seed(0)
    images = torch.rand(setting["batch"], 3, setting["size"], setting["size"])
    there = runtimes.available()
    notes = [f"{each}: not installed; {how}" for each, (_, how) in runtimes.NEEDS.items() if each not in there]
    seconds: dict[str, list[float]] = {}
    with torch_threads(setting["threads"]):
        for each in there:
            if options.quick and each == runtimes.COMPILED:
                continue  # compiling takes longer than all of a quick run
            try:
                action = runtimes.prepare(each, network, images, setting["threads"])
            except RuntimeError as error:
                notes.append(str(error))
                continue
            # One after the other: the idle threads of one runtime would slow the next one down.
            seconds |= interleaved_seconds({each: action}, budget=budget)
    return {**setting, "model": Path(name).name, "seconds": seconds, "notes": notes}


def _attention_timed(
    options: BenchOptions, config: Mapping[str, Any], setting: Mapping[str, int], budget: float
) -> dict[str, Any]:
    seconds = attention_seconds(config, setting["size"], budget, options.device)
    return {**setting, "model": Path(model_names(options)[0]).name, "attention_seconds": seconds}


def _process(kind: str, name: str, size: int) -> dict[str, Any]:
    try:
        return footprint(kind, name, size)
    except OSError as error:
        raise Skipped(str(error)) from error


def _ratios(seconds: list[float], base: list[float]) -> list[float]:
    return [one / other for one, other in zip(seconds, base, strict=True)]


def _setting(result: Mapping[str, Any]) -> str:
    threads = f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    return f"{threads}, batch {result['batch']}, {result['size']} x {result['size']}"
