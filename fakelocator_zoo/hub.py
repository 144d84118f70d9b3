"""Models as files: found in the package, in a folder or on the Hub; loaded strictly, saved whole, pushed.

A model is a folder with config.json, model.safetensors and README.md, in ``hub_configs/`` as on the Hub.
Pickles are never read or written, and no other weights are fetched. torch is imported when it is needed.
"""

from __future__ import annotations

import inspect
import json
import re
import tempfile
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakelocator_zoo.model_files import (
    CARD,
    CONFIG,
    RECIPE,
    WEIGHTS,
    check_tensors,
    compact,
    download,
    read_config,
    read_tensors,
    write_folder,
)

if TYPE_CHECKING:
    import torch

    from fakelocator_zoo.models.fakelocator import FakeLocator

DEFAULT_TAG = "open"
_HUB_ID = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w.-]+)(@(?P<revision>[\w./-]+))?")
# Arguments of FakeLocator that loading decides, and what config.json says besides arguments.
_FIXED = ("self", "encoder_weights", "in_channels", "classes")
_ABOUT = ("_model_class", "model_type", "fakelocator_zoo_version")


# Where models are in this installation.


def bundled_root() -> Path:
    """The folder of bundled models: inside the wheel, or ``hub_configs/`` beside the package in a checkout."""
    package = Path(__file__).parent
    packed = package / "_hub_configs"
    return packed if packed.is_dir() else package.parent / "hub_configs"


def bundled_names(model_type: str | None = None) -> list[str]:
    """Names ``architecture.tag`` of the bundled models (of one ``model_type``), sorted."""
    return sorted(
        path.parent.name
        for path in bundled_root().glob(f"*.*/{CONFIG}")
        if model_type is None or read_config(path.parent).get("model_type") == model_type
    )


def bundled_candidates(model_type: str | None = None) -> list[str]:
    """What a user may type for a bundled model: ``architecture.tag`` and ``architecture``."""
    names = bundled_names(model_type)
    return names + sorted({name.split(".")[0] for name in names})


def find_bundled(name: str) -> Path | None:
    """The folder of a bundled model, or None; a bare architecture stands for its tag ``open``, or its first."""
    names = bundled_names()
    if name not in names:
        tagged = [each for each in names if each.split(".")[0] == name]
        default = f"{name}.{DEFAULT_TAG}"
        if not tagged:
            return None
        name = default if default in tagged else tagged[0]
    return bundled_root() / name


def bundled_folder(name: str) -> Path:
    """The folder of a bundled model of any type.

    Raises:
        ValueError: for an unknown name; the nearest is suggested.
    """
    folder = find_bundled(name)
    if folder is None:
        close = get_close_matches(name, bundled_candidates(), n=1, cutoff=0.6)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(bundled_names()) or 'none'}"
        raise ValueError(f"unknown model {name!r}; {hint}")
    return folder


def bundled_file(name: str, filename: str) -> Path:
    """One file of a bundled model.

    Raises:
        ValueError: for an unknown model.
        FileNotFoundError: where the model has no such file.
    """
    path = bundled_folder(name) / filename
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent.name} has no file {filename}; reinstall the package")
    return path


# Loading.


def load(
    name: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    device: str | torch.device | None = None,
    **overrides: Any,
) -> FakeLocator:
    """A trained FakeLocator in eval mode, in float32.

    Args:
        name: in this order, a folder, a bundled model's name (``architecture`` or ``architecture.tag``), or
            a Hub id ``org/name`` or ``org/name@revision``.
        revision, token, cache_dir, local_files_only: as in huggingface_hub; for Hub ids only.
        device: where the model goes; None stays on the CPU.
        overrides: arguments of :class:`FakeLocator` that replace what config.json says, for example
            ``attention=("hair", "mouth")``.

    Raises:
        ValueError: for an unknown name, or files that are no whole FakeLocator in safetensors.
        OSError: for a missing folder (FileNotFoundError), or what the Hub cannot give (offline, gated, absent).
        TypeError: for an unknown option.
    """
    from fakelocator_zoo.models.fakelocator import FakeLocator

    allowed = [each for each in inspect.signature(FakeLocator.__init__).parameters if each not in _FIXED]
    for option in overrides:
        if option not in allowed:
            close = get_close_matches(option, allowed, n=1)
            raise TypeError(f"unknown option {option!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    folder = _locate(str(name), isinstance(name, Path), revision, token, cache_dir, local_files_only)
    config = merge_config(read_config(folder), folder / CONFIG, overrides)
    tensors = read_tensors(folder)
    try:
        model = FakeLocator(**config)
    except (TypeError, ValueError) as error:
        if overrides:
            raise
        raise ValueError(f"{folder / CONFIG} does not describe a FakeLocator that can be built: {error}") from error
    if "face_parser" in overrides or "face_parser" not in config:
        # There is no parser, or one that brought its own weights.
        tensors = {key: value for key, value in tensors.items() if not key.startswith("face_parser.")}
        tensors |= {key: value for key, value in model.state_dict().items() if key.startswith("face_parser.")}
    check_tensors(tensors, model.state_dict(), folder)
    model.load_state_dict(tensors, strict=True)
    return model.eval().to(device) if device is not None else model.eval()


def merge_config(config: Mapping[str, Any], path: Path, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of FakeLocator that a config.json stands for, with overrides, without ImageNet weights.

    Raises:
        ValueError: where the file describes another kind of model or has unknown keys.
    """
    from fakelocator_zoo.models.fakelocator import FakeLocator

    kind = config.get("model_type", config.get("_model_class"))
    if kind not in ("fakelocator", "FakeLocator"):
        raise ValueError(f"{path} describes a model of type {kind or 'unknown'}, not a FakeLocator")
    arguments = {key: value for key, value in config.items() if key not in _ABOUT}
    unknown = sorted(set(arguments) - set(inspect.signature(FakeLocator.__init__).parameters))
    if unknown:
        raise ValueError(
            f"{path} has unknown keys {', '.join(unknown)}; a newer fakelocator-zoo may have written it: upgrade"
        )
    arguments |= {**overrides, "encoder_weights": None}
    if arguments.get("attention") is None and "face_parser" not in overrides:
        arguments.pop("face_parser", None)
    return arguments


def _locate(
    name: str,
    is_path: bool,
    revision: str | None,
    token: str | bool | None,
    cache_dir: str | Path | None,
    local_files_only: bool,
) -> Path:
    """The folder on this disk that ``name`` stands for, downloaded if it is a Hub id."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise ValueError(f"{name} is a file; give the folder that holds {CONFIG} and {WEIGHTS}")
    hub_id = _HUB_ID.fullmatch(name)
    if is_path or name.startswith((".", "/", "~")) or "\\" in name or (hub_id is None and "/" in name):
        raise FileNotFoundError(f"there is no folder {name}")
    if hub_id is None:
        bundled = find_bundled(name)
        if bundled is not None:
            return bundled
        close = get_close_matches(name, bundled_candidates("fakelocator"), n=1, cutoff=0.6)
        known = ", ".join(bundled_names("fakelocator")) or "none"
        hint = f"did you mean {close[0]!r}?" if close else f"published are: {known}"
        raise ValueError(f"no published model or folder is called {name!r}; {hint}")
    asked = hub_id["revision"]
    if asked and revision and asked != revision:
        raise ValueError(f"{name} asks for revision {asked} and the option for {revision}; give one of them")
    options = {
        "revision": asked or revision,
        "token": token,
        "cache_dir": cache_dir,
        "local_files_only": local_files_only,
    }
    download(hub_id["repo"], CONFIG, options)
    return download(hub_id["repo"], WEIGHTS, options).parent


# Saving and publishing.


def save(
    model: FakeLocator,
    folder: str | Path,
    *,
    name: str | None = None,
    dtype: torch.dtype | None = None,
    licence: str = "unknown",
    description: str = "",
    trained_on: str = "",
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    recipe: str | None = None,
    card: str | None = None,
) -> Path:
    """Write config.json, model.safetensors and a model card README.md; a later :func:`load` gives bit-equal outputs.

    Args:
        name: what the card calls the model and loads it by; None takes the folder's name.
        dtype: of kernels and matrices on disk, for example ``torch.float16``; None keeps them, and only then
            are outputs bit-equal.
        licence: an identifier as the Hub uses them (``apache-2.0``, ``cc-by-nc-4.0``).
        description, trained_on: one sentence each for the card.
        metrics: ``{evaluation set: {metric: value}}`` for the card's table; without it the card has none.
        recipe: the text of the training recipe, written as recipe.yaml.
        card: the whole text of README.md, in place of the generated one.

    Raises:
        ValueError: for a model that no configuration can rebuild (a foreign face parser).
        OSError: where the folder cannot be written; nothing is left half-written.
    """
    from fakelocator_zoo import __version__
    from fakelocator_zoo.model_card import write_card

    folder = Path(folder).expanduser()
    tensors = compact(model.state_dict(), dtype)
    about = dict(zip(_ABOUT, ("FakeLocator", "fakelocator", __version__), strict=True))
    config = {**about, **model.config}
    if card is None:
        card = write_card(
            name or folder.resolve().name,
            config,
            tensors,
            licence=licence,
            description=description,
            trained_on=trained_on,
            metrics=metrics or {},
        )
    texts = {CONFIG: json.dumps(config, indent=2) + "\n", CARD: card}
    if recipe is not None:
        texts[RECIPE] = recipe
    write_folder(folder, tensors, texts)
    return folder


def push(
    model: FakeLocator,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    branch: str | None = None,
    commit_message: str = "Upload FakeLocator",
    **save_options: Any,
) -> str:
    """Save and upload to the Hub, safetensors only; the repository is made if missing. Returns the commit's URL.

    Args:
        private, token: as in huggingface_hub.
        branch: made if missing; None is the main one.
        save_options: as in :func:`save` (``licence``, ``metrics``, ...).
    """
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    with tempfile.TemporaryDirectory() as scratch:
        folder = save(model, Path(scratch) / "model", **{"name": repo_id, **save_options})
        api.create_repo(repo_id, private=private, exist_ok=True)
        if branch is not None:
            api.create_branch(repo_id, branch=branch, exist_ok=True)
        commit = api.upload_folder(repo_id=repo_id, folder_path=folder, revision=branch, commit_message=commit_message)
    return str(commit.commit_url)
