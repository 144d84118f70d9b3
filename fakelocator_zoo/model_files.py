"""The files of a model folder: config.json and model.safetensors, read strictly and written whole or not at all.

Pickles are never read or written. torch is imported when tensors are.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CONFIG, WEIGHTS, CARD, RECIPE = "config.json", "model.safetensors", "README.md", "recipe.yaml"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder.

    Raises:
        ValueError: where it is missing or no JSON object.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} is no model: it has no {CONFIG}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no JSON ({error})") from None
    if not isinstance(config, dict):
        raise ValueError(f"{path} is no JSON object")
    return config


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """model.safetensors of a folder, floating tensors as float32.

    Raises:
        ValueError: where it is missing, a pickle, a Git LFS pointer or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
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


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], folder: Path) -> None:
    """Raise ValueError unless the tensors of ``folder`` are exactly those of the model its config.json describes."""
    path = folder / WEIGHTS
    missing = [key for key in expected if key not in tensors]
    extra = [key for key in tensors if key not in expected]
    if missing or extra:
        parts = [f"{len(missing)} of {len(expected)} tensors are missing (such as {missing[0]})"] if missing else []
        parts += [f"{len(extra)} belong to none of its layers (such as {extra[0]})"] if extra else []
        raise ValueError(
            f"{path} holds the weights of another architecture than its {CONFIG} describes: {', '.join(parts)}; "
            "use the two files that were saved together"
        )
    for key, value in expected.items():
        if tensors[key].shape != value.shape:
            raise ValueError(
                f"{path} holds the weights of another architecture than its {CONFIG} describes: {key} is "
                f"{tuple(tensors[key].shape)} in the file and {tuple(value.shape)} in the model; "
                "use the two files that were saved together"
            )


def read_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file, name -> {dtype, shape, data_offsets}, without reading tensors.

    Raises:
        ValueError: where there is none.
    """
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), 10**8)))
    except (json.JSONDecodeError, UnicodeDecodeError):
        header = None
    if not isinstance(header, dict):
        raise ValueError(f"{path} is no safetensors file")
    return header


def count_parameters(path: Path) -> int:
    """Numbers in a weights file, running statistics of normalisation included."""
    return sum(prod(entry["shape"]) for key, entry in read_header(path).items() if key != "__metadata__")


def compact(tensors: Mapping[str, Tensor], dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Copies on the CPU, ready to be written; floating matrices and kernels in ``dtype``, if one is given.

    Vectors (biases, normalisation) stay as they are: they weigh nothing, and a running variance may overflow
    in half precision.
    """
    files = {}
    for key, value in tensors.items():
        value = value.detach().cpu()
        if dtype is not None and value.ndim > 1 and value.is_floating_point():
            value = value.to(dtype)
        files[key] = value.clone().contiguous()
    return files


def write_folder(folder: Path, tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> None:
    """Write model.safetensors and text files so that ``folder`` never holds half a file.

    Everything is written beside ``folder`` first; then a new folder is moved into place at once, and in one that
    is already there each file is replaced. Its other files stay.

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
        for filename, text in texts.items():
            (draft / filename).write_text(text, encoding="utf-8")
        if folder.exists():
            for path in sorted(draft.iterdir()):
                path.replace(folder / path.name)
        else:
            umask = os.umask(0)
            os.umask(umask)
            draft.chmod(0o777 & ~umask)  # mkdtemp makes it private
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
        umask = os.umask(0)
        os.umask(umask)
        Path(draft).chmod(0o666 & ~umask)  # mkstemp makes it private
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)


def download(repo: str, filename: str, options: dict[str, Any]) -> Path:
    """One file of a Hub repository, in its cache; ``options`` are those of ``hf_hub_download``.

    Raises:
        OSError: of one sentence: absent (FileNotFoundError), gated (PermissionError), offline (ConnectionError).
    """
    from huggingface_hub import errors, hf_hub_download

    where = repo if options["revision"] is None else f"{repo}@{options['revision']}"
    try:
        return Path(hf_hub_download(repo, filename, **options))
    except errors.GatedRepoError:
        raise PermissionError(
            f"{where} is gated: accept its terms on its Hub page, then log in or pass token="
        ) from None
    except errors.RevisionNotFoundError:
        raise FileNotFoundError(f"{repo} on the Hub has no revision {options['revision']}") from None
    except errors.RepositoryNotFoundError:
        raise FileNotFoundError(
            f"there is no folder {repo}, and the Hub has no such repository (a private one needs token=)"
        ) from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise ConnectionError(
            f"there is no folder {repo}, and the Hub cannot be reached for {where}: "
            "it is not in the local cache, and this machine is offline"
        ) from None
    except errors.EntryNotFoundError:
        raise FileNotFoundError(
            f"{where} on the Hub has no {filename}"
            + ("; pickles are never read, ask its authors for safetensors" if filename == WEIGHTS else "")
        ) from None
    except (errors.HfHubHTTPError, errors.HFValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ConnectionError(f"{filename} of {where} did not come from the Hub: {reason}") from None
