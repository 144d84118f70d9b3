"""FakeLocator: locate which pixels of a face photo a generator made.

Public names are imported on first use, so ``import fakelocator_zoo`` takes less than .1 s of processor time.

``smp.create_model("fakelocator", ...)`` and ``timm.create_model("fakelocator_...")`` know the models

- of a library that was imported before this package: at once;
- of both libraries: after :func:`register`, or the first use of any other public name.

``import fakelocator_zoo; import timm`` alone registers nothing: this package would have to import timm, which takes
seconds, or hook its import. timm then raises "Unknown model", smp "Wrong architecture type"; call :func:`register`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fakelocator_zoo.zoo.registration import register as register
from fakelocator_zoo.zoo.registration import register_with_imported

if TYPE_CHECKING:
    from fakelocator_zoo.clustering import SingleSampleClustering as SingleSampleClustering
    from fakelocator_zoo.face_parsing import FaceParser as FaceParser
    from fakelocator_zoo.face_parsing import as_face_parser as as_face_parser
    from fakelocator_zoo.generators.network import Generator as Generator
    from fakelocator_zoo.inference.localizer import Localizer as Localizer
    from fakelocator_zoo.models.fakelocator import FakeLocator as FakeLocator
    from fakelocator_zoo.models.output import FakeLocatorOutput as FakeLocatorOutput
    from fakelocator_zoo.transforms.fakeness_map import fakeness_map as fakeness_map
    from fakelocator_zoo.zoo.models import create_model as create_model
    from fakelocator_zoo.zoo.models import from_pretrained as from_pretrained
    from fakelocator_zoo.zoo.models import list_models as list_models

__version__ = "0.1.0"

#: Every public name and its module.
_HOME = {
    "FaceParser": "face_parsing",
    "FakeLocator": "models.fakelocator",
    "FakeLocatorOutput": "models.output",
    "Generator": "generators.network",
    "Localizer": "inference.localizer",
    "SingleSampleClustering": "clustering",
    "as_face_parser": "face_parsing",
    "create_model": "zoo.models",
    "fakeness_map": "transforms.fakeness_map",
    "from_pretrained": "zoo.models",
    "list_models": "zoo.models",
}

__all__ = ["__version__", "register", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    register()
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_with_imported()
