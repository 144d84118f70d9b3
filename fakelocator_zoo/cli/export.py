"""The command `fakelocator export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import AttentionOption

if TYPE_CHECKING:
    import numpy as np

_FORMATS = ("onnx", "openvino", "torch-export")
_CALIBRATION_PHOTOS = 32


def export(
    model: Annotated[str, typer.Argument(help="Name from `fakelocator models`, folder or Hub id.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="New file: .onnx, .xml (OpenVINO) or .pt2 (torch-export).", show_default=False)
    ],
    to: Annotated[str, typer.Option(help="onnx, openvino or torch-export.")] = "onnx",
    attention: AttentionOption = None,
    int8: Annotated[bool, typer.Option("--int8", help="Compute in 8-bit integers, for onnx and openvino.")] = False,
    photos: Annotated[
        Path | None,
        typer.Option(help="With --int8: folder of photos on which number ranges are found; default: three bundled."),
    ] = None,
) -> None:
    """Write a model as one file for another runtime, and compare it with torch; `locate --model FILE` runs it."""
    if to not in _FORMATS:
        raise typer.BadParameter(f"{to!r} is none of {', '.join(_FORMATS)}", param_hint="--to")
    if photos is not None and not int8:
        raise typer.BadParameter("photos are only needed for --int8", param_hint="--photos")
    with terminal.stdout_to_stderr():
        from fakelocator_zoo.hub.card import read_card_header
        from fakelocator_zoo.hub.sources import find_model
        from fakelocator_zoo.inference.export import export_model, measure_speed
        from fakelocator_zoo.models.fakelocator import FakeLocator

        folder = find_model(model, FakeLocator.model_type)
        options: dict[str, Any] = {"attention": tuple(attention)} if attention else {}
        loaded = FakeLocator.from_pretrained(folder, **options)
        name, license = Path(model).name or model, read_card_header(folder).get("license", "unknown")
        difference = export_model(
            loaded,
            out,
            to,  # type: ignore[arg-type]
            name=name,
            license=license,
            int8=int8,
            photos=None if photos is None else _read(photos),
        )
        times = None if to == "torch-export" else measure_speed(loaded, out)
    typer.echo(f"{to}: {out} ({out.stat().st_size / 1e6:.1f} MB)")
    if loaded.face_parser is not None:
        typer.echo(f"face parser, which torch runs: {out.with_suffix('.face_parser')}")
    typer.echo(f"largest relative difference from torch: {difference:.1e}")
    if times is not None:
        typer.echo(f"an image of 256 px: torch {times[0]:.1f} ms, this file {times[1]:.1f} ms")


def _read(folder: Path) -> list[np.ndarray]:
    """At most :data:`_CALIBRATION_PHOTOS` photos, evenly over the folder."""
    from fakelocator_zoo.images import list_images, read_image

    paths = list_images([folder])
    if not paths:
        raise typer.BadParameter(f"{folder} holds no photos", param_hint="--photos")
    return [read_image(path) for path in paths[:: -(-len(paths) // _CALIBRATION_PHOTOS)]]
