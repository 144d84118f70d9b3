"""The commands `fakelocator data check` and `fakelocator data extract`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakelocator_zoo.cli import terminal

if TYPE_CHECKING:
    from fakelocator_zoo.data.index import DataIndex

_SHOWN = 20

PathArgument = Annotated[Path, typer.Argument(help="Folder of a data set.", show_default=False)]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        help="faceforensics, celeb-df, dffd, celebamask-hq, pairs or whole; default: recognised by its folders."
    ),
]
CompressionOption = Annotated[
    str | None, typer.Option(help="Of FaceForensics++: c23, raw or c40; default: the first that is there.")
]


def check(
    path: PathArgument,
    layout: LayoutOption = None,
    compression: CompressionOption = None,
    decode: Annotated[
        bool, typer.Option("--decode", help="Read every file as well; broken files give exit status 1.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,
) -> None:
    """Count samples, pairs and missing files of a data set; exit status 1 if none is usable or identities leak."""
    from fakelocator_zoo.data.index import count_samples
    from fakelocator_zoo.data.layouts import read_index
    from fakelocator_zoo.data.splits import identity_leaks

    index = read_index(path, layout, compression=compression)
    counts, leaks = count_samples(index.samples), identity_leaks(index.samples)
    broken = _broken_files(index) if decode else []
    report: dict[str, Any] = {
        "path": str(path),
        "layout": index.layout,
        "counts": [count._asdict() for count in counts],
        "notes": index.notes,
        "unmatched": [{"path": str(each.path), "reason": each.reason} for each in index.unmatched],
        "leaks": {identity: list(splits) for identity, splits in leaks.items()},
        "broken": broken if decode else None,
    }
    if as_json:
        typer.echo(json.dumps(report))
    else:
        _describe(index, report)
    usable = any(sample.usable for sample in index.samples)
    if not usable:
        terminal.say(f"error: nothing in {path} is usable")
    if leaks or broken or not usable:
        raise typer.Exit(1)


def extract(
    path: PathArgument,
    out: Annotated[Path, typer.Option(help="Output folder, of the same layout.", show_default=False)],
    layout: LayoutOption = None,
    compression: CompressionOption = None,
    frames_per_video: Annotated[int, typer.Option(min=1, help="Evenly spaced frames; the same of real and fake.")] = 8,
) -> None:
    """Extract the frames of videos that training needs; a killed command goes on."""
    from fakelocator_zoo.data.extract import extract_frames
    from fakelocator_zoo.data.layouts import read_index

    index = read_index(path, layout, compression=compression)
    failures = extract_frames(index, out, frames_per_video=frames_per_video, report=terminal.say)
    terminal.say_failures(failures)
    typer.echo(f"frames: {out}")
    if failures:
        raise typer.Exit(1)


def _describe(index: DataIndex, report: dict[str, Any]) -> None:
    typer.echo(f"{index.root}: {index.layout}")
    table = terminal.table("method", "found", "paired", "with mask", "made whole", "usable", "split")
    for count in report["counts"]:
        figures = (str(count[key] or "") for key in ("samples", "paired", "masked", "whole", "usable"))
        table.add_row(count["method"], *figures, count["split"] or "none")
    terminal.show(table)
    _list("Notes", index.notes, len(index.notes))
    _list("Files without a partner or a place", [f"{each.path}: {each.reason}" for each in index.unmatched])
    _list("In more than one split", [f"{who}: {', '.join(splits)}" for who, splits in report["leaks"].items()])
    _list("Broken files", report["broken"] or [])


def _list(title: str, lines: list[str], shown: int = _SHOWN) -> None:
    if not lines:
        return
    typer.echo(f"{title} ({len(lines)})")
    for line in lines[:shown]:
        typer.echo(f"  {line}")
    if len(lines) > shown:
        typer.echo(f"  ... and {len(lines) - shown} more; --json lists all")


def _broken_files(index: DataIndex) -> list[str]:
    """A sentence for each file, of all samples, that cannot be read."""
    from fakelocator_zoo.data.frames import evenly_spaced, frame_numbers, read_frames, read_masks

    masks = {sample.mask for sample in index.samples}
    files = sorted({path for sample in index.samples for path in sample.files})
    broken = []
    for path in terminal.track(files, "decoding", len(files)):
        try:
            numbers = frame_numbers(path)
            # Of videos and folders of frames: some, and the last, which a file that was cut off lacks.
            some = sorted({*(numbers[i] for i in evenly_spaced(len(numbers), 8)), numbers[-1]})
            (read_masks if path in masks else read_frames)(path, some)
        except (ValueError, OSError) as error:
            broken.append(str(error))
    return broken
