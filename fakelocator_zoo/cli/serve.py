"""The command `fakelocator serve`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import ModelOption


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 7860,
    model: ModelOption = None,
) -> None:
    """Open a page in the browser that shows which pixels of a photo a generator painted; Ctrl-C ends it."""
    with terminal.stdout_to_stderr():
        try:
            from fakelocator_zoo.app.page import served
        except ModuleNotFoundError as error:
            if error.name != "gradio":
                raise
            raise ImportError("the page needs Gradio: pip install 'fakelocator-zoo[app]'") from None
        from fakelocator_zoo.app.handlers import Models
        from fakelocator_zoo.hub import find_bundled
        from fakelocator_zoo.zoo.models import DEFAULT_MODEL, list_models

        source = model or DEFAULT_MODEL
        bundled = None if Path(source).is_dir() else find_bundled(source)
        name = Path(source).name if bundled is None else bundled.name
        models = Models({**{each: each for each in list_models(pretrained=True)}, name: source})
        models.localizer(name)  # a model that cannot be loaded is said here, not on the page
        with served(models, name, host, port) as (_, address):
            terminal.say(f"the page: {address} (Ctrl-C ends it)")
            while True:
                time.sleep(3600)
