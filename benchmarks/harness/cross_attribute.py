"""Table `cross-attribute`: trained on manipulations of one face part, tested on each other part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness.cells import Cell, Section, Skipped, files_digest, skip_sentences
from benchmarks.harness.evaluations import sentences
from benchmarks.harness.matrices import draw_matrices
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.part_fakes import (
    MANIPULATED,
    PartFaces,
    PartFakes,
    labelled_faces,
    paint_part,
    read_part_faces,
)
from benchmarks.harness.part_models import Factor, score_model
from benchmarks.harness.part_summary import (
    DIAGONAL,
    OFF_DIAGONAL,
    Scores,
    given_row,
    matrix,
    network_row,
    trained_parts,
)
from benchmarks.harness.part_tests import PartTest, attention_alone, edit_tests, figures, part_test, run
from benchmarks.harness.part_training import (
    FACE,
    NONE,
    PART,
    PLAIN_NETWORK,
    STEM_NETWORK,
    attended_parts,
    train_on_part,
)
from benchmarks.harness.rivals import load_model, model_names
from benchmarks.harness.training import training_generators
from fakelocator_zoo.data.photos import list_images
from fakelocator_zoo.face_parsing.parser import DEFAULT_FACE_PARSER, FaceParser, PartMapping
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.hub.files import WEIGHTS
from fakelocator_zoo.inference.features import model_identity
from fakelocator_zoo.models.fakelocator import FakeLocator


class Variant(NamedTuple):
    """A training, and the rows that it gives."""

    network: Mapping[str, Any]  #: arguments of FakeLocator
    attention: str  #: in training and test: NONE, FACE or PART
    #: Rows made of its maps: their names, and what the maps are weighed by.
    afterwards: Mapping[str, Factor] = {}


STEM, STEM_FACE = "stem, no attention", "stem, face"
PLAIN, PLAIN_FACE = "plain, no attention", "plain, face"
#: Beside a texture stem the losses of the map are of its factors, which attention does not change: one training serves
#: all the ways to weigh it. Their decisions are those without attention. Inside the encoder of a plain network
#: attention is another training.
VARIANTS: dict[str, Variant] = {
    STEM: Variant(
        STEM_NETWORK,
        NONE,
        {
            STEM_FACE: Factor(FACE, "residual"),
            "stem, face, multiply": Factor(FACE, "multiply"),
            "stem, part": Factor(PART, "residual"),
            "stem, part, multiply": Factor(PART, "multiply"),
        },
    ),
    PLAIN: Variant(
        PLAIN_NETWORK,
        NONE,
        {
            "plain, map x face afterwards": Factor(FACE, "multiply"),
            "plain, map x part afterwards": Factor(PART, "multiply"),
        },
    ),
    PLAIN_FACE: Variant(PLAIN_NETWORK, FACE),
}
#: The rows that the matrices are drawn of, and that edits made elsewhere are shown for.
DRAWN = (STEM, STEM_FACE, PLAIN, PLAIN_FACE)
SEEDS = 3
#: People who are only tested on: the last by file name, whom the bundled face parser has never seen either.
HELD_OUT = 60
#: The attention in place of a map.
ALONE = {FACE: "attention to the face alone", PART: "attention to the part alone"}
PICTURE = "cross-attribute.png"
LABELS = {"image_auc": "image AUC", "pixel_auc": "pixel AUC", "pixel_auc_parts": "pixel AUC in parts", "coss": "COSS"}


class Prepared(NamedTuple):
    """What all cells of a run share; made when the first one is computed."""

    training: PartFaces
    generators: Sequence[Generator]  #: one half of them: what trains
    tests: tuple[PartTest, ...]  #: one for each part, from the other half, then the edits made elsewhere


def cells(options: BenchOptions) -> list[Cell]:
    """One for each training (a row of a matrix), one for the attention alone, one for each of the run's models.

    All of it runs on the CPU: networks and images are small.

    Raises:
        Skipped: where there are no faces with labelled parts.
    """
    if options.faces is None:
        raise Skipped("it needs faces with labelled parts: give --data a folder with faces/")
    try:
        photos, masks = labelled_faces(options.faces)
    except FileNotFoundError as error:
        raise Skipped(str(error)) from None
    settings = {
        "size": options.size,
        "held_out": _held_out(options),
        "files": files_digest([*list_images([photos]), *list_images([masks])]),
        "edits": None if options.attributes is None else files_digest(list_images([options.attributes])),
        "bank": None if options.bank is None else files_digest(sorted(options.bank.glob(f"*/{WEIGHTS}"))),
        "parser": model_identity(_face_parser())["weights"],
    }
    trained = [
        Cell(
            f"{part}/{name}/{seed}",
            {
                **settings,
                "steps": options.steps,
                "seed": options.seed,
                "network": dict(variant.network),
                "part": part,
                "attention": variant.attention,
                "afterwards": dict(variant.afterwards),
                "repetition": seed,
            },
            partial(_train_and_score, options, part, name, seed),
        )
        for part in _painted_parts(options)
        for name, variant in VARIANTS.items()
        for seed in range(1 if options.quick else SEEDS)
    ]
    published = [
        Cell(f"model/{name}", {**settings, **model_identity(model)}, partial(_score_model, options, name, model))
        for name, model in ((Path(name).name, load_model(name, "cpu")) for name in model_names(options))
    ]
    return [*trained, Cell("attention alone", settings, partial(_score_attention, options)), *published]


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """Rows for the diagonal, for what lies off it and for each edit made elsewhere; the matrices as a picture."""
    trained = [result for result in results.values() if "part" in result]
    given: Scores = {}
    gains: dict[str, Any] = {}
    for result in results.values():
        if "part" not in result:
            given |= result.get("scores", {})
            gains |= result.get("gains", {})
    networks = list(dict.fromkeys(name for result in trained for name in result["scores"]))
    tests = list(dict.fromkeys(name for result in trained for each in result["scores"].values() for name in each))
    rows: list[tuple[str, ...]] = []
    for where in (OFF_DIAGONAL, DIAGONAL):
        rows += [network_row(trained, where, network, _baseline(network)) for network in networks]
        rows += [given_row(given, gains, where, name) for name in given if where == OFF_DIAGONAL]
    for where in (name for name in tests if name not in MANIPULATED):
        # The controls are about the maps of parts painted here.
        rows += [network_row(trained, where, network, _baseline(network)) for network in networks if network in DRAWN]
        rows += [given_row(given, gains, where, name) for name in given if name not in ALONE.values()]
    notes = skip_sentences(results)
    pictures = {}
    if trained:
        shown = [name for name in DRAWN if name in networks]
        matrices = {
            f"{name}: {LABELS[figure]}": matrix(trained, name, figure)
            for figure in ("image_auc", "pixel_auc")
            for name in shown
        }
        try:
            draw_matrices(folder / PICTURE, matrices, trained_parts(trained), MANIPULATED, columns=len(shown))
            pictures[PICTURE] = "Rows: the part trained on. Columns: the part tested on. Mean over the seeds."
        except Skipped as reason:
            notes.append(str(reason))
    seeds = len({result["seed"] for result in trained})
    columns = ("tested on", "network", *LABELS.values(), *(f"Δ {label}" for label in LABELS.values()))
    text = sentences(_TEXT.format(seeds=seeds), notes)
    return Section("cross-attribute", "Cross-attribute", text, columns, rows, pictures)


_TEXT = """\
Trained from random weights on repaintings of one face part, tested on every part; other people and other generators \
in the test. *stem* is what the published models are: a texture stem finds the painted pixels, and attention a weighs \
the map by (1 + a) / 2, or by a in *multiply*, once trained, so the decision of these rows is the one without \
attention. The rows of the published models have their own mode, a prior, and a decision that attends. *plain* is the \
paper's network, attended by a inside the encoder, at stage 3. *face*: attention to all five parts. *part*: attention \
to the part that is suspected.

Attention tells a network where to look, and a map that knows where to look has a high pixel AUC for nothing: *alone* \
is the attention in place of a map, *afterwards* multiplies the map of the plain network without attention. What \
attention is worth to a network is what the two have over each of them. *pixel AUC in parts* counts the pixels of the \
five parts alone.

Means over {seeds} seeds. Δ is the difference from the same network with no attention, with the 95 % t interval over \
the seeds; of models that were not trained here, the difference from *attention off* with the 95 % bootstrap interval \
over people, and *the other parts* are all parts. Edits made elsewhere: *pixel AUC* of where an edit differs from its \
photo by 0.05 or more; *recon* is the generator's plain reconstruction."""


def _baseline(network: str) -> str:
    """The row that a row of a network trained here is compared with."""
    return STEM if network.startswith("stem") else PLAIN


def _train_and_score(options: BenchOptions, part: str, name: str, seed: int) -> dict[str, Any]:
    data = _prepare(options)
    variant = VARIANTS[name]
    first = options.seed * SEEDS + seed
    fakes = _fakes(options, part)
    network = dict(variant.network)
    model = train_on_part(data.training, fakes, part, variant.attention, options.steps, first, network)
    scores: Scores = {}
    for test in data.tests:
        scored = run(model, test, attended_parts(variant.attention, test.parts))
        found = {name: scored, **{row: factor.applied(scored, test) for row, factor in variant.afterwards.items()}}
        for row, each in found.items():
            scores.setdefault(row, {})[test.name] = figures(each, test)
    return {"part": part, "seed": seed, "scores": scores}


def _score_attention(options: BenchOptions) -> dict[str, Any]:
    scores: Scores = {}
    for kind, name in ALONE.items():
        for test in _prepare(options).tests:
            found = figures(attention_alone(test, attended_parts(kind, test.parts) or ()), test)
            scores.setdefault(name, {})[test.name] = {**found, "image_auc": None}
    return {"scores": scores}


def _score_model(options: BenchOptions, name: str, model: FakeLocator) -> dict[str, Any]:
    return score_model(name, model, _prepare(options).tests)


@lru_cache(maxsize=1)
def _prepare(options: BenchOptions) -> Prepared:
    assert options.faces is not None
    generators = training_generators(options)
    if len(generators) < 2:
        raise ValueError("one half of the bank trains and the other tests; give at least two generators")
    parser = _face_parser()
    training, testing = read_part_faces(*labelled_faces(options.faces), parser, options.size, _held_out(options))
    tests = [part_test(testing, part, generators[1::2], parser) for part in MANIPULATED]
    edits = [] if options.attributes is None else edit_tests(options.attributes, parser)
    return Prepared(training, generators[::2], (*tests, *edits))


@lru_cache(maxsize=1)
def _fakes(options: BenchOptions, part: str) -> PartFakes:
    """Of the part that is being trained on: cells come part by part, and a run that goes on paints no other."""
    data = _prepare(options)
    return paint_part(data.training, part, data.generators, options.seed)


@lru_cache(maxsize=1)
def _face_parser() -> PartMapping:
    return FaceParser.from_pretrained(DEFAULT_FACE_PARSER).freeze()


def _painted_parts(options: BenchOptions) -> tuple[str, ...]:
    return MANIPULATED[:2] if options.quick else MANIPULATED


def _held_out(options: BenchOptions) -> int:
    return 8 if options.quick else HELD_OUT
