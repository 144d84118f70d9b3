"""The command `fakelocator evaluate`. Heavy imports stand inside it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakelocator_zoo import terminal
from fakelocator_zoo.inference.commands import AttentionOption, DeviceOption, ModelOption, load_localizer

if TYPE_CHECKING:
    from fakelocator_zoo.evaluation.evaluate import Progress
    from fakelocator_zoo.evaluation.predictors import ModelPredictor
    from fakelocator_zoo.evaluation.results import Evaluation


def evaluate(
    pairs: Annotated[
        Path | None, typer.Option(help="Folder with real/, fake/<generator>/ of the same names, and mask/ if blended.")
    ] = None,
    whole: Annotated[
        Path | None, typer.Option(help="Folder with real/ and fake/<generator>/, all of a fake being fake.")
    ] = None,
    model: ModelOption = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of masks, 255 = fake. Default: mask/ of --pairs.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Images of each generator, evenly spread.")] = None,
    threshold: Annotated[float, typer.Option(help="From this map value on a pixel counts as painted.")] = 0.05,
    jpeg: Annotated[int | None, typer.Option(min=1, max=100, help="Recompress real and fake alike.")] = None,
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
    if (pairs is None) == (whole is None):
        raise typer.BadParameter("give either --pairs or --whole", param_hint="--pairs / --whole")
    if whole is not None and masks is not None:
        raise typer.BadParameter("all of a whole fake is fake, so it has no masks", param_hint="--masks")
    if card is not None and (model is not None or attention):
        raise typer.BadParameter(
            "a card gets the numbers of its own model; leave --model and --attention out", param_hint="--card"
        )
    with terminal.stdout_to_stderr():
        from fakelocator_zoo.degradations import degradation
        from fakelocator_zoo.evaluation.evaluate import evaluate as score
        from fakelocator_zoo.evaluation.evaluate import evaluate_true_mask
        from fakelocator_zoo.evaluation.predictors import TRIVIAL_PREDICTORS
        from fakelocator_zoo.evaluation.samples import read_pairs, read_whole
        from fakelocator_zoo.evaluation.sheet import contact_sheet
        from fakelocator_zoo.evaluation.tables import has_maps, markdown_report, read_card, write_card
        from fakelocator_zoo.inference.images import make_folder, write_png
        from fakelocator_zoo.model_files import write_whole
        from fakelocator_zoo.provenance import provenance

    if card is not None:
        read_card(card)  # a card that cannot be written is said before the work, not after it
    degrade = None if jpeg is None else degradation("jpeg", jpeg)
    if pairs is not None:
        data = read_pairs(pairs, masks=masks, limit=limit, degrade=degrade)
    else:
        assert whole is not None
        data = read_whole(whole, limit=limit, degrade=degrade)
    make_folder(out)
    predictor = _load(str(card) if card is not None else model, device, attention)
    evaluations = []
    for each in (predictor, *TRIVIAL_PREDICTORS):
        with _progress(each.name) as progress:
            evaluations.append(score(each, data, threshold=threshold, progress=progress))
    with _progress("true mask") as progress:
        evaluations.append(evaluate_true_mask(data, threshold=threshold, progress=progress))

    summaries = [evaluation.summary() for evaluation in evaluations]
    title = _title(pairs, whole, limit, jpeg)
    report = markdown_report(title, summaries)
    # The seed is that of the intervals; nothing else is drawn.
    result = {"title": title, "limit": limit, "jpeg": jpeg, "about": provenance(seed=0), "predictors": summaries}
    write_whole(out / "evaluation.json", (json.dumps(result, indent=1) + "\n").encode())
    write_whole(out / "evaluation.md", report.encode())
    write_whole(out / "images.csv", _images_csv(evaluations).encode())
    if has_maps(summaries[0]):
        write_png(out / "sheet.png", contact_sheet(predictor, data, evaluations[0]))
    if card is not None:
        write_card(card, report)
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _print(title, summaries)
        typer.echo(f"tables, rows of each image and contact sheet: {out}")
    for path in data.unmatched:
        terminal.say(f"left out, no image of its name on the other side: {path}")
    failures = dict.fromkeys(failure for evaluation in evaluations for failure in evaluation.failures)
    first = evaluations[0]
    terminal.exit_on_failures([*failures], f"{len(first.photos)} photos and {len(first.fakes)} fakes scored")


def _load(name: str | None, device: str | None, attention: Sequence[str] | None) -> ModelPredictor:
    from fakelocator_zoo.evaluation.predictors import ModelPredictor
    from fakelocator_zoo.zoo import DEFAULT_MODEL

    name = name or DEFAULT_MODEL
    shown = Path(name).resolve().name if Path(name).is_dir() else name
    if attention:
        shown += f", attention to {' and '.join(attention)}"
    return ModelPredictor(load_localizer(name, device, attention).model, shown)  # type: ignore[arg-type]


def _title(pairs: Path | None, whole: Path | None, limit: int | None, jpeg: int | None) -> str:
    kind, folder = ("Pairs", pairs) if pairs is not None else ("Whole images", whole)
    assert folder is not None
    parts = [f"{kind} in `{folder.resolve().name}`"]
    if limit is not None:
        parts.append(f"at most {limit} of each generator")
    if jpeg is not None:
        parts.append(f"JPEG {jpeg}")
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


def _print(title: str, summaries: Sequence[Mapping[str, Any]]) -> None:
    from fakelocator_zoo.evaluation.results import DECISION_METRICS, MAP_METRICS

    first, *others = summaries
    generators = ", ".join(f"{name} {figures['fakes']}" for name, figures in first["generators"].items()) or "none"
    typer.echo(f"{first['predictor']}: {title}; {first['photos']} photos; fakes: {generators}")
    table = terminal.table("", "model, 95 %", *(each["predictor"] for each in others), "images")
    for metric, label in {**MAP_METRICS, **DECISION_METRICS}.items():
        _add_row(table, label, [summary["overall"][metric] for summary in summaries])
    _add_row(table, "called fake", [summary["false_positive_rate"] for summary in summaries])
    terminal.show(table)
    typer.echo(
        f"Means over the generators. Pixel accuracy and IINC at map value {first['map_threshold']:g}, decisions at "
        f"fake probability {first['decision_threshold']:g}; `called fake`: the real photos."
    )


def _add_row(table: Any, label: str, figures: Sequence[Mapping[str, Any]]) -> None:
    from fakelocator_zoo.evaluation.tables import number

    first, *others = figures
    model = "-"
    if first["mean"] is not None:
        # The interval below its mean and shorter than in the files, so that a row fits into 80 columns.
        digits = 2 if abs(first["high"]) < 10 else 1
        model = f"{number(first['mean'])}\n{first['low']:.{digits}f}-{first['high']:.{digits}f}"
    means = ["-" if figure["mean"] is None else number(figure["mean"]) for figure in others]
    table.add_row(label, model, *means, str(first["count"]))
