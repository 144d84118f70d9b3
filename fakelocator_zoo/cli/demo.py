"""The command `fakelocator demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import DeviceOption, JsonOption, ModelOption, load_localizer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for demo.png.")] = Path("fakelocator_out"),
    model: ModelOption = None,
    part: Annotated[str, typer.Option(help="Part that a generator changes: eyes, nose, mouth, hair or face.")] = "face",
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a part of a real portrait by a generator, locate it, and draw photo, maps and overlay."""
    from fakelocator_zoo.images import make_folder, write_image
    from fakelocator_zoo.inference import demo as demonstration

    if part not in demonstration.PART_ELLIPSES:
        raise typer.BadParameter(f"{part!r} is none of {', '.join(demonstration.PART_ELLIPSES)}", param_hint="--part")
    make_folder(out)
    localizer = load_localizer(model, device)
    from fakelocator_zoo.generators.network import Generator

    generator = Generator.from_pretrained("generator_demo.open").eval()
    result = demonstration.run_demo(localizer, generator, part)
    write_image(out / "demo.png", demonstration.demo_sheet(result))
    if as_json:
        typer.echo(json.dumps(result.as_dict()))
        return
    table = terminal.table("map", "COSS", "pixel AUC", "face box: COSS", "face box: pixel AUC")
    for name, scores in result.scores.items():
        table.add_row(name, *(f"{value:.3f}" for value in (*scores, *result.face_scores[name])))
    terminal.show(table)
    for name, found in (("untouched", result.untouched), ("manipulated", result.located)):
        typer.echo(f"{name + ' photo:':19}fake probability {found.fake_probability:.3f}, verdict {found.verdict}")
    typer.echo(f"picture: {out / 'demo.png'}")
