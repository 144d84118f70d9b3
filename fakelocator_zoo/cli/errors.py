"""Expected errors end a command with one sentence, not with a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

import typer

from fakelocator_zoo.cli import terminal

P = ParamSpec("P")


def one_sentence(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a command's expected errors into one sentence on stderr and exit status 1, an interrupt into status 130."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            raise  # whoever read the output has seen enough; typer ends quietly
        except (ValueError, OSError, ImportError) as error:
            terminal.say(f"error: {error}")
            raise typer.Exit(1) from None

    return wrapped
