"""The command ``python -m benchmarks``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness.table import Skipped, check_names, list_tables, table_function
from fakelocator_zoo.cli.memory import keep_freed_memory

TABLES = list_tables()
HELP = "Measure models: one Markdown and one JSON file a table. The same command goes on where it was killed.\n\n\b\n"
HELP += "\n".join(f"{name:<16} {line}" for name, line in TABLES.items())

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(help=HELP)
def main(
    tables: Annotated[list[str] | None, typer.Argument(metavar="TABLE...", show_default=False)] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder with pairs/, attributes/, whole/, photos/, faces/; any may be missing.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the tables; finished cells in it are kept.")] = Path(
        "runs/benchmarks"
    ),
    model: Annotated[list[str] | None, typer.Option(help="Name, folder or Hub id; may be given again.")] = None,
    rival: Annotated[
        list[str] | None, typer.Option(help="onnx:FILE, module:function or FILE.py:function; may be given again.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="Of trainings. Default: the default model's own.")] = None,
    bank: Annotated[
        Path | None, typer.Option(help="Folder of generators for trainings, made by `fakelocator bank`.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of each training.")] = 2000,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="After which `design` starts no more trainings. Default: it runs them all."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of trainings and draws.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Of torch.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="The smallest version of each table.")] = False,
) -> None:
    """Run tables one after the other; each is written when it is done."""
    try:
        names = check_names(tables or (), tuple(TABLES))
        if data is not None and not data.is_dir():
            raise FileNotFoundError(f"{data} is no folder; give --data one that holds pairs/, whole/ and so on")
        import torch

        from benchmarks.harness.options import QUICK_STEPS, Options
        from benchmarks.harness.report import write_table
        from fakelocator_zoo.evaluation.environment import provenance

        torch.set_num_threads(threads)
        options = Options(
            out=out,
            data=data,
            models=tuple(model or ()),
            rivals=tuple(rival or ()),
            recipe=recipe,
            bank=bank,
            steps=QUICK_STEPS if quick else steps,
            minutes=minutes,
            seed=seed,
            threads=threads,
            device=device,
            quick=quick,
        )
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            try:
                table = table_function(name)(options)
            except Skipped as reason:
                typer.echo(f"{name}: skipped, {reason}")
                continue
            write_table(out, name, table, provenance(seed, "python -m benchmarks"), options.described())
            typer.echo(f"{name}: {len(table.rows)} rows in {out / name}.md")
    except (ValueError, OSError, ImportError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    keep_freed_memory()
    app()
