"""Which pixel is skin, hair, mouth, ...: the face parser, its part names and their groups."""

from fakelocator_zoo.face_parsing.adapter import BISENET_PARTS, as_face_parser
from fakelocator_zoo.face_parsing.parser import FaceParser
from fakelocator_zoo.face_parsing.parts import GROUPS, PARTS, resolve_parts

__all__ = ["BISENET_PARTS", "GROUPS", "PARTS", "FaceParser", "as_face_parser", "resolve_parts"]
