"""The command `fakelocator bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_RIVALS = "fakelocator,unet-dice,ffd,gradcam,constant,gaussian,high-pass,fft-peaks"


def bench(
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            help="generators, cross-attribute, cross-generator, in-domain, clustering-scale, robustness, "
            "ablation, speed, controls, demo; default: all.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder with pairs/, whole/, attributes/ and faces/; each may be missing.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Names from `fakelocator models`, folders or Hub ids, separated by commas.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the report; finished cells in it are kept.")] = Path(
        "runs/bench"
    ),
    results: Annotated[
        Path | None, typer.Option(help="Folder for files of each table alone: TABLE.md, TABLE.json, its pictures.")
    ] = None,
    rivals: Annotated[
        str, typer.Option(help="Separated by commas; also onnx:FILE, module:function and FILE.py:function.")
    ] = DEFAULT_RIVALS,
    baseline: Annotated[
        str | None, typer.Option(help="Predictor that the others are compared with. Default: the first model.")
    ] = None,
    faces: Annotated[
        Path | None, typer.Option(help="Real photos for the short trainings. Default: DATA/faces.")
    ] = None,
    bank: Annotated[
        Path | None, typer.Option(help="Folder of generators for the short trainings. Default: a small one is trained.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Images of each generator.")] = 24,
    steps: Annotated[
        int, typer.Option(min=1, help="Optimiser steps of each short training; at most 20 with --quick.")
    ] = 100,
    size: Annotated[int, typer.Option(min=32, help="Side of its images in pixels, even.")] = 96,
    seed: Annotated[int, typer.Option(help="Of weights, crops and fakes.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="Of torch. Default: its own choice.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Tables computed at once; those of time come alone, last.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="The smallest version of each table.")] = False,
) -> None:
    """Measure models beside rivals: tables, curves and speed in one report; a killed run goes on."""
    from benchmarks.harness.options import QUICK_STEPS, BenchOptions, data_folders

    options = BenchOptions(
        out=out,
        models=_listed(models),
        **{**data_folders(data), **({"faces": faces} if faces else {})},
        bank=bank,
        rivals=_listed(rivals),
        baseline=baseline,
        limit=limit,
        steps=min(steps, QUICK_STEPS) if quick else steps,
        size=size,
        seed=seed,
        device=device,
        threads=threads,
        jobs=jobs,
        results=results,
        quick=quick,
    )
    from benchmarks.harness.progress import CellProgress
    from fakelocator_zoo.cli import terminal
    from fakelocator_zoo.images import make_folder

    make_folder(out)
    if results is not None:
        make_folder(results)
    with terminal.stdout_to_stderr():
        import torch

        try:
            from benchmarks.harness.run import run_bench
        except ModuleNotFoundError as error:
            raise ImportError(f"the benchmark needs {error.name}: pip install 'fakelocator-zoo[bench]'") from error
        if threads is not None:
            torch.set_num_threads(threads)
        with CellProgress() as progress:
            sections = run_bench(options, tables or (), progress.report)
    for section in sections:
        skipped = not section.rows and section.text.startswith("Skipped")
        typer.echo(f"{section.name}: {section.text if skipped else f'{len(section.rows)} rows'}")
    typer.echo(f"report: {out / 'bench.html'}")
    if results is not None:
        typer.echo(f"a file of each table: {results}")


def _listed(names: str | None) -> tuple[str, ...]:
    return tuple(name for each in (names or "").split(",") if (name := each.strip()))
