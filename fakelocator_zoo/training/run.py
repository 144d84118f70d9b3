"""A training run: from a recipe and a data folder to a model folder."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from lightning_utilities.core.rank_zero import rank_zero_only

from fakelocator_zoo.data.frames import is_video
from fakelocator_zoo.data.index_crops import IndexCrops
from fakelocator_zoo.data.layouts import read_index
from fakelocator_zoo.data.splits import training_and_validation
from fakelocator_zoo.generators.bank import train_bank
from fakelocator_zoo.hub.files import write_whole
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.crops import (
    Attend,
    Source,
    Steps,
    TrainingCrops,
    read_pairs,
    read_photos,
    training_photos,
)
from fakelocator_zoo.training.module import Clock, FakeLocatorModule, SampleSheet, Validation
from fakelocator_zoo.training.recipe import Recipe, parse_recipe
from fakelocator_zoo.training.task import FakeLocatorTask
from fakelocator_zoo.training.trained import write_model
from fakelocator_zoo.training.validation import (
    ValidationImage,
    dataset_images,
    validation_images,
    validation_photos,
)

#: Side in pixels of the map that the face parser's attention is kept at for a whole photo.
ATTENTION_SIDE = 128
#: Share of a data set's people that are validated on where it has no official split.
VALIDATION_SHARE = 0.1


def train(
    recipe: Recipe,
    data: str | Path,
    out: str | Path,
    *,
    bank: str | Path | None = None,
    device: str = "auto",
    devices: int = 1,
    num_nodes: int = 1,
    strategy: str = "auto",
    workers: int = 0,
    progress: bool = True,
    report: Callable[[str], None] = print,
) -> Path:
    """Train as the recipe says; called again on the same ``out`` it goes on where it was killed.

    Several processes (``devices`` times ``num_nodes``) share each batch of the recipe, with the crops of one process,
    and Lightning averages their gradients. What is drawn for a batch (which fakes are made, how images are degraded) is
    drawn by each process for its share, and batch normalisation has the statistics of the share. So a run is the same
    as every run of as many processes, and differs from that of one process as runs of two seeds do.

    Args:
        data: the folder that the recipe's paths are relative to.
        out: receives ``recipe.json``, ``log/`` (CSV, one for each start), ``samples/``, ``checkpoints/``, ``model/``.
        bank: folder of generators; those it lacks are trained first. None is ``out/bank``.
        device: ``auto``, ``cpu``, ``cuda``; mixed precision (bfloat16) where the device is a GPU.
        devices: processes on each machine, one a GPU; Lightning starts them.
        num_nodes: machines, all of which see ``data``, ``out`` and ``bank``; start the program on each, with torchrun
            or a scheduler that Lightning knows. Train the bank before, or each machine does.
        strategy: of Lightning, such as ``ddp``; ``auto`` takes it for several processes.
        workers: processes that read crops, of each process that trains.
        report: takes sentences about what is done.

    Returns:
        The model folder, as ``FakeLocator.from_pretrained`` takes it.

    Raises:
        ValueError: where ``out`` holds a run of another recipe, a batch cannot be shared equally, or there are not as
            many devices.
        FileNotFoundError: where the data is not there.
    """
    data, out = Path(data), Path(out)
    Steps(0, 0, recipe.optimisation.batch_size, 0, devices * num_nodes)  # says at once what cannot be shared
    if getattr(rank_zero_only, "rank", 0):
        report = _say_nothing
    _claim(out, recipe)
    model_folder = out / "model"
    if model_folder.exists():
        report(f"{model_folder} is finished already; give another --out to train anew")
        return model_folder
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    lightning.seed_everything(recipe.seed, verbose=False)
    on_gpu = device != "cpu" and torch.cuda.is_available()
    torch.manual_seed(recipe.seed)
    model = FakeLocator(**{"encoder_weights": None, **recipe.model})
    if on_gpu:  # On the CPU the backward pass of MobileOne's convolutions crashes in this layout (torch 2.14).
        model = model.to(memory_format=torch.channels_last)
    crops, images, photos = _data(recipe, data, _attend(model), report)
    generators = []
    if crops.photos and recipe.fakes.bank_share > 0:
        trained = train_bank(
            [p for folder in recipe.data.photos for p in training_photos(data, folder, recipe.validation.photos)],
            Path(bank) if bank is not None else out / "bank",
            names=recipe.fakes.bank or None,
            steps=recipe.fakes.bank_steps,
            seed=recipe.seed,
            device="cuda" if on_gpu else "cpu",
            report=lambda name, figures: report(
                f"generator {name}: L1 {figures['l1']:.4f}, sharpness {figures['sharpness']:.2f}"
            ),
        )
        generators = list(trained.values())
    report(f"{len(images)} validation images, {len(photos)} validation photos")
    module = FakeLocatorModule(FakeLocatorTask(model, recipe, generators), crops, workers)
    checkpoints = out / "checkpoints"
    last = checkpoints / "last.ckpt"
    saved: dict[str, Any] = {"save_on_train_epoch_end": True, "enable_version_counter": False}
    best = ModelCheckpoint(checkpoints, "best", monitor="val/score", mode="max", **saved)
    callbacks: list[Callback] = [Clock()]
    if images:
        callbacks += [Validation(images), SampleSheet(images, out / "samples"), best]
    # Apart from the best, since `save_last` saves only when the best is saved; after it, to hold its state.
    callbacks.append(ModelCheckpoint(checkpoints, "last", **saved))
    try:
        trainer = lightning.Trainer(
            accelerator=device,
            devices=devices,
            num_nodes=num_nodes,
            strategy=strategy,
            use_distributed_sampler=False,
            precision="bf16-mixed" if on_gpu else "32-true",
            # Counted in epochs: of a run that is counted in steps, Lightning repeats the last epoch when it resumes.
            max_epochs=math.ceil(recipe.optimisation.steps / recipe.validation.every),
            gradient_clip_val=recipe.optimisation.clip,
            callbacks=[*callbacks, *([TQDMProgressBar()] if progress else [])],
            logger=CSVLogger(out, name="log"),  # a numbered folder for each start, so that resuming deletes nothing
            enable_progress_bar=progress,
            enable_model_summary=False,
            reload_dataloaders_every_n_epochs=1,
            log_every_n_steps=1,
        )
    except MisconfigurationException as error:
        raise ValueError(f"cannot train on {devices} devices of {device} ({error})") from error
    resumed = last.exists()
    if resumed:
        report(f"resuming from {last}")
    started = time.perf_counter()
    # The checkpoint is the run's own; it is read as plain tensors all the same.
    trainer.fit(module, ckpt_path=last if resumed else None, weights_only=True)
    if not trainer.is_global_zero:
        return model_folder
    hours = (time.perf_counter() - started) / 3600
    report(f"trained for {hours:.2f} hours")
    if images:
        state = torch.load(best.best_model_path, weights_only=True, map_location="cpu")["state_dict"]
        module.load_state_dict(state)
    model.cpu().eval()
    machine = "a GPU" if on_gpu else f"{torch.get_num_threads()} CPU thread(s)"
    training = (
        f"`fakelocator train recipe.yaml --data DATA{' --bank BANK' if bank is not None else ''} --out {out.name}`: "
        f"{recipe.optimisation.steps} steps of {recipe.optimisation.batch_size} images, seed {recipe.seed}; "
        f"{hours:.1f} hours on {machine}{' since the run was resumed' if resumed else ''}"
    )
    write_model(model, recipe, images, photos, out, training=training, report=report)
    report(f"trained model in {model_folder}")
    return model_folder


def _say_nothing(sentence: str) -> None:
    """Of several processes the first alone reports."""


def _data(
    recipe: Recipe, data: Path, attend: Attend | None, report: Callable[[str], None]
) -> tuple[TrainingCrops, list[ValidationImage], list[Path]]:
    """Training crops, validation images and validation photos."""
    options, held_out = recipe.data, recipe.validation
    if options.dataset is not None:
        training, validation = _index_crops(recipe, data / options.dataset, report)
        return TrainingCrops(recipe, dataset=training), dataset_images(validation, held_out.images), []
    photos = read_photos(data, options.photos, held_out.photos, attend)
    pairs = read_pairs(data, options.pairs, held_out.generators, attend)
    folders = {folder: 1.0 for name, folder in options.whole.items() if name not in held_out.generators}
    whole = read_photos(data, folders, [], attend)
    for kind, sources in (("photos", photos), ("pairs", pairs), ("images made as a whole", whole)):
        if sources:
            report(f"{kind}: " + ", ".join(f"{len(each.images)} of {each.name}" for each in sources))
    crops = TrainingCrops(recipe, photos=photos, pairs=pairs, whole=_by_count(whole))
    return crops, validation_images(recipe, data), validation_photos(recipe, data)


def _by_count(sources: list[Source]) -> list[Source]:
    """Every image of all sources equally often."""
    return [source._replace(weight=float(len(source.images))) for source in sources]


def _attend(model: FakeLocator) -> Attend | None:
    """The model's attention to a whole photo; it is cropped with the photo, since no parser reads a small crop."""
    if model.face_parser is None:
        return None

    def attend(image: np.ndarray) -> np.ndarray:
        scale = 2 * ATTENTION_SIDE / max(image.shape[:2])
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255
        if scale < 1:
            pixels = torch.nn.functional.interpolate(pixels, scale_factor=scale, mode="bilinear", antialias=True)
        attended = model.attend(pixels.clamp(0, 1))
        assert attended is not None
        size = [max(8, round(side * ATTENTION_SIDE / max(image.shape[:2]))) for side in image.shape[:2]]
        resized = torch.nn.functional.interpolate(attended.attention, size=size, mode="bilinear", antialias=True)
        return (resized[0, 0].clamp(0, 1) * 255).round().byte().numpy()

    return attend


def _index_crops(recipe: Recipe, dataset: Path, report: Callable[[str], None]) -> tuple[IndexCrops, IndexCrops]:
    options = recipe.data
    index = read_index(dataset, options.layout, compression=options.compression)
    for note in index.notes:
        report(note)
    if index.unmatched:
        report(f"{len(index.unmatched)} files without a partner or a place; fakelocator data check lists them")
    if options.split is None and any(sample.split == "test" for sample in index.samples):
        report("its official test split is trained on too; data.split: train in the recipe leaves it out")
    training, validation = training_and_validation(
        index, options.methods, options.split, share=VALIDATION_SHARE, seed=recipe.seed
    )
    if any(is_video(path) for sample in training for path in sample.files):
        report("videos are decoded anew for every crop; fakelocator data extract writes frames, which are much faster")
    frames, seed = options.frames_per_video, recipe.seed
    crops = (
        IndexCrops(training, options.size, len(training), seed=seed, frames_per_video=frames),
        IndexCrops(validation, options.size, recipe.validation.images, seed=seed + 1, frames_per_video=frames),
    )
    report(f"{len(crops[0].fakes)} fakes to train on, {len(crops[1].fakes)} to validate on")
    return crops


def _claim(out: Path, recipe: Recipe) -> None:
    """Record the recipe in ``out``, or check that the run there is of the same one."""
    record = out / "recipe.json"
    if record.exists():
        if parse_recipe(json.loads(record.read_text(encoding="utf-8"))) != recipe:
            raise ValueError(f"{out} holds a run of another recipe; give another --out, or that recipe to resume it")
        return
    out.mkdir(parents=True, exist_ok=True)
    write_whole(record, recipe.model_dump_json(indent=2).encode())
