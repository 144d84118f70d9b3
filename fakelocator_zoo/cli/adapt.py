"""The command `fakelocator adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import DeviceOption, ModelOption, load_localizer


def adapt(
    folder: Annotated[Path, typer.Argument(help="Folder of real and fake photos.", show_default=False)],
    labelled: Annotated[
        list[str],
        typer.Option(help="IMAGE=fake or IMAGE=real, the known label of a photo; repeatable.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="Folder for results.csv, scatter.png and the adapter.")] = Path(
        "fakelocator_adapted"
    ),
    model: ModelOption = None,
    method: Annotated[str, typer.Option(help="tsne, or opentsne (the extra `cluster`; faster).")] = "tsne",
    seed: Annotated[int, typer.Option(help="Same seed, same labels.")] = 0,
    device: DeviceOption = None,
) -> None:
    """Label photos of an unseen generator from one labelled photo; exit status 3 if they form no two clusters."""
    if method not in ("tsne", "opentsne"):
        raise typer.BadParameter(f"{method!r} is neither tsne nor opentsne", param_hint="--method")
    from fakelocator_zoo.cli.photo_arguments import collect_photos
    from fakelocator_zoo.clustering import adapt as adaptation

    known = adaptation.parse_labelled(labelled, folder)
    collected = collect_photos([folder])
    if collected.failures:
        raise ValueError(collected.failures[0])
    localizer = load_localizer(model, device)
    name = str(Path(model).resolve()) if model and Path(model).is_dir() else model
    found = adaptation.adapt(
        localizer.model,  # type: ignore[arg-type]
        collected.photos,
        known,
        out,
        model_name=name,
        method=method,  # type: ignore[arg-type]
        seed=seed,
        device=str(localizer.device),
        track=lambda photos: terminal.track(photos, "features", len(photos)),
    )
    adaptation.describe(found, typer.echo)
    typer.echo(f"results: {out}")
    collected.say_left_out()
    failures = list(found.failures.values())
    if not found.clusters.separable_:
        terminal.say_failures(failures)
        raise typer.Exit(3)
    terminal.exit_on_failures(failures, f"{len(found.paths)} clustered")
