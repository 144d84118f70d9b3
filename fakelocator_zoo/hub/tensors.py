"""Checks and conversions of the tensors of a model and of its weights file."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fakelocator_zoo.hub.files import CONFIG, WEIGHTS

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_LARGEST_LAYER = 2**26  # numbers; four times the largest layer of ConvNeXt-XL
_LARGEST_MODEL = 2**28  # numbers; a GB
#: Parts of keys that wrappers add, and who does.
_PREFIXES = {"_orig_mod": "torch.compile", "module": "DataParallel"}
_WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


@contextmanager
def layers_limited(tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """While inside, a model that this thread builds may not be far larger than the ``tensors`` of its file.

    So a configuration that does not belong to its weights cannot fill the memory before that is noticed.

    Raises:
        MemoryError: when a layer is made that is too large, or one too many, before its memory is written to.
    """
    from torch.nn.modules.module import register_module_parameter_registration_hook

    # An encoder of fewer stages is made whole and then cut, so layers may be made that the file does not hold.
    numbers = [tensor.numel() for tensor in tensors.values()]
    limit, total_limit, total = max([_LARGEST_LAYER, *numbers]), max(_LARGEST_MODEL, 4 * sum(numbers)), 0
    thread = threading.get_ident()

    def check(module: torch.nn.Module, name: str, parameter: torch.nn.Parameter | None) -> None:
        nonlocal total
        if threading.get_ident() != thread or parameter is None:
            return
        total += parameter.numel()
        if parameter.numel() > limit:
            raise MemoryError(f"a layer of shape {tuple(parameter.shape)} is far larger than the weights of the file")
        if total > total_limit:
            raise MemoryError(
                f"its layers hold more than {total_limit:,} numbers, far more than the weights of the file"
            )

    handle = register_module_parameter_registration_hook(check)
    try:
        yield
    finally:
        handle.remove()


def unwrapped_state(model: torch.nn.Module) -> dict[str, Tensor]:
    """The state of a model without the key parts that ``torch.compile`` and data parallelism add."""
    wrappers = [
        f"{name}.{part}.".lstrip(".")
        for name, module in model.named_modules(remove_duplicate=False)
        for part in [_WRAPPERS.get(type(module).__name__)]
        if part is not None
    ]
    state: dict[str, Tensor] = model.state_dict()
    for wrapper in sorted(wrappers, key=len, reverse=True):  # the innermost first
        plain = wrapper[: -len(wrapper.split(".")[-2]) - 1]
        state = {
            plain + key.removeprefix(wrapper) if key.startswith(wrapper) else key: value for key, value in state.items()
        }
    return state


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], folder: Path) -> None:
    """Raise ValueError unless the tensors of ``folder`` are exactly those of the model its config.json describes."""
    path = folder / WEIGHTS
    for key in tensors:
        for part, maker in _PREFIXES.items():
            if key not in expected and f".{part}." in f".{key}":
                raise ValueError(
                    f"{path} holds the weights of a wrapped model: its keys have the prefix {part!r} of {maker}; "
                    "save it with save_pretrained, which removes the prefix"
                )
    differing = _differences(tensors, expected)
    if differing:
        raise ValueError(
            f"{path} holds the weights of another architecture than its {CONFIG} describes: {differing}; "
            "use the two files that were saved together"
        )


def fitting_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """The tensors whose key and shape are those of the model; a warning names the others."""
    differing = _differences(tensors, expected)
    if differing:
        warnings.warn(f"{folder / WEIGHTS} was loaded in part: {differing}", stacklevel=3)
    return {key: value for key, value in tensors.items() if key in expected and _alike(value, expected[key])}


def _differences(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    missing = [key for key in expected if key not in tensors]
    extra = [key for key in tensors if key not in expected]
    parts = [f"{len(missing)} of {len(expected)} tensors are missing (such as {missing[0]})"] if missing else []
    parts += [f"{len(extra)} belong to none of its layers (such as {extra[0]})"] if extra else []
    for key, value in expected.items():
        if key in tensors and not _alike(tensors[key], value):
            parts.append(f"{key} is {_kind(tensors[key])} in the file and {_kind(value)} in the model")
            break
    return ", ".join(parts)


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.is_floating_point() == other.is_floating_point()


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def compact(tensors: Mapping[str, Tensor], dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Contiguous copies on the CPU; floating matrices and kernels in ``dtype``, if one is given.

    Vectors keep their dtype: they are small, and a running variance may overflow in half precision.
    """
    files = {}
    for key, value in tensors.items():
        value = value.detach().cpu()
        if dtype is not None and value.ndim > 1 and value.is_floating_point():
            value = value.to(dtype)
        files[key] = value.clone().contiguous()
    return files
