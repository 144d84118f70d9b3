"""A training run: from a recipe and a data folder to a model folder."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, Dataset

from fakelocator_zoo.data.frames import is_video
from fakelocator_zoo.data.index_crops import IndexCrops
from fakelocator_zoo.data.layouts import read_index
from fakelocator_zoo.data.pairs import PairCrops, match_pairs
from fakelocator_zoo.data.photos import PhotoCrops
from fakelocator_zoo.data.splits import training_and_validation
from fakelocator_zoo.generators.bank import train_bank
from fakelocator_zoo.images import list_images
from fakelocator_zoo.model_files import write_whole
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.models.texture import TextureStem
from fakelocator_zoo.training.calibration import calibrate_decision
from fakelocator_zoo.training.decision import fit_decision
from fakelocator_zoo.training.lightning import EpochOfCrops, FakeLocatorModule, SampleSheet
from fakelocator_zoo.training.recipe import Recipe, parse_recipe
from fakelocator_zoo.training.task import FakeLocatorTask

T = TypeVar("T")


def train(
    recipe: Recipe,
    data: str | Path,
    out: str | Path,
    *,
    bank: str | Path | None = None,
    device: str = "auto",
    workers: int = 0,
    progress: bool = True,
    report: Callable[[str], None] = print,
) -> Path:
    """Train as the recipe says; called again on the same ``out`` it goes on where it was killed.

    Args:
        data: the folder that the recipe's paths are relative to.
        out: receives ``recipe.json``, ``log/`` (CSV, one for each start), ``samples/``, ``checkpoints/``, ``model/``.
        bank: folder of generators; those it lacks are trained first. None is ``out/bank``.
        device: ``auto``, ``cpu``, ``cuda``; mixed precision (bfloat16) where the device is a GPU.
        workers: processes that read crops.
        report: takes sentences about what is done.

    Returns:
        The model folder, as ``FakeLocator.from_pretrained`` takes it.

    Raises:
        ValueError: where ``out`` holds a run of another recipe.
        FileNotFoundError: where the data is not there.
    """
    data, out = Path(data), Path(out)
    _claim(out, recipe)
    model_folder = out / "model"
    if model_folder.exists():
        report(f"{model_folder} is finished already; give another --out to train anew")
        return model_folder
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    lightning.seed_everything(recipe.seed, verbose=False)
    generators = []
    training_set, validation_set, photos, held_out, texture_head_weights = _data_sets(recipe, data, report)
    if photos:
        folder = Path(bank) if bank is not None else out / "bank"
        trained = train_bank(
            photos,
            folder,
            names=recipe.generators.names or None,
            steps=recipe.generators.steps,
            seed=recipe.seed,
            device="cuda" if device != "cpu" and torch.cuda.is_available() else "cpu",
            report=lambda name, figures: report(
                f"generator {name}: L1 {figures['l1']:.4f}, sharpness {figures['sharpness']:.2f}"
            ),
        )
        generators = list(trained.values())
    options = recipe.optimisation
    torch.manual_seed(recipe.seed)
    model = FakeLocator(**{"encoder_weights": None, **recipe.model})
    decided = False
    if recipe.texture_from:
        alike = _take_texture(model, recipe.texture_from)
        decided = alike and options.freeze_texture and not options.stem_steps
        model.classification_head.requires_grad_(not decided)
    teachers = [_teacher(name) for name in recipe.texture_teachers]
    module = FakeLocatorModule(FakeLocatorTask(model, recipe, generators, teachers))
    # Pairs hold a real and a fake image each.
    items = options.batch_size if photos else options.batch_size // 2
    loader = DataLoader(training_set, batch_size=items, num_workers=workers, drop_last=True)
    validation = DataLoader(validation_set, batch_size=items)
    last = out / "checkpoints" / "last.ckpt"
    trainer = lightning.Trainer(
        accelerator=device,
        devices=1,
        precision="bf16-mixed" if device != "cpu" and torch.cuda.is_available() else "32-true",
        max_steps=options.stem_steps + options.steps,
        callbacks=[
            ModelCheckpoint(last.parent, last.stem, save_on_train_epoch_end=True, enable_version_counter=False),
            SampleSheet(out / "samples"),
            EpochOfCrops(texture_head_weights),
            *([TQDMProgressBar()] if progress else []),
        ],
        logger=CSVLogger(out, name="log"),  # a numbered folder for each start, so that resuming deletes nothing
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    if last.exists():
        report(f"resuming from {last}")
    # The checkpoint is the run's own; it is read as plain tensors all the same.
    trainer.fit(module, loader, validation, ckpt_path=last if last.exists() else None, weights_only=True)
    model.cpu()
    if model.texture is not None:
        model.texture.amplify(options.texture_gain)
    if decided:
        report(f"decision: that of {recipe.texture_from}, whose texture stem and attention were kept as they are")
    elif isinstance(training_set, PhotoCrops) and model.texture is not None:
        fit_decision(
            model,
            training_set,
            generators,
            count=recipe.decision_crops,
            chances=recipe.generators.chances,
            augmentation=recipe.decision_augmentation,
            seed=recipe.seed + 2,
        )
        report("decision: fitted to the texture statistics of real photos, partial and whole fakes")
    if held_out and not decided:
        share = recipe.false_alarms
        shift = calibrate_decision(model, held_out, false_alarms=share, augmentation=recipe.decision_augmentation)
        report(f"decision: margin lowered by {shift:.2f}, so that {share:.0%} of the validation photos are called fake")
    temporary = out / "model.unfinished"
    shutil.rmtree(temporary, ignore_errors=True)
    model.eval().save_pretrained(temporary, **{"name": out.name, "dtype": torch.float16, **recipe.card})
    temporary.replace(model_folder)
    report(f"trained model in {model_folder}")
    return model_folder


def _take_texture(model: FakeLocator, name: str) -> bool:
    """Give ``model`` the texture stem of the model ``name``, and its decision, which reads stem and attention alone.

    Returns:
        Whether both attend alike, so that the decision holds for ``model`` as well.

    Raises:
        ValueError: where either has no stem, or they differ in channels.
    """
    whole = FakeLocator.from_pretrained(name)
    source = whole.texture
    if model.texture is None or source is None:
        raise ValueError(f"texture_from: {'the recipe' if source else name} has no texture stem (model.texture_stem)")
    if model.texture.channels != source.channels:
        raise ValueError(f"texture_from: the stem of {name} has {source.channels} channels; set model.texture_stem so")
    model.texture.load_state_dict(source.state_dict())
    model.classification_head.load_state_dict(whole.classification_head.state_dict())
    return _attend_alike(model, whole)


def _teacher(name: str) -> TextureStem:
    """The texture stem of the model ``name``.

    Raises:
        ValueError: where it has none.
    """
    stem = FakeLocator.from_pretrained(name).texture
    if stem is None:
        raise ValueError(f"texture_teachers: {name} has no texture stem")
    return stem


def _attend_alike(first: FakeLocator, second: FakeLocator) -> bool:
    settings = ("attention_parts", "attention_mode", "attention_temperature")
    if any(getattr(first, name) != getattr(second, name) for name in settings):
        return False
    one, other = ({} if m.face_parser is None else m.face_parser.state_dict() for m in (first, second))
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def _claim(out: Path, recipe: Recipe) -> None:
    """Record the recipe in ``out``, or check that the run there is of the same one."""
    record = out / "recipe.json"
    if record.exists():
        if parse_recipe(json.loads(record.read_text(encoding="utf-8"))) != recipe:
            raise ValueError(f"{out} holds a run of another recipe; give another --out, or that recipe to resume it")
        return
    out.mkdir(parents=True, exist_ok=True)
    write_whole(record, json.dumps(recipe.to_dict(), indent=2).encode())


class _DataSets(NamedTuple):
    training: Dataset
    validation: Dataset
    photos: Sequence[Path] = ()  #: behind the training crops, if they are of photos that generators make fakes from
    held_out: Sequence[Path] = ()  #: behind those of the validation
    texture_head_weights: Sequence[float] | None = None  #: see :class:`EpochOfCrops`


def _data_sets(recipe: Recipe, data: Path, report: Callable[[str], None]) -> _DataSets:
    options = recipe.data
    length = recipe.optimisation.batch_size * recipe.optimisation.steps_per_epoch
    if options.photos:
        halves = [_split(list_images([data / folder]), options.validation_share) for folder in options.photos]
        folders = [photos for photos, _ in halves]
        training = [path for photos in folders for path in photos]
        validation = [path for _, photos in halves for path in photos]
        others = [list_images([data / folder]) for folder in options.texture_head_photos]
        more = [path for photos in others for path in photos]
        report(f"{len(training)} photos to train on, {len(validation)} to validate on")
        weights, texture_head_weights = _alike(folders) if options.balanced else None, None
        if more:
            report(f"{len(more)} more photos for the head of the texture stem")
            weights = [*(weights or [1.0] * len(training)), *[0.0] * len(more)]
            texture_head_weights = _alike([*folders, *others])
        return _DataSets(
            PhotoCrops([*training, *more], options.size, length, seed=recipe.seed, weights=weights),
            PhotoCrops(validation, options.size, 4 * recipe.optimisation.batch_size, seed=recipe.seed + 1),
            training,
            validation,
            texture_head_weights,
        )
    if options.dataset:
        return _DataSets(*_index_crops(recipe, data / options.dataset, report))
    assert options.pairs_real is not None and options.pairs_fake is not None
    pairs, unmatched = match_pairs(data / options.pairs_real, data / options.pairs_fake)
    for path in unmatched:
        report(f"no partner for {path}; left out")
    training_pairs, validation_pairs = _split(pairs, options.validation_share)
    report(f"{len(training_pairs)} pairs to train on, {len(validation_pairs)} to validate on")
    return _DataSets(
        PairCrops(training_pairs, options.size, length // 2, seed=recipe.seed),
        PairCrops(validation_pairs, options.size, 2 * recipe.optimisation.batch_size, seed=recipe.seed + 1),
    )


def _alike(folders: Sequence[Sequence[Path]]) -> list[float]:
    """Weights of the photos with which crops come from each folder equally often."""
    return [1 / len(photos) for photos in folders for _ in photos]


def _index_crops(recipe: Recipe, dataset: Path, report: Callable[[str], None]) -> tuple[IndexCrops, IndexCrops]:
    options, batch = recipe.data, recipe.optimisation.batch_size
    index = read_index(dataset, options.layout, compression=options.compression)
    for note in index.notes:
        report(note)
    if index.unmatched:
        report(f"{len(index.unmatched)} files without a partner or a place; fakelocator data check lists them")
    if options.split is None and any(sample.split == "test" for sample in index.samples):
        report("its official test split is trained on too; data.split: train in the recipe leaves it out")
    training, validation = training_and_validation(
        index, options.methods, options.split, share=options.validation_share, seed=recipe.seed
    )
    if any(is_video(path) for sample in training for path in sample.files):
        report("videos are decoded anew for every crop; fakelocator data extract writes frames, which are much faster")
    length, frames = batch // 2 * recipe.optimisation.steps_per_epoch, options.frames_per_video
    crops = (
        IndexCrops(training, options.size, length, seed=recipe.seed, frames_per_video=frames),
        IndexCrops(validation, options.size, 2 * batch, seed=recipe.seed + 1, frames_per_video=frames),
    )
    report(f"{len(crops[0].fakes)} fakes to train on, {len(crops[1].fakes)} to validate on")
    return crops


def _split(items: list[T], share: float) -> tuple[list[T], list[T]]:
    """The last ``share`` of the items apart, at least one on each side."""
    if len(items) < 2:
        raise ValueError("at least two photos or pairs are needed: one to train on and one to validate on")
    held_out = min(len(items) - 1, max(1, round(len(items) * share)))
    return items[:-held_out], items[-held_out:]
