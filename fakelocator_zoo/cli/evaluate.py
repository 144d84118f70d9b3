"""The command `fakelocator evaluate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import AttentionOption, DeviceOption, ModelOption, load_localizer

if TYPE_CHECKING:
    from fakelocator_zoo.evaluation.predictors import ModelPredictor


def evaluate(
    pairs: Annotated[
        Path | None, typer.Option(help="Folder with real/, fake/<generator>/ of the same names, and perhaps mask/.")
    ] = None,
    whole: Annotated[
        Path | None, typer.Option(help="Folder with real/ and fake/<generator>/; every pixel of a fake is fake.")
    ] = None,
    photos: Annotated[
        list[Path] | None, typer.Option(help="Folder of real photos, for the rate of false alarms; repeatable.")
    ] = None,
    model: ModelOption = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of masks, white = fake. Default: mask/ of --pairs.")
    ] = None,
    off_centre: Annotated[
        int | None,
        typer.Option(
            metavar="SEED", min=0, help="Generate masks away from the centre; every pixel of a fake must be fake."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Images of each generator, or folder of --photos, evenly spread.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Map value from which on a pixel counts as fake.")] = 0.05,
    degrade: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=STRENGTH", help="Degrade real and fake images: jpeg=75, downscale=0.5, blur=1 or noise=4."
        ),
    ] = None,
    jpeg: Annotated[int | None, typer.Option(min=1, max=100, help="Short for --degrade jpeg=QUALITY.")] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for evaluation.json, .md, images.csv, sheet.png, reliability.png.")
    ] = Path("fakelocator_evaluation"),
    card: Annotated[
        Path | None, typer.Option(help="Model folder: evaluate this model, and write the tables into its README.md.")
    ] = None,
    attention: AttentionOption = None,
    device: DeviceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,
) -> None:
    """Score maps and decisions of a model and of baselines, with 95 % intervals over the images."""
    for wrong, message, hint in (
        (
            sum((pairs is not None, whole is not None, bool(photos))) != 1,
            "give either --pairs or --whole, or --photos alone",
            "--pairs / --whole / --photos",
        ),
        (
            pairs is None and masks is not None,
            "all of a whole fake is fake and a photo is real, so they have no masks; give --pairs",
            "--masks",
        ),
        (pairs is None and off_centre is not None, "it moves the masks of pairs; give --pairs", "--off-centre"),
        (
            masks is not None and off_centre is not None,
            "masks are either read or generated; leave one of the two out",
            "--masks / --off-centre",
        ),
        (
            jpeg is not None and degrade is not None,
            "--jpeg is short for --degrade jpeg=QUALITY; give one of the two",
            "--jpeg / --degrade",
        ),
        (
            card is not None and (model is not None or bool(attention)),
            "a card gets the numbers of its own model; leave --model and --attention out",
            "--card",
        ),
    ):
        if wrong:
            raise typer.BadParameter(message, param_hint=hint)
    with terminal.stdout_to_stderr():
        from fakelocator_zoo.evaluation import samples
        from fakelocator_zoo.evaluation.environment import provenance
        from fakelocator_zoo.evaluation.evaluate import evaluate_all
        from fakelocator_zoo.evaluation.predictors import TRIVIAL_PREDICTORS
        from fakelocator_zoo.evaluation.reliability import draw_reliability
        from fakelocator_zoo.evaluation.results import images_csv
        from fakelocator_zoo.evaluation.sheet import contact_sheet
        from fakelocator_zoo.evaluation.tables import has_maps, markdown_report, photo_report, read_card, write_card
        from fakelocator_zoo.hub.files import write_whole
        from fakelocator_zoo.images import make_folder, write_image
        from fakelocator_zoo.transforms.degradations import degradation, parse_degradation

    degraded = None if jpeg is None else ("jpeg", float(jpeg))
    try:
        degraded = degraded if degrade is None else parse_degradation(degrade)
        change = None if degraded is None else degradation(*degraded)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--degrade") from None
    if card is not None:
        read_card(card)  # raises before the work if the card cannot be written
    if pairs is not None:
        data = samples.read_paired(pairs, masks=masks, off_centre=off_centre, limit=limit, degrade=change)
        title = _title("Pairs", [pairs], "generator", limit, off_centre, degraded)
    elif whole is not None:
        data = samples.read_whole(whole, limit=limit, degrade=change)
        title = _title("Whole images", [whole], "generator", limit, None, degraded)
    else:
        data = samples.EvaluationSet(samples.read_photos(photos or (), limit=limit, degrade=change), {}, paired=False)
        title = _title("Photos", photos or (), "folder", limit, None, degraded)
    make_folder(out)
    predictor = _load(str(card) if card is not None else model, device, attention)
    # The baselines have no threshold, so no false alarms.
    beside = () if photos else TRIVIAL_PREDICTORS
    with terminal.progress("scoring") as bars:
        task = bars.add_task("", total=None)
        evaluations = evaluate_all(
            (predictor, *beside),
            data,
            true_mask=not photos,
            threshold=threshold,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    measured: dict[str, Any]
    if photos:
        measured = {"false_alarms": evaluations[0].photo_summary()}
        report = photo_report(title, measured["false_alarms"])
    else:
        measured = {"predictors": [each.summary() for each in evaluations]}
        report = markdown_report(title, measured["predictors"])
        if has_maps(measured["predictors"][0]):
            write_image(out / "sheet.png", contact_sheet(predictor, data, evaluations[0]))
        if reliability := evaluations[0].reliability():
            write_image(out / "reliability.png", draw_reliability(reliability))
    result = {
        "title": title,
        "limit": limit,
        "jpeg": jpeg,
        "degrade": None if degraded is None else {"name": degraded[0], "strength": degraded[1]},
        "off_centre": off_centre,
        "about": provenance(seed=0),  # of the intervals
        **measured,
    }
    write_whole(out / "evaluation.json", (json.dumps(result, indent=1) + "\n").encode())
    write_whole(out / "evaluation.md", report.encode())
    write_whole(out / "images.csv", images_csv(evaluations).encode())
    if card is not None:
        write_card(card, report)
    if as_json:
        typer.echo(json.dumps(result))
    elif photos:
        _print_photos(title, measured["false_alarms"])
        typer.echo(f"report and rows of each photo: {out}")
    else:
        _print_fakes(title, measured["predictors"])
        typer.echo(f"tables, rows of each image, contact sheet and reliability diagram: {out}")
    for each in data.unmatched:
        terminal.say(f"left out: {each.path} ({each.reason})")
    first = evaluations[0]
    terminal.exit_on_failures(first.failures, f"{len(first.photos)} photos and {len(first.fakes)} fakes scored")


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


def _print_fakes(title: str, summaries: Sequence[Mapping[str, Any]]) -> None:
    """A column for the model with its intervals, and one for each baseline."""
    from fakelocator_zoo.evaluation.results import DECISION_METRICS, MAP_METRICS

    first, *others = summaries
    generators = ", ".join(f"{name} {figures['fakes']}" for name, figures in first["generators"].items()) or "none"
    typer.echo(f"{first['predictor']}: {title}; {first['photos']} photos; fakes: {generators}")
    table = terminal.table("", "model, 95 %", *(each["predictor"] for each in others), "images")
    for metric, label in {**MAP_METRICS, **DECISION_METRICS}.items():
        _add_row(table, label, [summary["overall"][metric] for summary in summaries])
    _add_row(table, "photos called fake", [summary["false_positive_rate"] for summary in summaries])
    terminal.show(table)
    typer.echo(
        f"Means over the generators. Pixel accuracy and IINC at map value {first['map_threshold']:g}, the model's "
        f"decision at fake probability {first['decision_threshold']:.3g}."
    )


def _print_photos(title: str, measured: Mapping[str, Any]) -> None:
    from fakelocator_zoo.evaluation.tables import rate_sentence, worst_rows

    typer.echo(f"{measured['predictor']}: {title}")
    table = terminal.table("most suspicious photos", "called", "fake probability")
    for row in worst_rows(measured):
        table.add_row(*row)
    terminal.show(table)
    typer.echo(f"{rate_sentence(measured)} (95 % Wilson interval).")


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
