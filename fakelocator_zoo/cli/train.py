"""The commands `fakelocator train` and `fakelocator bank`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="YAML recipe, such as hub_configs/*/recipe.yaml.", show_default=False)],
    data: Annotated[Path, typer.Option(help="Folder to which paths in the recipe are relative.")] = Path(),
    out: Annotated[Path, typer.Option(help="Folder of the run; an unfinished one is resumed.")] = Path("runs/train"),
    bank: Annotated[
        Path | None, typer.Option(help="Folder of generators; missing ones are trained. Default: OUT/bank.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="GPUs (or processes on the CPU) of each machine.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines; start the same command on each.")] = 1,
    strategy: Annotated[str, typer.Option(help="Of Lightning, such as ddp.")] = "auto",
    workers: Annotated[int, typer.Option(help="Processes that read crops.")] = 0,
) -> None:
    """Train a FakeLocator; the same command resumes a killed run."""
    from fakelocator_zoo.training.recipe import load_recipe

    try:
        from fakelocator_zoo.training.run import train as run
    except ImportError as error:
        raise ImportError(f"training needs the extra: pip install 'fakelocator-zoo[train]' ({error})") from error
    run(
        load_recipe(recipe),
        data,
        out,
        bank=bank,
        device=device,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        workers=workers,
        report=typer.echo,
    )


def bank(
    photos: Annotated[list[Path], typer.Argument(help="Photos, and folders of them.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the generators; finished ones are kept.")] = Path("runs/bank"),
    names: Annotated[
        list[str] | None, typer.Option("--name", help="Generator of the bank; repeatable. Default: all.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Optimiser steps of each generator.")] = 1200,
    seed: Annotated[int, typer.Option(help="Of weights and crops.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a bank of small generators, which make training fakes from real photos."""
    from fakelocator_zoo.generators.bank import train_bank
    from fakelocator_zoo.images import list_images

    def report(name: str, figures: dict[str, float]) -> None:
        typer.echo(f"{name}: L1 {figures['l1']:.4f}, sharpness {figures['sharpness']:.2f}")

    trained = train_bank(list_images(photos), out, names=names, steps=steps, seed=seed, device=device, report=report)
    typer.echo(f"{len(trained)} generators in {out}")
