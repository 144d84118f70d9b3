"""The published FakeLocators by name. This module imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakelocator_zoo.hub.card import read_card_header
from fakelocator_zoo.hub.files import WEIGHTS, count_parameters
from fakelocator_zoo.hub.sources import bundled_names, bundled_root, find_bundled, unknown_name

if TYPE_CHECKING:
    import torch

    from fakelocator_zoo.models.fakelocator import FakeLocator

DEFAULT_MODEL = "fakelocator_mobilenetv4_conv_small.open"
_PREFIX = "fakelocator_"
_MODEL_TYPE = "fakelocator"


def list_models(filter: str | Sequence[str] = "", *, pretrained: bool = False, tag: str | None = None) -> list[str]:
    """Names ``architecture.tag`` of the FakeLocators in the zoo, sorted.

    Args:
        filter: shell wildcards as in timm, one or several; one must match the name or the architecture. Empty: all.
        pretrained: only those with a weights file.
        tag: only those with this tag (``open``, ``research``).
    """
    filters = [filter] if isinstance(filter, str) else list(filter)
    return [
        name
        for name in bundled_names(_MODEL_TYPE)
        for architecture, _, own_tag in [name.partition(".")]
        if not any(filters) or any(fnmatchcase(each, pattern) for each in (name, architecture) for pattern in filters)
        if tag in (None, own_tag)
        if not pretrained or (bundled_root() / name / WEIGHTS).is_file()
    ]


def create_model(name: str, pretrained: bool = False, **kwargs: Any) -> FakeLocator:
    """Build a FakeLocator by name.

    Args:
        name: ``architecture``, ``architecture.tag``, or ``fakelocator_`` and any smp or timm encoder.
        pretrained: load the published weights, as :func:`from_pretrained` does (in eval mode).
        kwargs: arguments of :class:`FakeLocator` that replace the model's configuration. The encoder is initialised
            at random unless ``encoder_weights`` is given.

    Raises:
        ValueError: for an unknown name (the nearest is suggested), or ``pretrained`` without published weights.
        TypeError: for an unknown argument.

    >>> create_model("fakelocator_test_resnet", decoder_channels=(16, 8, 8)).name
    'fakelocator-tu-test_resnet'
    """
    from fakelocator_zoo.models.fakelocator import FakeLocator

    if pretrained:
        return FakeLocator.from_pretrained(name, **kwargs)
    weights = {"encoder_weights": kwargs.pop("encoder_weights", None)}
    folder = find_bundled(name)
    if folder is None:
        return FakeLocator(**{"encoder_name": _encoder_of(name), **weights, **kwargs})
    return FakeLocator(**{**FakeLocator.load_arguments(folder, kwargs), **weights})


def from_pretrained(
    name: str | Path = DEFAULT_MODEL,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    map_location: str | torch.device = "cpu",
    strict: bool = True,
    **overrides: Any,
) -> FakeLocator:
    """:meth:`FakeLocator.from_pretrained`, of the default model where no name is given."""
    from fakelocator_zoo.models.fakelocator import FakeLocator

    return FakeLocator.from_pretrained(
        name,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
        map_location=map_location,
        strict=strict,
        **overrides,
    )


def model_table() -> list[dict[str, Any]]:
    """A row for each model, read from its files.

    Keys: name, architecture, tag, parameters and megabytes (None without weights), license, trained_on, description
    (empty where the card has none).
    """
    rows = []
    for name in list_models():
        folder = bundled_root() / name
        weights = folder / WEIGHTS
        architecture, _, tag = name.partition(".")
        card = read_card_header(folder)
        rows.append(
            {
                "name": name,
                "architecture": architecture,
                "tag": tag,
                "parameters": count_parameters(weights) if weights.is_file() else None,
                "megabytes": weights.stat().st_size / 1e6 if weights.is_file() else None,
                "license": card.get("license", "unknown"),
                "trained_on": card.get("trained_on", ""),
                "description": card.get("description", ""),
            }
        )
    return rows


def _encoder_of(name: str) -> str:
    """``fakelocator_resnet18`` -> ``resnet18``, ``fakelocator_convnext_atto`` -> ``tu-convnext_atto``."""
    import timm
    from segmentation_models_pytorch.encoders import get_encoder_names

    encoder = name.removeprefix(_PREFIX)
    if name.startswith(_PREFIX) and "." not in name:
        if encoder in get_encoder_names():
            return encoder
        if timm.is_model(encoder.removeprefix("tu-")):
            return "tu-" + encoder.removeprefix("tu-")
    encoders = [_PREFIX + each for each in (*get_encoder_names(), *timm.list_models())]
    raise unknown_name(name if name.startswith(_PREFIX) else _PREFIX + name, _MODEL_TYPE, encoders)
