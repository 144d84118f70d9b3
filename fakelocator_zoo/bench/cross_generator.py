"""Table `cross-generator`: the paper's Table I, trained on some generators and tested on others."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fakelocator_zoo.bench.cells import Cell, Section, Skipped, files_digest, skip_sentences
from fakelocator_zoo.bench.evaluations import UNDEFINED, sentences
from fakelocator_zoo.bench.options import BenchOptions
from fakelocator_zoo.bench.rivals import load_model, model_names, trained_contender
from fakelocator_zoo.bench.training import short_recipe
from fakelocator_zoo.clustering import NotSeparableWarning, single_sample_protocol
from fakelocator_zoo.evaluation.predictors import ModelPredictor
from fakelocator_zoo.evaluation.samples import ONE_GENERATOR, read_whole
from fakelocator_zoo.evaluation.statistics import DECISION_THRESHOLD
from fakelocator_zoo.features import centre_crop, extract_features, model_identity
from fakelocator_zoo.inference.images import read_image
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.recipe import Recipe
from fakelocator_zoo.training.task import FakeLocatorTask

PLAIN, AUGMENTED = "plain", "+ partial augmentation"
#: Strength of partial augmentation in the two trainings.
TRAININGS = {PLAIN: 0.0, AUGMENTED: 1.0}
TRAINED_HERE = "trained here"
#: The stem gets so many times the steps of the network, and this share of its augmentation, as in the recipes.
TEXTURE_STEPS, TEXTURE_AUGMENTATION = 4, 0.15
#: Photos and fakes of a test set: two clusters need more of them than a map's score does.
IMAGES = 120
CROP = 512
DRAWS = 10
SEPARABLE, NOT_SEPARABLE = "separable", "not separable"


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Photos and whole fakes of one generator that no training has seen."""

    name: str  #: such as "pairs/srgan_x4"
    real: tuple[Path, ...]
    fake: tuple[Path, ...]


@dataclasses.dataclass(frozen=True)
class Network:
    """A FakeLocator that is loaded, or trained, when its first cell is computed."""

    name: str  #: one of :data:`TRAININGS`, or a published model's
    settings: Mapping[str, Any]  #: what its weights depend on, as JSON has it
    load: Callable[[], FakeLocator]
    clustered: bool  #: whether its features are clustered


def cells(options: BenchOptions) -> list[Cell]:
    """One for each network and held-out generator; the first of a training trains it.

    Raises:
        Skipped: where there are no fakes.
    """
    tests = list(held_out(options))
    if not tests:
        raise Skipped("it needs fakes: give --data a folder with pairs/, whole/ or attributes/")
    draws = 2 if options.quick else DRAWS
    return [
        Cell(
            f"{network.name}/{test.name}",
            {"network": dict(network.settings), "files": files_digest([*test.real, *test.fake]), "draws": draws},
            partial(_measure, network, test, draws, options),
        )
        for network in networks(options)
        for test in tests
    ]


def held_out(options: BenchOptions) -> Iterator[HeldOut]:
    """The test sets of a run: whole images, each generator beside its photos."""
    limit = options.limit if options.quick else max(options.limit, IMAGES)
    folders = {"pairs": options.pairs, "whole": options.whole}
    if options.attributes is not None:
        inside = sorted(path for path in options.attributes.iterdir() if (path / "fake").is_dir())
        folders |= {f"attributes/{path.name}": path for path in inside}
    for kind, folder in folders.items():
        if folder is not None:
            data = read_whole(folder, limit=limit)
            for generator, fakes in data.generators.items():
                name = kind if generator == ONE_GENERATOR else f"{kind}/{generator}"
                yield HeldOut(name, data.photos.paths, tuple(each.fake for each in fakes.files))


def networks(options: BenchOptions) -> list[Network]:
    """The two that are trained here, then the run's models."""
    trained = [_trained(name, strength, options) for name, strength in TRAININGS.items()]
    return trained + [_published(name, options) for name in options.models]


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """A row for each held-out generator, and one more for each published model on it."""
    rows: list[tuple[str, ...]] = []
    measured = [result for result in results.values() if "test" in result]
    for test in dict.fromkeys(result["test"] for result in measured):
        found = {result["network"]: result for result in measured if result["test"] == test}
        if found.keys() & TRAININGS.keys():
            rows.append(_row(test, TRAINED_HERE, found.get(PLAIN), found.get(AUGMENTED)))
        rows += [_row(test, name, None, result) for name, result in found.items() if name not in TRAININGS]
    text = (
        "Trained on fakes that one set of generators made from real photos, tested on whole images of generators "
        "that made none of them: accuracy of the decision at its threshold of "
        f"{DECISION_THRESHOLD}, without and with partial augmentation in training (the same steps and seed), and of "
        "single sample clustering of the augmented network's features: mean and deviation over "
        f"{DRAWS} draws of the labelled image, from each class alike. *Not separable* stands where the clustering "
        "refuses to guess; why is said in the last column. A published model has one decision, which stands below "
        "*+ partial augmentation*. *One answer* is the accuracy of giving every image the more frequent label, which "
        "is high where one class is rare.\n\n"
        "The paper's own Table I, quoted, on other data and networks: FF++ → StarGAN .490 plain, .988 with partial "
        "augmentation, .999 with clustering; FF++ → PGGAN .369, .500 and .975."
    )
    columns = ("tested on", "network", "real + fake", "one answer", PLAIN, AUGMENTED, "+ clustering", "clusters")
    notes = skip_sentences(results) + [note for result in measured for note in result["failures"]]
    return Section("cross-generator", "Cross-generator", sentences(text, dict.fromkeys(notes)), columns, rows)


def _row(
    test: str, network: str, plain: Mapping[str, Any] | None, augmented: Mapping[str, Any] | None
) -> tuple[str, ...]:
    known = augmented or plain
    assert known is not None
    real, fake = known["real"], known["fake"]
    clustering = known["clustering"]
    accuracy = verdict = UNDEFINED
    if clustering is not None:
        accuracy = f"{clustering['mean']:.3f} ± {clustering['std']:.3f}" if clustering["separable"] else NOT_SEPARABLE
        verdict = SEPARABLE if clustering["separable"] else clustering["reason"]
    return (
        test,
        network,
        f"{real} + {fake}",
        f"{max(real, fake) / (real + fake):.3f}",
        *(UNDEFINED if each is None else f"{each['accuracy']:.3f}" for each in (plain, augmented)),
        accuracy,
        verdict,
    )


def _trained(name: str, strength: float, options: BenchOptions) -> Network:
    config = dict(load_model(model_names(options)[0], options.device).config)
    config.pop("face_parser", None)
    config["attention"] = None
    contender = trained_contender(
        name,
        f"cross-generator-{strength:g}",
        options,
        training_recipe(options, strength, stem=config["texture_stem"] is not None),
        {"config": config},
        lambda: FakeLocator(**config),
        FakeLocatorTask,
    )

    def load() -> FakeLocator:
        predictor = contender.load()
        assert isinstance(predictor, ModelPredictor)
        return predictor.model

    return Network(name, contender.settings, load, clustered=strength > 0)


def training_recipe(options: BenchOptions, strength: float, *, stem: bool) -> Recipe:
    """Of a short training with partial augmentation of ``strength``; a texture stem is trained first, and frozen."""
    recipe = short_recipe(options)
    optimisation = dataclasses.replace(
        recipe.optimisation,
        texture_steps=TEXTURE_STEPS * options.steps if stem else 0,
        freeze_texture=stem,
        learning_rate=recipe.optimisation.texture_learning_rate if stem else recipe.optimisation.learning_rate,
    )
    return dataclasses.replace(
        recipe,
        optimisation=optimisation,
        partial_augmentation=strength,
        texture_augmentation=TEXTURE_AUGMENTATION * strength,
    )


def _published(name: str, options: BenchOptions) -> Network:
    model = load_model(name, options.device)
    return Network(Path(name).name, dict(model_identity(model)), lambda: model, clustered=True)


def _measure(network: Network, test: HeldOut, draws: int, options: BenchOptions) -> dict[str, Any]:
    model = network.load()
    paths = [*test.real, *test.fake]
    features = extract_features(model, paths, crop=CROP, device=options.device)
    labels = (features.rows >= len(test.real)).astype(int)
    readable = [paths[row] for row in features.rows]
    decisions = _fake_probabilities(model, readable, options.device) >= DECISION_THRESHOLD
    clustering = None
    if network.clustered:
        clustering = _clustering(features.values, labels, draws, options.seed)
    return {
        "network": network.name,
        "test": test.name,
        "real": int((labels == 0).sum()),
        "fake": int((labels == 1).sum()),
        "accuracy": float((decisions == labels).mean()),
        "clustering": clustering,
        "failures": list(features.failures.values()),
    }


def _clustering(features: np.ndarray, labels: np.ndarray, draws: int, seed: int) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotSeparableWarning)  # the table says it
        result = single_sample_protocol(features, labels, draws, random_state=seed)
    clusters = result.clusters
    return {
        "mean": result.mean,
        "std": result.std,
        "accuracies": list(result.accuracies),
        "separable": bool(clusters.separable_),
        "reason": clusters.reason_,
        "gap": clusters.gap_,
        "stability": clusters.stability_,
        "silhouette": clusters.silhouette_,
    }


@torch.inference_mode()
def _fake_probabilities(model: FakeLocator, paths: list[Path], device: str) -> np.ndarray:
    """The model's own decision on what its features are taken from, (N,) in [0, 1]."""
    scores = []
    for path in paths:
        image = torch.from_numpy(centre_crop(read_image(path), CROP).copy()).to(device)
        logits = model.classify(image.permute(2, 0, 1)[None].float() / 255)
        scores.append(float(logits.float().softmax(dim=1)[0, 1]))
    return np.array(scores)
