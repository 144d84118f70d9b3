"""How the texture stem grows with the number of generators that its training fakes come from, as a table and a plot.

    python benchmarks/bank_size.py --photos DIR --pairs DIR --bank DIR --results benchmarks/results

Photos to train on, pairs to measure on (as `fakelocator evaluate` takes them), generators (`fakelocator bank`): the
first 2, 4, 8 and so on by the order of the bank, most different ones first, and all of them. Each stem is trained
alone, with and without noise on the decoders' weights; its map is scored on the fakes of the pairs.
Killed, the same command goes on with the next stem.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor

from fakelocator_zoo import terminal
from fakelocator_zoo.bench.cells import Cell, Section, files_digest, run_cells
from fakelocator_zoo.bench.part_tests import rank_auc
from fakelocator_zoo.bench.pictures import Panel, Series, draw_panels
from fakelocator_zoo.bench.report import write_tables
from fakelocator_zoo.data.photos import PhotoCrops, list_images
from fakelocator_zoo.evaluation.samples import read_pairs
from fakelocator_zoo.generators.bank import BANK, load_generator
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.memory import keep_freed_memory
from fakelocator_zoo.models.texture import TextureStem
from fakelocator_zoo.provenance import provenance

CROP, BATCH, LEARNING_RATE = 128, 8, 3e-3  # as the recipe of `.open` trains its stem
CHANCES: dict[str, Any] = {
    "other_content": 0.15,
    "other_colour": 0.1,
    "latent_edit": 0.3,
    "refilter": 0.0,
    "residual": 0.25,
    "two_generators": 0.3,
    "sharpness": 0.4,
    "faint": 0.5,
}
#: With and without ``weight_noise``: the name of a line, and the chance.
NOISE = {"noise on the decoders' weights": 1.0, "weights as trained": 0.0}
FIGURES = {"pixel_auc": "pixel AUC of the map", "auc": "image AUC of its highest logit"}
PICTURE = "bank-size.png"


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for folder in ("--photos", "--pairs", "--bank"):
        cli.add_argument(folder, type=Path, required=True)
    cli.add_argument("--out", type=Path, default=Path("runs/bank-size"))
    cli.add_argument("--results", type=Path)
    cli.add_argument("--sizes", type=int, nargs="*", default=[2, 4, 8], help="besides all of them")
    cli.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    cli.add_argument("--steps", type=int, default=900)
    cli.add_argument("--limit", type=int, default=24, help="photos of each generator to measure on")
    given = cli.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    names = [name for name in BANK if (given.bank / f"{name}.safetensors").is_file()]
    sizes = sorted({size for size in given.sizes if size < len(names)} | {len(names)})
    cells = [
        Cell(
            f"{size}/{line}/{seed}",
            {
                "generators": names[:size],
                "noise": noise,
                "seed": seed,
                "steps": given.steps,
                "limit": given.limit,
                "bank": files_digest(given.bank / f"{name}.safetensors" for name in names[:size]),
            },
            partial(train_and_score, given, names[:size], noise, seed),
        )
        for seed in given.seeds
        for size in sizes
        for line, noise in NOISE.items()
    ]
    results = run_cells(cells, given.out, report=lambda key, done, total: terminal.say(f"{key} ({done} of {total})"))
    section = table(results, given.out)
    about = provenance(given.seeds[0])
    about["command"] = about["command"].replace("fakelocator", "python benchmarks/bank_size.py", 1)
    write_tables(given.results or given.out, given.out, [section], about, {"steps": given.steps, "limit": given.limit})


def train_and_score(given: argparse.Namespace, names: list[str], noise: float, seed: int) -> dict[str, Any]:
    """One stem: for each generator of the pairs its pixel AUC by image, and its image AUC."""
    generators = [load_generator(given.bank / f"{name}.safetensors") for name in names]
    stem = train_stem(list_images([given.photos]), generators, noise, seed, given.steps)
    pairs = read_pairs(given.pairs, limit=given.limit)
    photos = [float(logits_of(stem, pairs.photos[i]).max()) for i in range(len(pairs.photos))]
    pixel_auc, highest = {}, {}
    for generator, samples in pairs.generators.items():
        pixel_auc[generator], highest[generator] = [], []
        for sample in samples:
            logits = logits_of(stem, sample.fake)
            located = F.interpolate(logits, size=sample.size, mode="bilinear", align_corners=False)
            pixel_auc[generator].append(rank_auc(located.numpy().ravel(), sample.painted(0.05).ravel()))
            highest[generator].append(float(logits.max()))
    truth = [0] * len(photos)
    auc = {name: roc_auc_score([*truth, *[1] * len(each)], [*photos, *each]) for name, each in highest.items()}
    return {"size": len(names), "noise": noise, "seed": seed, "pixel_auc": pixel_auc, "auc": auc}


def train_stem(photos: list[Path], generators: list[Generator], noise: float, seed: int, steps: int) -> TextureStem:
    """In eval mode; the same crops in the same order for every bank."""
    crops = PhotoCrops(photos, CROP, 2 * BATCH * steps, seed=seed)
    torch.manual_seed(seed)
    stem = TextureStem().train()
    optimizer = torch.optim.AdamW(stem.parameters(), LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        torch.manual_seed((seed + 1) * 1_000_003 + step)
        real = torch.stack([crops[2 * BATCH * step + i] for i in range(2 * BATCH)])
        fakes = make_fakes(real[BATCH:], generators, weight_noise=noise, **CHANCES)
        logits = stem(torch.cat([real[:BATCH], fakes.fake])).logits
        mask = torch.cat([torch.zeros_like(fakes.mask), fakes.mask])
        target = F.interpolate(mask, size=logits.shape[-2:], mode="area")
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(logits, target).backward()
        optimizer.step()
        schedule.step()
    return stem.eval()


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
