"""The command `fakelocator evaluate`. Heavy imports stand inside it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import AttentionOption, DeviceOption, ModelOption, load_localizer

if TYPE_CHECKING:
    import numpy as np

    from fakelocator_zoo.evaluation.evaluate import Progress
    from fakelocator_zoo.evaluation.predictors import ModelPredictor
    from fakelocator_zoo.evaluation.results import Evaluation
    from fakelocator_zoo.evaluation.samples import EvaluationSet, Photos


def evaluate(
    pairs: Annotated[
        Path | None, typer.Option(help="Folder with real/, fake/<generator>/ of the same names, and mask/ if blended.")
    ] = None,
    whole: Annotated[
        Path | None, typer.Option(help="Folder with real/ and fake/<generator>/, all of a fake being fake.")
    ] = None,
    photos: Annotated[
        list[Path] | None, typer.Option(help="Folder of real photos: how many are called fake, alone; repeatable.")
    ] = None,
    model: ModelOption = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of masks, 255 = fake. Default: mask/ of --pairs.")] = None,
    off_centre: Annotated[
        int | None,
        typer.Option(metavar="SEED", min=0, help="Generate masks away from the centre; pairs must be painted whole."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Images of each generator, or folder of --photos, evenly spread.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="From this map value on a pixel counts as painted.")] = 0.05,
    degrade: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=STRENGTH", help="Change real and fake alike: jpeg=75, downscale=0.5, blur=1 or noise=4."
        ),
    ] = None,
    jpeg: Annotated[int | None, typer.Option(min=1, max=100, help="Short for --degrade jpeg=QUALITY.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for evaluation.json, .md, images.csv and sheet.png.")] = Path(
        "fakelocator_evaluation"
    ),
    card: Annotated[
        Path | None, typer.Option(help="Model folder: evaluate it, and write the tables into its README.md.")
    ] = None,
    attention: AttentionOption = None,
    device: DeviceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,
) -> None:
    """Score a model's maps and decisions beside the trivial ones, with 95 % intervals over the images."""
    if sum((pairs is not None, whole is not None, bool(photos))) != 1:
        raise typer.BadParameter(
            "give either --pairs or --whole, or --photos alone", param_hint="--pairs / --whole / --photos"
        )
    if pairs is None and masks is not None:
        raise typer.BadParameter(
            "all of a whole fake is fake and a photo is real, so they have no masks; give --pairs", param_hint="--masks"
        )
    if pairs is None and off_centre is not None:
        raise typer.BadParameter("it moves the masks of pairs; give --pairs", param_hint="--off-centre")
    if masks is not None and off_centre is not None:
        raise typer.BadParameter(
            "masks are either read or generated; leave one of the two out", param_hint="--masks / --off-centre"
        )
    if jpeg is not None and degrade is not None:
        raise typer.BadParameter(
            "--jpeg is short for --degrade jpeg=QUALITY; give one of the two", param_hint="--jpeg / --degrade"
        )
    if card is not None and (model is not None or attention):
        raise typer.BadParameter(
            "a card gets the numbers of its own model; leave --model and --attention out", param_hint="--card"
        )
    with terminal.stdout_to_stderr():
        from fakelocator_zoo.cli.printing import print_fakes, print_photos
        from fakelocator_zoo.evaluation.environment import provenance
        from fakelocator_zoo.evaluation.samples import EvaluationSet, read_pairs, read_photos, read_whole
        from fakelocator_zoo.evaluation.tables import read_card, write_card
        from fakelocator_zoo.images import make_folder, write_image
        from fakelocator_zoo.model_files import write_whole
        from fakelocator_zoo.transforms.degradations import degradation, parse_degradation

    degraded = None if jpeg is None else ("jpeg", float(jpeg))
    change = None
    try:
        if degrade is not None:
            degraded = parse_degradation(degrade)
        if degraded is not None:
            change = degradation(*degraded)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--degrade") from None
    if card is not None:
        read_card(card)  # a card that cannot be written is said before the work, not after it
    read: EvaluationSet | Photos
    if pairs is not None:
        read = read_pairs(pairs, masks=masks, off_centre=off_centre, limit=limit, degrade=change)
        title = _title("Pairs", [pairs], "generator", limit, off_centre, degraded)
    elif whole is not None:
        read = read_whole(whole, limit=limit, degrade=change)
        title = _title("Whole images", [whole], "generator", limit, None, degraded)
    else:
        read = read_photos(photos or (), limit=limit, degrade=change)
        title = _title("Photos", photos or (), "folder", limit, None, degraded)
    make_folder(out)
    predictor = _load(str(card) if card is not None else model, device, attention)
    if isinstance(read, EvaluationSet):
        measured = _measure_fakes(predictor, read, title, threshold)
    else:
        measured = _measure_photos(predictor, read, title)
    result = {
        "title": title,
        "limit": limit,
        "jpeg": jpeg,
        "degrade": None if degraded is None else {"name": degraded[0], "strength": degraded[1]},
        "off_centre": off_centre,
        "about": provenance(seed=0),  # of the intervals; masks have a seed of their own
        **measured.result,
    }
    write_whole(out / "evaluation.json", (json.dumps(result, indent=1) + "\n").encode())
    write_whole(out / "evaluation.md", measured.report.encode())
    write_whole(out / "images.csv", _images_csv(measured.evaluations).encode())
    if measured.sheet is not None:
        write_image(out / "sheet.png", measured.sheet)
    if card is not None:
        write_card(card, measured.report)
    if as_json:
        typer.echo(json.dumps(result))
    elif isinstance(read, EvaluationSet):
        print_fakes(title, measured.result["predictors"])
        typer.echo(f"tables, rows of each image and contact sheet: {out}")
    else:
        print_photos(title, measured.result["false_alarms"])
        typer.echo(f"report and rows of each photo: {out}")
    for path in read.unmatched if isinstance(read, EvaluationSet) else ():
        terminal.say(f"left out, no image of its name on the other side: {path}")
    failures = dict.fromkeys(failure for evaluation in measured.evaluations for failure in evaluation.failures)
    first = measured.evaluations[0]
    terminal.exit_on_failures([*failures], f"{len(first.photos)} photos and {len(first.fakes)} fakes scored")


class _Measured(NamedTuple):
    """What one run writes and prints."""

    evaluations: tuple[Evaluation, ...]  #: the model's first
    result: dict[str, Any]  #: as JSON has it
    report: str  #: Markdown, under the title
    sheet: np.ndarray | None = None  #: (H, W, 3) uint8, where a map was located


def _measure_fakes(predictor: ModelPredictor, data: EvaluationSet, title: str, threshold: float) -> _Measured:
    """The model, the trivial predictors and the truth on a set of fakes and photos."""
    from fakelocator_zoo.evaluation.evaluate import evaluate, evaluate_true_mask
    from fakelocator_zoo.evaluation.predictors import TRIVIAL_PREDICTORS
    from fakelocator_zoo.evaluation.sheet import contact_sheet
    from fakelocator_zoo.evaluation.tables import has_maps, markdown_report

    evaluations = []
    for each in (predictor, *TRIVIAL_PREDICTORS):
        with _progress(each.name) as progress:
            evaluations.append(evaluate(each, data, threshold=threshold, progress=progress))
    with _progress("true mask") as progress:
        evaluations.append(evaluate_true_mask(data, threshold=threshold, progress=progress))
    summaries = [evaluation.summary() for evaluation in evaluations]
    sheet = contact_sheet(predictor, data, evaluations[0]) if has_maps(summaries[0]) else None
    return _Measured(tuple(evaluations), {"predictors": summaries}, markdown_report(title, summaries), sheet)


def _measure_photos(predictor: ModelPredictor, photos: Photos, title: str) -> _Measured:
    """The model's decision on real photos; a trivial one has no false alarms of its own."""
    from fakelocator_zoo.evaluation.false_alarms import evaluate_photos, false_alarms, photo_report

    with _progress(predictor.name) as progress:
        evaluation = evaluate_photos(predictor, photos, progress=progress)
    alarms = false_alarms(evaluation)
    return _Measured((evaluation,), {"false_alarms": alarms}, photo_report(title, alarms))


def _load(name: str | None, device: str | None, attention: Sequence[str] | None) -> ModelPredictor:
    from fakelocator_zoo.evaluation.predictors import ModelPredictor
    from fakelocator_zoo.zoo.models import DEFAULT_MODEL

    name = name or DEFAULT_MODEL
    shown = Path(name).resolve().name if Path(name).is_dir() else name
    if attention:
        shown += f", attention to {' and '.join(attention)}"
    return ModelPredictor(load_localizer(name, device, attention).model, shown)  # type: ignore[arg-type]


def _title(
    kind: str,
    folders: Sequence[Path],
    each: str,
    limit: int | None,
    off_centre: int | None,
    degraded: tuple[str, float] | None,
) -> str:
    parts = [f"{kind} in {' and '.join(f'`{folder.resolve().name}`' for folder in folders)}"]
    if off_centre is not None:
        parts.append(f"masks off the centre (seed {off_centre})")
    if limit is not None:
        parts.append(f"at most {limit} of each {each}")
    if degraded is not None:
        name, strength = degraded
        parts.append(f"{'JPEG' if name == 'jpeg' else name} {strength:g}")
    return ", ".join(parts)


@contextmanager
def _progress(name: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import Progress as Bars

    stderr = Console(stderr=True)
    with Bars(console=stderr, transient=True, disable=not stderr.is_terminal) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _images_csv(evaluations: Sequence[Evaluation]) -> str:
    from fakelocator_zoo.evaluation.results import MAP_METRICS

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["predictor", "generator", "name", "fake_probability", *MAP_METRICS])
    for evaluation in evaluations:
        for photo in evaluation.photos:
            writer.writerow([evaluation.predictor, "", photo.name, photo.fake_probability, *("" for _ in MAP_METRICS)])
        for fake in evaluation.fakes:
            scores = (fake.scores[metric] for metric in MAP_METRICS)
            writer.writerow([evaluation.predictor, fake.generator, fake.name, fake.fake_probability, *scores])
    return text.getvalue()
