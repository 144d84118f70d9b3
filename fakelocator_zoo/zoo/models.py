"""The zoo: which models there are, by ``architecture.tag``, and how smp and timm learn of them.

The table is the folder ``hub_configs/``: every folder in it that holds a FakeLocator is a model, and nothing
else says so. This module imports no torch.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import warnings
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fakelocator_zoo import hub
from fakelocator_zoo.model_files import CONFIG, WEIGHTS, count_parameters, read_config

if TYPE_CHECKING:
    from fakelocator_zoo.models.fakelocator import FakeLocator

DEFAULT_MODEL = "fakelocator_mobilenetv4_conv_small.open"
_PREFIX = "fakelocator_"


def list_models(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Names ``architecture.tag`` of the FakeLocators in the zoo, sorted.

    Args:
        pattern: shell wildcards, compared with the whole name and with the architecture alone.
        pretrained: only those whose weights file is there.
    """
    return [
        name
        for name in hub.bundled_names("fakelocator")
        if (fnmatchcase(name, pattern) or fnmatchcase(name.split(".")[0], pattern))
        and (not pretrained or (hub.bundled_root() / name / WEIGHTS).is_file())
    ]


def create_model(name: str, pretrained: bool = False, **overrides: Any) -> FakeLocator:
    """Build a FakeLocator by name.

    Args:
        name: ``architecture``, ``architecture.tag``, or ``fakelocator_`` and any smp or timm encoder.
        pretrained: load the published weights, as :func:`from_pretrained` does (in eval mode).
        overrides: arguments of :class:`FakeLocator` that replace the model's configuration. Unless
            ``encoder_weights`` is given the encoder starts at random; nothing is downloaded.

    Raises:
        ValueError: for an unknown name (the nearest is suggested), or ``pretrained`` without published weights.
        TypeError: for an unknown option.

    >>> create_model("fakelocator_test_resnet", decoder_channels=(32, 16, 16, 8, 8)).name
    'fakelocator-tu-test_resnet'
    """
    if pretrained:
        return from_pretrained(name, **overrides)
    from fakelocator_zoo.models.fakelocator import FakeLocator

    bundled = hub.find_bundled(name)
    if bundled is not None:
        config = hub.merge_config(read_config(bundled), bundled / CONFIG, {})
    else:
        config = {"encoder_name": _encoder_of(name), "encoder_weights": None}
    return FakeLocator(**{**config, **overrides})


def from_pretrained(name: str | Path, **options: Any) -> FakeLocator:
    """A published model's name, a folder, or a Hub id with ``@revision``; see :func:`fakelocator_zoo.hub.load`."""
    return hub.load(name, **options)


def model_table() -> list[dict[str, Any]]:
    """What ``fakelocator models`` prints: one row a model, all read from its files.

    Keys: name, architecture, tag, parameters, megabytes (None where the weights are not there), licence,
    trained_on, description (empty where the card does not say).
    """
    from fakelocator_zoo.model_card import read_card_header

    rows = []
    for name in list_models():
        folder = hub.bundled_root() / name
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
                "licence": card.get("license", "unknown"),
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
    known = hub.bundled_candidates("fakelocator")
    known += [_PREFIX + each for each in (*get_encoder_names(), *timm.list_models())]
    close = get_close_matches(name if name.startswith(_PREFIX) else _PREFIX + name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "list_models() names them all"
    raise ValueError(f"unknown model {name!r}; {hint}")


# Registration: a name in smp's mapping and one timm entry point a model.


def register() -> None:
    """Tell smp and timm of the zoo, at once where they are imported, else when they will be.

    Importing them here would make ``import fakelocator_zoo`` and ``fakelocator --help`` take seconds.
    """
    waiting: dict[str, Callable[[ModuleType], None]] = {}
    for name, action in (("segmentation_models_pytorch", _register_smp), ("timm", _register_timm)):
        module = sys.modules.get(name)
        if module is None:
            waiting[name] = action
        else:
            action(module)
    if waiting:
        sys.meta_path.insert(0, _AfterImport(waiting))


def _register_smp(module: ModuleType) -> None:
    def fakelocator(**options: Any) -> FakeLocator:
        # Not the class itself: importing it here would import smp, which is what is being imported.
        from fakelocator_zoo.models.fakelocator import FakeLocator

        return FakeLocator(**options)

    module.MODEL_ARCHITECTURES_MAPPING["fakelocator"] = fakelocator


def _register_timm(module: ModuleType) -> None:
    from fakelocator_zoo.zoo.timm_detector import register_detectors

    register_detectors(list_models())


class _AfterImport(importlib.abc.MetaPathFinder):
    """Finds modules with the other finders and calls an action after their first import, then steps aside."""

    def __init__(self, actions: dict[str, Callable[[ModuleType], None]]) -> None:
        self.actions = actions

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.actions:
            return None
        # Those before this one were asked already, and may be of this kind themselves.
        later = sys.meta_path[sys.meta_path.index(self) + 1 :] if self in sys.meta_path else []
        spec = next((found for finder in later if (found := finder.find_spec(fullname, path, target))), None)
        if spec is not None and spec.loader is not None:
            self._extend(spec)
        return spec

    def _extend(self, spec: importlib.machinery.ModuleSpec) -> None:
        # The loader stays the genuine one; only this instance's exec_module runs the action as well.
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            if module.__spec__ is spec:
                self._imported(module)

        loader.exec_module = exec_module

    def _imported(self, module: ModuleType) -> None:
        action = self.actions.pop(module.__name__, None)
        if not self.actions and self in sys.meta_path:
            sys.meta_path.remove(self)
        if action is None:
            return
        try:
            action(module)
        except Exception as error:
            # Somebody's `import timm` must not fail because of us.
            warnings.warn(f"fakelocator_zoo could not register its models: {error}", stacklevel=2)
