"""How the texture stem grows with the number of generators that its training fakes come from, as a table and a plot.

    python benchmarks/bank_size.py --photos DIR --pairs DIR --bank DIR --results benchmarks/results

Photos to train on, pairs to measure on (as `fakelocator evaluate` takes them), generators (`fakelocator bank`): the
first 2, 4, 8 and so on by the order of the bank, most different ones first, and all of them. Each stem is trained
alone, with and without noise on the decoders' weights; its map is scored on the fakes of the pairs.
Killed, the same command goes on with the next stem.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks.harness.cells import Cell, Section, files_digest, run_cells
from benchmarks.harness.part_tests import rank_auc
from benchmarks.harness.pictures import Panel, Series, draw_panels
from benchmarks.harness.report import write_tables
from benchmarks.harness.training import train_short
from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.memory import keep_freed_memory
from fakelocator_zoo.data.photos import list_images
from fakelocator_zoo.evaluation.environment import provenance
from fakelocator_zoo.evaluation.samples import read_pairs
from fakelocator_zoo.generators.bank import BANK, load_generator
from fakelocator_zoo.hub.files import WEIGHTS
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.models.texture import TextureStem
from fakelocator_zoo.training.recipe import Recipe, load_recipe
from fakelocator_zoo.training.task import FakeLocatorTask

#: What trains the stem, but for the number of generators and the noise.
RECIPE = load_recipe(
    Path(__file__).parents[1] / "hub_configs" / "fakelocator_mobilenetv4_conv_small.open" / "recipe.yaml"
)
#: With and without ``weight_noise``: the name of a line, and the chance.
NOISE = {"noise on the decoders' weights": RECIPE.generators.weight_noise, "weights as trained": 0.0}
FIGURES = {"pixel_auc": "pixel AUC of the map", "auc": "image AUC of its highest logit"}
PICTURE = "bank-size.png"


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for folder in ("--photos", "--pairs", "--bank"):
        cli.add_argument(folder, type=Path, required=True)
    cli.add_argument("--out", type=Path, default=Path("runs/bank-size"))
    cli.add_argument("--results", type=Path)
    cli.add_argument("--sizes", type=int, nargs="*", default=[2, 4, 8, 16], help="besides all of them")
    cli.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    cli.add_argument("--steps", type=int, default=900)
    cli.add_argument("--limit", type=int, default=24, help="photos of each generator to measure on")
    given = cli.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    names = [name for name in BANK if (given.bank / name / WEIGHTS).is_file()]
    sizes = sorted({size for size in given.sizes if size < len(names)} | {len(names)})
    recipes = {
        f"{size}/{line}/{seed}": stem_recipe(names[:size], noise, seed, given.steps)
        for seed in given.seeds
        for size in sizes
        for line, noise in NOISE.items()
    }
    digests = {name: files_digest([given.bank / name / WEIGHTS]) for name in names}
    cells = [
        Cell(
            key,
            {
                "recipe": recipe.to_dict(),
                "limit": given.limit,
                "bank": [digests[name] for name in recipe.generators.names],
            },
            partial(train_and_score, recipe, given),
        )
        for key, recipe in recipes.items()
    ]
    results = run_cells(cells, given.out, report=lambda key, done, total: terminal.say(f"{key} ({done} of {total})"))
    section = table(results, given.out)
    about = provenance(given.seeds[0], "python benchmarks/bank_size.py")
    write_tables(given.results or given.out, given.out, [section], about, {"steps": given.steps, "limit": given.limit})


def stem_recipe(names: Sequence[str], noise: float, seed: int, steps: int) -> Recipe:
    """The published recipe's first phase, all of the stem alone."""
    phase = RECIPE.optimisation
    optimisation = replace(
        phase, texture_steps=steps, texture_head_steps=0, steps=0, learning_rate=phase.texture_learning_rate
    )
    return replace(
        RECIPE,
        data=replace(RECIPE.data, size=phase.texture_size),
        generators=replace(RECIPE.generators, names=tuple(names), weight_noise=noise),
        optimisation=optimisation,
        seed=seed,
    )


def train_and_score(recipe: Recipe, given: argparse.Namespace) -> dict[str, Any]:
    """One stem: for each generator of the pairs its pixel AUC by image, and its image AUC."""
    generators = [load_generator(given.bank / name) for name in recipe.generators.names]
    torch.manual_seed(recipe.seed)
    task = FakeLocatorTask(FakeLocator(**recipe.model), recipe, generators)
    train_short(task, list_images([given.photos]))
    stem = task.model.texture
    assert stem is not None
    pairs = read_pairs(given.pairs, limit=given.limit)
    photos = [float(logits_of(stem, pairs.photos[i]).max()) for i in range(len(pairs.photos))]
    pixel_auc: dict[str, list[float]] = {}
    auc: dict[str, float] = {}
    for generator, samples in pairs.generators.items():
        pixel_auc[generator], highest = [], []
        for sample in samples:
            logits = logits_of(stem, sample.fake)
            located = F.interpolate(logits, size=sample.size, mode="bilinear", align_corners=False)
            pixel_auc[generator].append(rank_auc(located.numpy().ravel(), sample.painted(0.05).ravel()))
            highest.append(float(logits.max()))
        auc[generator] = roc_auc_score([0] * len(photos) + [1] * len(highest), photos + highest)
    return {
        "size": len(generators),
        "noise": recipe.generators.weight_noise,
        "seed": recipe.seed,
        "pixel_auc": pixel_auc,
        "auc": auc,
    }


@torch.inference_mode()
def logits_of(stem: TextureStem, image: np.ndarray) -> Tensor:
    """(H, W, 3) uint8, even H and W -> (1, 1, H / 2, W / 2)."""
    return stem(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255).logits


def table(results: dict[str, dict[str, Any]], folder: Path) -> Section:
    """A row for each bank, with and without noise; a line each in the plot."""
    rows: list[tuple[str, ...]] = []
    lines: dict[str, dict[str, Series]] = {figure: {} for figure in FIGURES}
    for line, noise in NOISE.items():
        points: dict[str, list[tuple[int, list[float]]]] = {figure: [] for figure in FIGURES}
        for size in sorted({result["size"] for result in results.values()}):
            found = [each for each in results.values() if (each["size"], each["noise"]) == (size, noise)]
            pixel = [np.mean([np.nanmean(each) for each in result["pixel_auc"].values()]) for result in found]
            image = [np.mean(list(result["auc"].values())) for result in found]
            worst = [min(np.nanmean(each) for each in result["pixel_auc"].values()) for result in found]
            rows.append((str(size), line, str(len(found)), *(_range(each) for each in (pixel, worst, image))))
            for figure, values in (("pixel_auc", pixel), ("auc", image)):
                points[figure].append((size, values))
        for figure, each in points.items():
            means, low, high = ([float(pick(values)) for _, values in each] for pick in (np.mean, min, max))
            lines[figure][line] = Series([size for size, _ in each], means, low, high)
    panels = [Panel("", "generators in the bank", label, lines[figure]) for figure, label in FIGURES.items()]
    draw_panels(folder / PICTURE, panels, 2)
    return Section(
        "bank-size",
        "How many generators",
        "The texture stem alone, trained on photos and fakes of them by so many generators of the bank, the most "
        "different ones first; its map scored on partial fakes of generators that it has not seen. Means over the "
        "generators; in brackets the least and the most of the seeds, and the bands of the plot are these.",
        ("generators", "decoders", "seeds", FIGURES["pixel_auc"], "of the weakest generator", FIGURES["auc"]),
        rows,
        {PICTURE: "The mean over the seeds, and between the least and the most of them"},
    )


def _range(values: list[float]) -> str:
    return f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


if __name__ == "__main__":
    main()
