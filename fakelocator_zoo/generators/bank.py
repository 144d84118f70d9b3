"""The bank: small generators of many kinds that make training fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fakelocator_zoo.data.photos import PhotoCrops
from fakelocator_zoo.generators.adversarial import train_generator
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.hub.files import WEIGHTS

CROP_SIZE = 48
BATCH_SIZE = 8

#: Arguments of each :class:`Generator`: every upsampling kind, shallow and deep, with and without normalisation, noise
#: and skips; the most different ones first. Smooth ones are trained briefly and without a discriminator, since many
#: generators are smoother than photos.
BANK: dict[str, dict[str, Any]] = {
    "transposed-l2": {"upsampling": "transposed", "levels": 2},
    "nearest-l1": {"upsampling": "nearest", "levels": 1},
    "nearest-l2": {"upsampling": "nearest", "levels": 2},
    "pixel_shuffle-l1": {"upsampling": "pixel_shuffle", "levels": 1},
    "pixel_shuffle-l2": {"upsampling": "pixel_shuffle", "levels": 2},
    "transposed3-l1": {"upsampling": "transposed3", "levels": 1},
    "bilinear-l1": {"upsampling": "bilinear", "levels": 1},
    "bilinear-l2": {"upsampling": "bilinear", "levels": 2},
    "transposed-l1": {"upsampling": "transposed", "levels": 1},
    "transposed3-l2": {"upsampling": "transposed3", "levels": 2},
    "nearest-l3": {"upsampling": "nearest", "levels": 3},
    "pixel_shuffle-l3": {"upsampling": "pixel_shuffle", "levels": 3},
    "bilinear-l2-skips": {"upsampling": "bilinear", "levels": 2, "skips": True},
    "transposed2-l2": {"upsampling": "transposed2", "levels": 2},
    "nearest-l2-k5-instance": {"upsampling": "nearest", "levels": 2, "kernel_size": 5, "norm": "instance"},
    "transposed-l2-batch": {"upsampling": "transposed", "levels": 2, "norm": "batch"},
    "bilinear-l3-noise": {"upsampling": "bilinear", "levels": 3, "noise": True},
    "nearest-l2-noise-skips": {"upsampling": "nearest", "levels": 2, "noise": True, "skips": True},
    "transposed-l3-skips": {"upsampling": "transposed", "levels": 3, "skips": True},
    "pixel_shuffle-l2-instance": {"upsampling": "pixel_shuffle", "levels": 2, "norm": "instance"},
    "bilinear-l1-k5-wide": {"upsampling": "bilinear", "levels": 1, "kernel_size": 5, "width": 24},
    "nearest-l1-k1": {"upsampling": "nearest", "levels": 1, "kernel_size": 1, "width": 24},
    "transposed2-l1": {"upsampling": "transposed2", "levels": 1},
    "pixel_shuffle-l1-noise": {"upsampling": "pixel_shuffle", "levels": 1, "noise": True, "blocks": 2},
    "bilinear-l1-smooth": {"upsampling": "bilinear", "levels": 1},
    "bilinear-l2-smooth": {"upsampling": "bilinear", "levels": 2},
    "bilinear-l2-skips-smooth": {"upsampling": "bilinear", "levels": 2, "skips": True},
    "nearest-l1-smooth": {"upsampling": "nearest", "levels": 1},
    "nearest-l2-smooth": {"upsampling": "nearest", "levels": 2},
    "transposed-l2-smooth": {"upsampling": "transposed", "levels": 2},
    "transposed3-l1-smooth": {"upsampling": "transposed3", "levels": 1},
    "pixel_shuffle-l2-smooth": {"upsampling": "pixel_shuffle", "levels": 2},
}


def endless_batches(crops: PhotoCrops, batch_size: int, device: str | torch.device = "cpu") -> Iterator[Tensor]:
    """Batches (B, 3, size, size) of random crops without end."""
    while True:
        for batch in DataLoader(crops, batch_size=batch_size, drop_last=True):
            yield batch.to(device)
        crops.epoch += 1


def train_bank(
    photos: Sequence[Path],
    folder: str | Path,
    *,
    names: Sequence[str] | None = None,
    steps: int = 1200,
    seed: int = 0,
    device: str | torch.device = "cpu",
    report: Callable[[str, dict[str, float]], None] = lambda name, figures: None,
) -> dict[str, Generator]:
    """Train the generators of :data:`BANK` that ``folder`` lacks, and return them all.

    Each generator is saved when it is finished, so a killed run continues. ``report(name, figures)`` is called after
    each.

    Raises:
        ValueError: for a name that is not in the bank.
    """
    chosen = list(BANK if names is None else names)
    unknown = [name for name in chosen if name not in BANK]
    if unknown:
        raise ValueError(f"unknown generators {', '.join(unknown)}; the bank has {', '.join(BANK)}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in chosen if not (folder / name / WEIGHTS).is_file()]
    crops = PhotoCrops(photos, CROP_SIZE, 4096, seed=seed) if missing else None
    for name in missing:
        assert crops is not None
        index = list(BANK).index(name)
        torch.manual_seed(seed * 1000 + index)
        crops.epoch = index * 1000
        generator = Generator(**BANK[name]).to(device)
        batches = endless_batches(crops, BATCH_SIZE, device)
        if name.endswith("-smooth"):
            figures = train_generator(
                generator, batches, steps=max(1, steps // 3), adversarial_weight=0.0, learning_rate=1e-3
            )
        else:
            figures = train_generator(generator, batches, steps=steps)
        about = {"generator": name, "steps": steps, "seed": seed, **figures}
        recipe = "".join(f"{key}: {value}\n" for key, value in about.items())
        generator.save_pretrained(folder / name, dtype=torch.float16, recipe=recipe)
        report(name, figures)
    return {name: load_generator(folder / name, device) for name in chosen}


def bank_folders(bank: str | Path) -> list[Path]:
    """The folders of a bank's generators, sorted by name.

    Raises:
        FileNotFoundError: where there is none.
    """
    folders = sorted(path.parent for path in Path(bank).glob(f"*/{WEIGHTS}"))
    if not folders:
        raise FileNotFoundError(f"{bank} holds no generator; train some with `fakelocator bank`")
    return folders


def load_generator(name: str | Path, device: str | torch.device = "cpu") -> Generator:
    """A trained generator in eval mode and without gradients; arguments and errors of ``from_pretrained``."""
    return Generator.from_pretrained(name, map_location=device).requires_grad_(False)
