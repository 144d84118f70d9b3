"""FakeLocator: locate what a generator painted in a face.

The public names are imported on first use, so that ``import fakelocator_zoo`` costs nothing. It also makes
``smp.create_model("fakelocator", ...)`` and ``timm.create_model("fakelocator_...")`` work, in either import order.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fakelocator_zoo.zoo.models import create_model, from_pretrained, list_models, register

if TYPE_CHECKING:
    from fakelocator_zoo.clustering import SingleSampleClustering
    from fakelocator_zoo.face_parsing import FaceParser, load_face_parser
    from fakelocator_zoo.inference.localizer import Localizer
    from fakelocator_zoo.models.fakelocator import FakeLocator
    from fakelocator_zoo.models.output import FakeLocatorOutput
    from fakelocator_zoo.transforms.fakeness_map import fakeness_map

__version__ = "0.1.0"

__all__ = [
    "FaceParser",
    "FakeLocator",
    "FakeLocatorOutput",
    "Localizer",
    "SingleSampleClustering",
    "__version__",
    "create_model",
    "fakeness_map",
    "from_pretrained",
    "list_models",
    "load_face_parser",
]

_HOME = {
    "FaceParser": "fakelocator_zoo.face_parsing",
    "FakeLocator": "fakelocator_zoo.models.fakelocator",
    "FakeLocatorOutput": "fakelocator_zoo.models.output",
    "Localizer": "fakelocator_zoo.inference.localizer",
    "SingleSampleClustering": "fakelocator_zoo.clustering",
    "fakeness_map": "fakelocator_zoo.transforms.fakeness_map",
    "load_face_parser": "fakelocator_zoo.face_parsing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register()
