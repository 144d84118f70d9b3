"""The command `fakelocator`. Heavy imports stand inside the commands, so that --help is quick."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from fakelocator_zoo.cli import data as data_commands
from fakelocator_zoo.cli import evaluate as evaluation_commands
from fakelocator_zoo.cli import locate as inference_commands
from fakelocator_zoo.cli import parse as face_parsing_commands
from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli import train as training_commands
from fakelocator_zoo.cli.memory import keep_freed_memory

P = ParamSpec("P")

app = typer.Typer(
    name="fakelocator",
    help="Show which pixels of a face a generator painted.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point of the command."""
    keep_freed_memory()
    try:
        app()
    except KeyboardInterrupt:  # before or after a command's own body
        sys.exit(130)


def one_sentence(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a command's expected errors into one sentence on stderr (exit 1), an interrupt into exit 130."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except (ValueError, OSError, ImportError) as error:
            terminal.say(f"error: {error}")
            raise typer.Exit(1) from None

    return wrapped


app.command()(one_sentence(inference_commands.demo))
app.command()(one_sentence(inference_commands.locate))
app.command()(one_sentence(inference_commands.adapt))
app.command()(one_sentence(inference_commands.models))
app.command()(one_sentence(face_parsing_commands.parse))
app.command()(one_sentence(training_commands.train))
app.command()(one_sentence(training_commands.bank))

data_app = typer.Typer(help="Look through data sets, and prepare them.", no_args_is_help=True)
data_app.command()(one_sentence(data_commands.check))
data_app.command()(one_sentence(data_commands.extract))
app.add_typer(data_app, name="data")
app.command()(one_sentence(evaluation_commands.evaluate))


@app.command(hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench() -> None:
    """The benchmark runs from a checkout."""
    terminal.say("error: the benchmark runs from a checkout of the project: python -m benchmarks TABLE... --help")
    raise typer.Exit(1)
