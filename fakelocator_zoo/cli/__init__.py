"""The command `fakelocator`: one module a command, with heavy imports inside the functions: --help stays quick."""

from __future__ import annotations

import signal
import sys

import typer

from fakelocator_zoo.cli import (
    adapt,
    calibrate,
    data,
    demo,
    evaluate,
    export,
    locate,
    models,
    parse,
    serve,
    terminal,
    train,
)
from fakelocator_zoo.cli.errors import one_sentence
from fakelocator_zoo.cli.memory import keep_freed_memory

app = typer.Typer(
    name="fakelocator",
    help="Locate the fake pixels of a face photo.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to import than all of the rest
)
data_app = typer.Typer(help="Check and prepare data sets.", no_args_is_help=True)

for command in (
    demo.demo,
    locate.locate,
    adapt.adapt,
    models.models,
    parse.parse,
    train.train,
    train.bank,
    evaluate.evaluate,
    calibrate.calibrate,
    export.export,
    serve.serve,
):
    app.command()(one_sentence(command))


@app.command(hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench() -> None:
    """Name the command of the benchmark, which is not part of the package."""
    terminal.say("error: the benchmark runs from a checkout of the project: python -m benchmarks --help")
    raise typer.Exit(1)


data_app.command()(one_sentence(data.check))
data_app.command()(one_sentence(data.extract))
app.add_typer(data_app, name="data")


def main() -> None:
    """Entry point of the command."""
    keep_freed_memory()
    terminal.replace_unencodable()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill ends a command as cleanly as Ctrl-C
    try:
        app()
    except KeyboardInterrupt:  # before or after a command's own body
        sys.exit(130)
