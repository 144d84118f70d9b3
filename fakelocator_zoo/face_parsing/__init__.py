"""Which pixel is skin, hair, mouth, ...: the face parser, its part names and their groups.

Importing this package costs nothing: names are fetched on first use (PEP 562), torch with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fakelocator_zoo.face_parsing.adapter import BISENET_PARTS, as_face_parser
    from fakelocator_zoo.face_parsing.parser import FaceParser
    from fakelocator_zoo.face_parsing.parts import GROUPS, PARTS, resolve_parts

_HOME = {
    "FaceParser": "parser",
    "BISENET_PARTS": "adapter",
    "as_face_parser": "adapter",
    "PARTS": "parts",
    "GROUPS": "parts",
    "resolve_parts": "parts",
}

__all__ = [
    "BISENET_PARTS",
    "GROUPS",
    "PARTS",
    "FaceParser",
    "as_face_parser",
    "resolve_parts",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
