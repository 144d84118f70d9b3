"""The command `fakelocator export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import AttentionOption

_FORMATS = ("onnx", "openvino", "torch-export")


def export(
    model: Annotated[str, typer.Argument(help="Name from `fakelocator models`, folder or Hub id.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="New file: .onnx, .xml (OpenVINO) or .pt2 (torch-export).", show_default=False)
    ],
    to: Annotated[str, typer.Option(help="onnx, openvino or torch-export.")] = "onnx",
    attention: AttentionOption = None,
) -> None:
    """Write a model as one file for another runtime, and compare it with torch; `locate --model FILE` runs it."""
    if to not in _FORMATS:
        raise typer.BadParameter(f"{to!r} is none of {', '.join(_FORMATS)}", param_hint="--to")
    with terminal.stdout_to_stderr():
        from fakelocator_zoo.hub.card import read_card_header
        from fakelocator_zoo.hub.sources import find_model
        from fakelocator_zoo.inference.export import export_model
        from fakelocator_zoo.models.fakelocator import FakeLocator

        folder = find_model(model, FakeLocator.model_type)
        options: dict[str, Any] = {"attention": tuple(attention)} if attention else {}
        loaded = FakeLocator.from_pretrained(folder, **options)
        name, license = Path(model).name or model, read_card_header(folder).get("license", "unknown")
        difference = export_model(loaded, out, to, name=name, license=license)  # type: ignore[arg-type]
    typer.echo(f"{to}: {out} ({out.stat().st_size / 1e6:.1f} MB)")
    if loaded.face_parser is not None:
        typer.echo(f"face parser, which torch runs: {out.with_suffix('.face_parser')}")
    typer.echo(f"largest relative difference from torch: {difference:.1e}")
