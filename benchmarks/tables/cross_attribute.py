"""Trained on manipulations of one face part, tested on the others, with and without attention in the encoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import ttest_1samp
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks.harness.cells import Cell, files_digest, run_cells, skip_sentences
from benchmarks.harness.options import Options
from benchmarks.harness.parts import (
    MANIPULATED,
    PartFaces,
    PartFakes,
    attention_maps,
    chosen_attention,
    labelled_faces,
    paint_part,
    read_part_faces,
)
from benchmarks.harness.table import Row, Skipped, Table
from benchmarks.harness.training import bank_generators, bank_paths, fit, model_loss
from fakelocator_zoo.evaluation import metrics
from fakelocator_zoo.face_parsing.parser import DEFAULT_FACE_PARSER, FaceParser, PartMapping
from fakelocator_zoo.images import list_images
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

#: Trainings: no attention, to all of MANIPULATED, or to the part that was (in the test: may have been) manipulated.
NONE, FACE, PART = "no attention", "attention to all parts", "attention to the part"
#: Without a network: how much of a score comes from knowing where to look.
AFTERWARDS, ALONE = "no attention, map x attention to the part", "the attention to the part as the map"
#: Small, for many trainings on one core.
NETWORK: dict[str, Any] = {"encoder_name": "tu-mobilenetv4_conv_small_050", "decoder_channels": [32, 16, 16]}
SIZE, QUICK_SIZE = 96, 32
#: People who are only tested on: the last by file name.
HELD_OUT, QUICK_HELD_OUT = 60, 3
SEEDS, QUICK_SEEDS = 3, 1
BATCH_SIZE = 16  # half real, half fake
FIGURES = {"image_auc": "image AUC", "pixel_auc": "pixel AUC", "coss": "COSS"}
OTHERS, SAME, EACH = "the other parts", "the same part", "each part"
TEXT = (
    "Small FakeLocators, trained from random weights for {steps} steps on photos in which generators re-synthesised "
    f"one face part ({', '.join(MANIPULATED)}), tested on each part; other people and other generators in the test. "
    "Attention is multiplied into the encoder in training and test. *Attention to the part* tells the network which "
    "part is suspected, so the two rows below it are its baselines: the map of the network without attention "
    "multiplied by that attention, and the attention alone. Means over {seeds} seed(s); Δ is the difference from *no "
    "attention* with its 95 % t interval over the seeds. Each pair of parts is below."
)
#: Row name -> figure -> value; of one trained part and seed, by tested part.
Scores = dict[str, dict[str, dict[str, float]]]


class PartTest(NamedTuple):
    """N fakes of one part, each beside its photo."""

    part: str
    real: Tensor  #: (N, 3, H, W) uint8
    fake: Tensor  #: (N, 3, H, W) uint8
    real_attention: Tensor  #: (N, 5, h, w) uint8
    fake_attention: Tensor  #: (N, 5, h, w) uint8
    painted: Tensor  #: (N, H, W) bool


def run(options: Options) -> Table:
    """Rows for the part trained on and for the others.

    Raises:
        Skipped: where there are no faces with labelled parts, or no bank.
    """
    folder = options.folder("faces")
    try:
        photos, masks = labelled_faces(folder)
    except FileNotFoundError as error:
        raise Skipped(str(error)) from None
    bank = bank_paths(options)
    if len(bank) < 2:
        raise Skipped("one half of the bank trains and the other tests: give --bank at least two generators")
    settings = {
        "files": files_digest([*list_images([photos]), *list_images([masks])]),
        "bank": files_digest(bank),
        "network": NETWORK,
        "steps": options.steps,
        "first seed": options.seed,
        "quick": options.quick,
    }
    seeds = range(QUICK_SEEDS if options.quick else SEEDS)
    parts = MANIPULATED[:2] if options.quick else MANIPULATED
    cells = [
        Cell(
            f"{part}/{training}/{seed}",
            {**settings, "part": part, "training": training},
            partial(_train_and_test, options, part, training, seed),
        )
        for part in parts
        for training in (NONE, FACE, PART)
        for seed in seeds
    ]
    results = run_cells(options, "cross-attribute", cells)
    columns = ("network", "trained on", "tested on", *FIGURES.values(), *(f"Δ {name}" for name in FIGURES.values()))
    text = TEXT.format(steps=options.steps, seeds=len(seeds))
    rows, details = summarised([result for result in results.values() if "part" in result])
    return Table("Cross-attribute", text, columns, rows, details, skip_sentences(results))


def summarised(results: Sequence[Mapping[str, Any]]) -> tuple[list[Row], dict[str, list[Row]]]:
    """Rows over all parts, and rows of each pair of parts by network.

    Args:
        results: ``part``, ``seed`` and ``scores`` of each training.
    """
    names = list(dict.fromkeys(name for result in results for name in result["scores"]))
    trained = list(dict.fromkeys(str(result["part"]) for result in results))
    rows, details = [], {}
    for where in (OTHERS, SAME):
        pairs = [(part, test) for part in trained for test in MANIPULATED if (part == test) == (where == SAME)]
        rows += [(name, EACH, where, *_figures(results, name, pairs)) for name in names]
    for name in names:
        details[name] = [
            (name, part, test, *_figures(results, name, [(part, test)])) for part in trained for test in MANIPULATED
        ]
    return rows, details


def _figures(results: Sequence[Mapping[str, Any]], name: str, pairs: Sequence[tuple[str, str]]) -> Row:
    values = {key: _by_seed(results, name, pairs, key) for key in FIGURES}
    shown = [_number(float(np.mean(each))) for each in values.values()]
    baselines = {key: _by_seed(results, NONE, pairs, key) for key in FIGURES}
    return (*shown, *("-" if name == NONE else _interval(values[key] - baselines[key]) for key in FIGURES))


def _by_seed(
    results: Sequence[Mapping[str, Any]], name: str, pairs: Iterable[tuple[str, str]], figure: str
) -> np.ndarray:
    """A value a seed: the mean over pairs of a trained and a tested part."""
    chosen = set(pairs)
    found: dict[int, list[float]] = {}
    for result in results:
        for test, scores in result["scores"].get(name, {}).items():
            if (result["part"], test) in chosen:
                value = scores[figure]
                found.setdefault(result["seed"], []).append(float("nan") if value is None else value)
    return np.array([float(np.mean(found[seed])) for seed in sorted(found)] or [float("nan")])


def _interval(by_seed: np.ndarray) -> str:
    mean = float(np.mean(by_seed))
    if len(by_seed) < 2 or not np.isfinite(by_seed).all() or np.ptp(by_seed) == 0:
        return "-" if np.isnan(mean) else f"{mean:+.3f}"
    interval = ttest_1samp(by_seed, 0.0).confidence_interval(0.95)
    return f"{mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"


def _train_and_test(options: Options, part: str, training: str, seed: int) -> dict[str, Any]:
    faces, tests = _prepare(options)
    model = train_on_part(faces, _fakes(options, part), part, training, options.steps, options.seed * SEEDS + seed)
    scores: Scores = {}
    for test in tests:
        maps, real, fake = predict(model, test, attended_parts(training, test.part))
        scores.setdefault(training, {})[test.part] = score(maps, real, fake, test)
        if training == NONE:
            attention = _full_size(chosen_attention(test.fake_attention, (test.part,)), test)
            scores.setdefault(AFTERWARDS, {})[test.part] = score(maps * attention, real, fake, test)
            nothing = np.full(len(test.fake), np.nan)
            scores.setdefault(ALONE, {})[test.part] = score(attention, nothing, nothing, test)
    return {"part": part, "seed": seed, "scores": scores}


def attended_parts(training: str, part: str) -> tuple[str, ...] | None:
    """What a network of a training attends to where ``part`` is suspected."""
    return {NONE: None, FACE: MANIPULATED, PART: (part,)}[training]


def train_on_part(faces: PartFaces, fakes: PartFakes, part: str, training: str, steps: int, seed: int) -> FakeLocator:
    """A model in eval mode; first weights and batches are the same for every training."""
    torch.manual_seed(seed)
    # On a CPU this takes little more than half the time of the other layout.
    model = FakeLocator(**NETWORK).to(memory_format=torch.channels_last)
    random = torch.Generator().manual_seed(seed)
    half = BATCH_SIZE // 2
    label = torch.tensor([0] * half + [1] * half)
    attended = attended_parts(training, part)

    def loss(step: int) -> Tensor:
        real = torch.randint(len(faces.images), (half,), generator=random)
        fake = torch.randint(len(fakes.images), (half,), generator=random)
        photos = torch.cat([real, fakes.faces[fake]])
        images = torch.cat([faces.images[real], fakes.images[fake]])
        truth = fakeness_map(faces.images[photos], images)
        mask = torch.cat([torch.zeros_like(fakes.mask[fake]), fakes.mask[fake]]).float() / 255
        attention = None if attended is None else chosen_attention(faces.attention[photos], attended)
        pixels = (images.float() / 255).contiguous(memory_format=torch.channels_last)
        return model_loss(model, pixels, attention, truth, mask, label)

    fit(model, loss, steps)
    return model


@torch.inference_mode()
def predict(
    model: FakeLocator, test: PartTest, attended: tuple[str, ...] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maps of the fakes (N, H, W), and fake probabilities of the photos and of the fakes, both (N,)."""
    maps: list[Tensor] = []
    probabilities: list[list[Tensor]] = [[], []]
    for side, (images, attention) in enumerate(((test.real, test.real_attention), (test.fake, test.fake_attention))):
        for pixels, parts in zip(images.split(32), attention.split(32), strict=True):
            output = model(pixels.float() / 255, None if attended is None else chosen_attention(parts, attended))
            probabilities[side].append(output.fake_probability)
            if side:
                maps.append(output.fakeness_map[:, 0])
    real, fake = (torch.cat(each).numpy() for each in probabilities)
    return torch.cat(maps).numpy(), real, fake


def score(maps: np.ndarray, real: np.ndarray, fake: np.ndarray, test: PartTest) -> dict[str, float]:
    """The :data:`FIGURES`, means over the fakes; NaN where undefined."""
    true = fakeness_map(test.real, test.fake)[:, 0].numpy()
    painted = test.painted.numpy()
    pixel = [metrics.pixel_auc(m, p) for m, p in zip(maps, painted, strict=True) if p.any() and not p.all()]
    undecided = bool(np.isnan(real).any())
    labels = np.repeat([0, 1], (len(real), len(fake)))
    return {
        "image_auc": float("nan") if undecided else float(roc_auc_score(labels, np.concatenate([real, fake]))),
        "pixel_auc": float(np.mean(pixel)) if pixel else float("nan"),
        "coss": float(np.mean([metrics.coss(m, t) for m, t in zip(maps, true, strict=True)])),
    }


def _full_size(attention: Tensor, test: PartTest) -> np.ndarray:
    size = test.fake.shape[-2:]
    return F.interpolate(attention, size=size, mode="bilinear", align_corners=False)[:, 0].numpy()


@lru_cache(maxsize=1)
def _prepare(options: Options) -> tuple[PartFaces, tuple[PartTest, ...]]:
    """Faces to train on, and a test of each part by the generators that train nothing."""
    parser = _face_parser()
    size, held_out = (QUICK_SIZE, QUICK_HELD_OUT) if options.quick else (SIZE, HELD_OUT)
    training, testing = read_part_faces(*labelled_faces(options.folder("faces")), parser, size, held_out)
    generators = bank_generators(options)[1::2]
    tests = []
    for part in MANIPULATED:
        fakes = paint_part(testing, part, generators, seed=1_000)
        of = fakes.faces
        seen = attention_maps(parser, fakes.images)
        painted = fakes.mask[:, 0] >= 128
        tests.append(PartTest(part, testing.images[of], fakes.images, testing.attention[of], seen, painted))
    return training, tuple(tests)


@lru_cache(maxsize=1)
def _fakes(options: Options, part: str) -> PartFakes:
    """To train on; cells come part by part, so a run that goes on paints no other part."""
    return paint_part(_prepare(options)[0], part, bank_generators(options)[::2], options.seed)


@lru_cache(maxsize=1)
def _face_parser() -> PartMapping:
    return FaceParser.from_pretrained(DEFAULT_FACE_PARSER).freeze()
