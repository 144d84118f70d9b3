"""The paper's Table I: the decision and single sample clustering on generators that trained nothing."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.harness.cells import Cell, files_digest, finished, run_cells, skip_sentences
from benchmarks.harness.contenders import Contender, load_model, model_names, models
from benchmarks.harness.edits import read_edits
from benchmarks.harness.evaluations import UNDEFINED, shown
from benchmarks.harness.options import Options
from benchmarks.harness.protocol import single_sample_protocol
from benchmarks.harness.table import Row, Skipped, Table
from fakelocator_zoo.clustering import NotSeparableWarning
from fakelocator_zoo.evaluation.samples import EvaluationSet, read_paired, read_whole
from fakelocator_zoo.evaluation.statistics import proportion_interval
from fakelocator_zoo.images import read_image
from fakelocator_zoo.inference.features import centre_crop, extract_features
from fakelocator_zoo.models.fakelocator import FakeLocator

CROP = 512
DRAWS, QUICK_DRAWS = 10, 2
TEXT = (
    "Whole images of each generator beside photos; none of them trained a model. *Decision*: accuracy at the model's "
    "threshold, with the 95 % Wilson interval. *Clustering*: accuracy of single sample clustering of the model's "
    f"features, mean and standard deviation over {DRAWS} draws of the labelled image, from each class alike. "
    "*Separable* says whether the clustering itself takes the two clusters for two; where it does not, it refuses to "
    "guess, and its accuracy is in parentheses. *One answer*: the accuracy of giving all images the more frequent "
    "label.\n\n"
    "The paper's Table I, quoted, on other data and networks: FF++ → StarGAN .490 plain, .988 with partial "
    "augmentation, .999 with clustering; FF++ → PGGAN .369, .500 and .975."
)


@dataclass(frozen=True)
class HeldOut:
    """Photos and whole fakes of one generator."""

    name: str  #: such as "pairs/srgan_x4"
    real: tuple[Path, ...]
    fake: tuple[Path, ...]


def run(options: Options) -> Table:
    """A row for each generator and model.

    Raises:
        Skipped: where ``--data`` holds no fakes.
    """
    tests = list(held_out(options))
    if not tests:
        raise Skipped("it needs fakes: give --data a folder with pairs/, whole/ or attributes/")
    draws = QUICK_DRAWS if options.quick else DRAWS
    cells = []
    for contender, name in zip(models(options), model_names(options), strict=True):
        for test in tests:
            files = files_digest([*test.real, *test.fake])
            settings = {"model": dict(contender.settings), "files": files, "draws": draws, "seed": options.seed}
            compute = functools.partial(_measure, contender, name, test, draws, options)
            cells.append(Cell(f"{contender.name}/{test.name}", settings, compute))
    results = run_cells(options, "clustering", cells)
    rows = sorted(map(_row, finished(results)))
    columns = ("generator", "model", "real + fake", "one answer", "decision", "clustering", "separable")
    return Table("Single sample clustering", TEXT, columns, rows, notes=skip_sentences(results))


def held_out(options: Options) -> Iterator[HeldOut]:
    """The generators of ``pairs/``, ``whole/`` and each set of ``attributes/``, whose edits count as one."""
    readers = {"pairs": read_paired, "whole": read_whole, "attributes": None}
    for kind, read in readers.items():
        try:
            folder = options.folder(kind)
        except Skipped:
            continue
        if read is not None:
            data = read(folder, limit=options.limit)
            for generator, fakes in data.generators.items():
                yield HeldOut(f"{kind}/{generator}", data.photos.paths, tuple(each.fake for each in fakes.files))
            continue
        for edits in sorted(path for path in folder.iterdir() if (path / "fake").is_dir()):
            data = read_edits(edits, limit=options.limit)
            yield HeldOut(f"{kind}/{edits.name}", data.photos.paths, _fakes(data))


def _fakes(data: EvaluationSet) -> tuple[Path, ...]:
    return tuple(each.fake for samples in data.generators.values() for each in samples.files)


def _measure(contender: Contender, name: str, test: HeldOut, draws: int, options: Options) -> dict[str, Any]:
    model = load_model(name, options.device)
    paths = [*test.real, *test.fake]
    features = extract_features(model, paths, crop=CROP)
    labels = np.array([int(row >= len(test.real)) for row in features.rows])
    scores = np.array([_fake_probability(model, paths[row], options.device) for row in features.rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotSeparableWarning)  # the table says it
        result = single_sample_protocol(features.values, labels, draws, random_state=options.seed)
    return {
        "model": contender.name,
        "test": test.name,
        "real": int((labels == 0).sum()),
        "fake": int(labels.sum()),
        "right": int(((scores >= model.threshold) == labels).sum()),
        "mean": result.mean,
        "std": result.std,
        "reason": "" if result.clusters.separable_ else str(result.clusters.reason_),
    }


@functools.lru_cache(maxsize=1000)  # the generators of a set share its photos
@torch.inference_mode()
def _fake_probability(model: FakeLocator, path: Path, device: str) -> float:
    image = torch.from_numpy(centre_crop(read_image(path), CROP).copy()).to(device)
    return float(model(image.permute(2, 0, 1)[None].float() / 255).fake_probability[0])


def _row(result: Mapping[str, Any]) -> Row:
    real, fake = result["real"], result["fake"]
    accuracy = f"{result['mean']:.3f} ± {result['std']:.3f}"
    return (
        result["test"],
        result["model"],
        f"{real} + {fake}",
        f"{max(real, fake) / (real + fake):.3f}",
        shown(proportion_interval(result["right"], real + fake)) if real + fake else UNDEFINED,
        f"({accuracy})" if result["reason"] else accuracy,
        f"no: {result['reason']}" if result["reason"] else "yes",
    )
