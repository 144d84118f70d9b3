"""What a model finds at each size of the photo, as a table and a plot.

    python benchmarks/photo_size.py --photos DIR --bank DIR --models NAME ... --results benchmarks/results

Photos of faces that no model was trained on, as large as the largest size or larger; generators (`fakelocator bank`),
of which those are left out that any published recipe trains with. One region within each face is painted by one of
them, the same at every size; maps and decisions are scored beside those of the photo. Killed, the same command goes on
with the next cell.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from benchmarks.harness.cells import Cell, Section, files_digest, run_cells
from benchmarks.harness.evaluations import shown
from benchmarks.harness.part_tests import rank_auc
from benchmarks.harness.pictures import Panel, Series, draw_panels
from benchmarks.harness.report import write_tables
from fakelocator_zoo import FakeLocator, terminal
from fakelocator_zoo.cli.memory import keep_freed_memory
from fakelocator_zoo.data.photos import list_images
from fakelocator_zoo.evaluation.environment import provenance
from fakelocator_zoo.evaluation.metrics import coss
from fakelocator_zoo.evaluation.statistics import Interval, auc, bootstrap_decision, bootstrap_interval
from fakelocator_zoo.generators.bank import bank_folders, load_generator
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.images.files import read_image
from fakelocator_zoo.inference.features import model_identity
from fakelocator_zoo.inference.tiles import predict_tiled
from fakelocator_zoo.models.output import DECISION_THRESHOLD
from fakelocator_zoo.training.decision import attention_of, masks_of_parts
from fakelocator_zoo.training.recipe import load_recipe
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

RECIPES = Path(__file__).parents[1] / "hub_configs"
#: The side at which faces and regions are found; both are then enlarged or reduced.
REGION_SIDE = 256
FIGURES = {
    "pixel_auc": "pixel AUC",
    "coss": "COSS",
    "auc": "image AUC",
    "fakes": "fakes called fake",
    "photos": "photos called fake",
}
DRAWN = ("pixel_auc", "auc", "fakes")
PICTURE = "photo-size.png"


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for folder in ("--photos", "--bank"):
        cli.add_argument(folder, type=Path, required=True)
    cli.add_argument("--models", nargs="+", required=True)
    cli.add_argument("--out", type=Path, default=Path("runs/photo-size"))
    cli.add_argument("--results", type=Path)
    cli.add_argument("--sizes", type=int, nargs="+", default=[192, 256, 384, 512, 768, 1024])
    cli.add_argument("--limit", type=int, default=32, help="photos")
    given = cli.parse_args()
    keep_freed_memory()
    photos = list_images([given.photos])
    photos = photos[:: max(1, len(photos) // given.limit)][: given.limit]
    generators = unseen_generators(given.bank)
    files = {"photos": files_digest(photos), "bank": files_digest(generators)}
    cells = []
    for name in given.models:
        model = FakeLocator.from_pretrained(name).eval()
        settings = {"model": model_identity(model), **files}
        cells += [
            Cell(f"{name}/{size}", {**settings, "size": size}, partial(score, model, name, photos, generators, size))
            for size in given.sizes
        ]
    results = run_cells(cells, given.out, report=lambda key, done, total: terminal.say(f"{key} ({done} of {total})"))
    section = table(results, given.out, len(photos), len(generators))
    about = provenance(0, "python benchmarks/photo_size.py")
    write_tables(given.results or given.out, given.out, [section], about, {"limit": given.limit, "sizes": given.sizes})


def unseen_generators(bank: Path) -> list[Path]:
    """Generators of the bank that no published recipe names.

    Raises:
        SystemExit: where there is none.
    """
    named = {name for file in RECIPES.glob("fakelocator_*/recipe.yaml") for name in load_recipe(file).generators.names}
    found = [folder for folder in bank_folders(bank) if folder.name not in named]
    if not found:
        raise SystemExit(f"{bank} holds no generator that no recipe names; make all of them with 'fakelocator bank'")
    return found


@torch.inference_mode()
def score(
    model: FakeLocator, name: str, photos: Sequence[Path], generators: Sequence[Path], size: int
) -> dict[str, Any]:
    """Each photo and its fake at ``size`` x ``size`` pixels."""
    painters = [load_generator(file) for file in generators]
    rows: dict[str, list[float]] = {figure: [] for figure in ("pixel_auc", "coss", "photos", "fakes")}
    for index, file in enumerate(photos):
        photo = Image.fromarray(read_image(file))
        mask = F.interpolate(region(model, photo, index), (size, size), mode="bilinear", align_corners=False)
        real = as_batch(photo, size)
        fake = paint(real, mask, painters[index % len(painters)], index)
        located = predict_tiled(model, fake[0])
        found = located.fakeness_map.numpy()
        rows["pixel_auc"].append(rank_auc(found.ravel(), (mask[0, 0] >= 0.5).numpy().ravel()))
        rows["coss"].append(coss(found, fakeness_map(real, fake)[0, 0].numpy()))
        rows["photos"].append(predict_tiled(model, real[0]).fake_probability)
        rows["fakes"].append(located.fake_probability)
    return {"model": name, "size": size, **rows}


def region(model: FakeLocator, photo: Image.Image, seed: int) -> Tensor:
    """Where the photo's face is painted, (1, 1, 256, 256) in [0, 1]."""
    image = as_batch(photo, REGION_SIDE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return masks_of_parts(image, attention_of(model, image))


def paint(real: Tensor, mask: Tensor, generator: Generator, seed: int) -> Tensor:
    """Images (B, 3, H, W) in [0, 1] with the region of the mask painted, in steps of 1 / 255 as files have them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return (make_fakes(real, [generator], masks=mask).fake * 255).round() / 255


def as_batch(photo: Image.Image, size: int) -> Tensor:
    """The middle square of a photo, (1, 3, size, size) in [0, 1]."""
    pixels = np.array(ImageOps.fit(photo, (size, size), Image.Resampling.LANCZOS))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def figures(result: Mapping[str, Any]) -> dict[str, Interval]:
    """Each of :data:`FIGURES` with its interval over the photos."""
    photos, fakes = np.array(result["photos"]), np.array(result["fakes"])
    return {
        "pixel_auc": bootstrap_interval(np.array(result["pixel_auc"], float)),
        "coss": bootstrap_interval(np.array(result["coss"])),
        "auc": bootstrap_decision(auc, photos, fakes, paired=True),
        "fakes": bootstrap_interval((fakes >= DECISION_THRESHOLD).astype(float)),
        "photos": bootstrap_interval((photos >= DECISION_THRESHOLD).astype(float)),
    }


def table(results: Mapping[str, Mapping[str, Any]], folder: Path, photos: int, generators: int) -> Section:
    """A row for each model and size; a line for each model in the plot."""
    found = [(str(each["model"]), int(each["size"]), figures(each)) for each in results.values()]
    rows = [(name, str(size), *(shown(values[figure]) for figure in FIGURES)) for name, size, values in found]
    panels = []
    for figure in DRAWN:
        lines = {}
        for model in dict.fromkeys(name for name, *_ in found):
            points = [(size, values[figure]) for name, size, values in found if name == model]
            y, low, high = ([getattr(value, part) for _, value in points] for part in ("mean", "low", "high"))
            lines[Path(model).name.removeprefix("fakelocator_")] = Series([size for size, _ in points], y, low, high)
        panels.append(Panel("", "side of the photo in pixels", FIGURES[figure], lines))
    draw_panels(folder / PICTURE, panels, len(DRAWN))
    return Section(
        "photo-size",
        "How large the photo is",
        f"{photos} photos of faces at several sizes, and the same with one region within the face painted by one of "
        f"{generators} generators of the bank that no stem was trained on. The stem averages over some 50 pixels "
        "wherever they are, so it knows more of a large face; photos that are reduced have traces of that as well. "
        "*Called fake*: a probability of "
        f"{DECISION_THRESHOLD:g} or more. 95 % bootstrap intervals over photos.",
        ("model", "side in pixels", *FIGURES.values()),
        rows,
        {PICTURE: "Mean and 95 % interval over the photos"},
    )


if __name__ == "__main__":
    main()
