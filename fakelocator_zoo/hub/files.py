"""The files of a model folder: config.json and model.safetensors, read strictly and written whole or not at all.

Pickles are never read or written. torch is imported when tensors are read or written.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, WEIGHTS, CARD, RECIPE = "config.json", "model.safetensors", "README.md", "recipe.yaml"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_LARGEST_CONFIG = 10**6  # bytes; those of the zoo have 2,000
_LONGEST_NUMBER = 6  # digits of an integer in the config.json of a model; the largest of the zoo have four


def own_file(folder: Path, filename: str) -> Path:
    """The path of a model folder's file.

    Raises:
        ValueError: where it is a link that leads out of the folder.
    """
    path = folder / filename
    root = folder.resolve()
    # In the Hub's cache a snapshot's files are links to blobs of the same repository.
    if root.parent.name == "snapshots":
        root = root.parent.parent
    if not path.resolve().is_relative_to(root):
        raise ValueError(f"{path} is a link that leads out of the model's folder; put the file itself there")
    return path


def read_config(folder: Path, longest_number: int = _LONGEST_NUMBER) -> dict[str, Any]:
    """config.json of a model folder.

    Raises:
        ValueError: where it is missing or no JSON object, or an integer has more than ``longest_number`` digits.
    """
    path = own_file(folder, CONFIG)
    if not path.is_file():
        raise ValueError(f"{folder} is no model: it has no {CONFIG}")
    if path.stat().st_size > _LARGEST_CONFIG:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, which no configuration has")
    try:
        config = json.loads(path.read_text(encoding="utf-8"), parse_int=partial(_number, longest_number))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON that describes a model ({error})") from None
    if not isinstance(config, dict):
        raise ValueError(f"{path} is no JSON object")
    return config


def _number(longest: int, digits: str) -> int:
    if len(digits) > longest:
        raise ValueError(f"the number {digits[:12]} is absurd")
    return int(digits)


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """model.safetensors of a folder, floating tensors as float32.

    Raises:
        ValueError: where it is missing, a pickle, a Git LFS pointer or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = own_file(folder, WEIGHTS)
    if not path.is_file():
        pickles = sorted(each.name for each in folder.glob("*") if each.suffix in _PICKLES)
        found = f" but {pickles[0]}, and pickles are never read; convert it to safetensors" if pickles else ""
        raise ValueError(f"{folder} has no {WEIGHTS}{found}")
    with path.open("rb") as file:
        start = file.read(64)
    # A safetensors file starts with a length, of which any byte is possible, and a brace.
    if start.startswith((b"PK\x03\x04", b"\x80")) and start[8:9] != b"{":
        raise ValueError(f"{path} is a pickle renamed to safetensors, and pickles are never read; save it again")
    if start.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a Git LFS pointer, not the weights; run 'git lfs pull' in its repository")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is no whole safetensors file ({error}); get it again") from None
    return {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}


def count_parameters(path: Path) -> int:
    """Values in a weights file, running statistics included; no tensor is read.

    Raises:
        ValueError: where it is no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return sum(prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file ({error}); get it again") from None


def write_folder(folder: Path, tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> None:
    """Write model.safetensors and text files so that ``folder`` never holds half a file.

    Everything is written to a temporary folder first. A new ``folder`` is then moved into place at once; in an existing
    one each file is replaced, and its other files stay.

    Raises:
        OSError: where the folder cannot be written; nothing is left behind.
    """
    from safetensors.torch import save_file

    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file, not a folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        save_file(dict(tensors), draft / WEIGHTS, metadata={"format": "pt"})
        _share(draft / WEIGHTS, 0o666)
        for filename, text in texts.items():
            (draft / filename).write_text(text, encoding="utf-8")
        if folder.exists():
            for path in sorted(draft.iterdir()):
                path.replace(folder / path.name)
        else:
            _share(draft, 0o777)
            draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write one file, whole or not at all.

    Raises:
        OSError: where it cannot be written.
    """
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        _share(Path(draft), 0o666)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)


def _share(path: Path, mode: int) -> None:
    """Give a file or folder the mode that it would have if it had not been made private."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(mode & ~umask)
