"""Options that commands share, and the localizer that they define."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakelocator_zoo.cli import terminal

if TYPE_CHECKING:
    from fakelocator_zoo.inference.localizer import Localizer

ModelOption = Annotated[
    str | None, typer.Option(help="Name from `fakelocator models`, folder, Hub id or exported file.")
]
DeviceOption = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...; default: cuda where there is one.")]
AttentionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attention", help="Face part or group, such as hair or face, that the model attends to; repeatable."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
JsonRowsOption = Annotated[bool, typer.Option("--json", help="One JSON array on stdout, nothing else.")]


def load_localizer(model: str | None, device: str | None, attention: Sequence[str] | None = None) -> Localizer:
    """The localizer of a command's --model, --device and --attention; a bad device is a bad parameter."""
    with terminal.stdout_to_stderr():
        import torch

        from fakelocator_zoo.inference.localizer import Localizer
        from fakelocator_zoo.inference.runtimes import load_model
        from fakelocator_zoo.zoo.models import DEFAULT_MODEL

        try:
            wanted = torch.device(device or "cpu")
        except RuntimeError as error:
            raise typer.BadParameter(f"{device!r} is no device; give cpu or cuda", param_hint="--device") from error
        if wanted.type == "cuda" and not torch.cuda.is_available():
            raise typer.BadParameter("there is no CUDA device here; give cpu", param_hint="--device")
        options: dict[str, Any] = {"attention": tuple(attention)} if attention else {}
        return Localizer(load_model(model or DEFAULT_MODEL, **options), device=device)
