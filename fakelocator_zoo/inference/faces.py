"""Faces in a photo, found by scikit-image's bundled LBP cascade: proposed small, confirmed up close.

The cascade alone fires on collars, hair and leaves. A real face fires many windows at once, so each
proposal is looked at again in a crop of fixed size, as it is and mirrored, and kept for the number of
windows that agree. Skin colour is not asked for: it fails on grey photos and is not the same for all people.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from skimage.feature import Cascade

Box = tuple[int, int, int, int]  #: left, top, right, bottom in pixels; right and bottom are exclusive

_SEARCH_SIDE = 400  # longer side of the photo in the first look
_SEARCH_BORDER = 0.12  # repeated edge around it, of the shorter side: a face may fill the photo
_SMALLEST = 24  # the cascade's own window
_PROPOSALS = 2  # windows that make a proposal
_CONFIRM_SIDE, _CONFIRM_FACE = 112, 56  # the second look: crop and expected face, in pixels
_CONFIRM_WINDOWS = (40, 78)  # sizes of face tried there
_MIN_SUPPORT = 40  # agreeing windows; 19 was the most that a photo without people reached
_SMALL, _MIN_SUPPORT_SMALL = 0.1, 80  # below this share of the shorter side patterns fire more often
_MIN_SHARE = 0.25  # of the support that the photo's best face has
# The cascade's window spans brows to chin; these margins add hair, ears and chin (left, top, right, bottom).
_MARGINS = (0.3, 0.45, 0.3, 0.35)
# Upsampling and JPEG leave grids that begin at the photo's corner: a crop that begins between them is read less well.
_GRID = 8


def find_faces(image: np.ndarray) -> list[Box]:
    """Boxes of the faces in a photo (H, W, 3) uint8, largest first, with room for hair and chin.

    Finds upright, roughly frontal faces from a sixteenth of the photo's longer side on. Left and top are multiples
    of 8. The same photo always gives the same boxes. Returns an empty list where no face is found.
    """
    height, width = image.shape[:2]
    boxes = []
    for left, top, right, bottom in detect_faces(image):
        margins = [share * (right - left) for share in _MARGINS]
        boxes.append(
            (
                max(0, round(left - margins[0]) // _GRID * _GRID),
                max(0, round(top - margins[1]) // _GRID * _GRID),
                min(width, round(right + margins[2])),
                min(height, round(bottom + margins[3])),
            )
        )
    return boxes


def detect_faces(image: np.ndarray) -> list[Box]:
    """The cascade's own square windows, brows to chin, largest first; may reach over the photo's edge."""
    candidates = []
    for box, count in _propose(image):
        if count >= _PROPOSALS:
            support = _support(image, box)
            small = box[2] - box[0] < _SMALL * min(image.shape[:2])
            if support >= (_MIN_SUPPORT_SMALL if small else _MIN_SUPPORT):
                candidates.append((support, box))
    candidates.sort(key=lambda item: (-item[0], tuple(item[1])))
    kept: list[np.ndarray] = []
    for support, box in candidates:
        if support >= _MIN_SHARE * candidates[0][0] and all(_shared(box, other) < 0.3 for other in kept):
            kept.append(box)
    kept.sort(key=lambda box: (-(box[2] - box[0]), tuple(box)))
    return [(round(b[0]), round(b[1]), round(b[2]), round(b[3])) for b in kept]


def _propose(image: np.ndarray) -> list[tuple[np.ndarray, int]]:
    photo = Image.fromarray(image)
    photo.thumbnail((_SEARCH_SIDE, _SEARCH_SIDE), Image.Resampling.BOX)
    if min(photo.size) < _SMALLEST:
        return []
    border = int(_SEARCH_BORDER * min(photo.size))
    small = np.pad(np.asarray(photo), ((border, border), (border, border), (0, 0)), mode="edge")
    windows = (_windows(small, 1.15, _SMALLEST, min(small.shape[:2])) - border) * (image.shape[1] / photo.width)
    return _group(windows)


def _support(image: np.ndarray, box: np.ndarray) -> int:
    """How many windows near ``box`` pass the cascade, in a crop of fixed size and in its mirror image."""
    height, width = image.shape[:2]
    side = float(box[2] - box[0]) * _CONFIRM_SIDE / _CONFIRM_FACE
    left, top = (float(box[0] + box[2]) - side) / 2, (float(box[1] + box[3]) - side) / 2
    columns = np.clip(np.arange(round(left), round(left + side)), 0, width - 1)
    rows = np.clip(np.arange(round(top), round(top + side)), 0, height - 1)
    crop = Image.fromarray(image[rows][:, columns])
    look = np.asarray(
        crop.resize(
            (_CONFIRM_SIDE, _CONFIRM_SIDE),
            Image.Resampling.BOX if side > _CONFIRM_SIDE else Image.Resampling.BILINEAR,
        )
    )
    low, high = (_CONFIRM_SIDE - _CONFIRM_FACE) / 2, (_CONFIRM_SIDE + _CONFIRM_FACE) / 2
    expected = np.array([low, low, high, high])
    support = 0
    for view in (look, np.ascontiguousarray(look[:, ::-1])):
        support += sum(_overlap(expected, window) > 0.4 for window in _windows(view, 1.05, *_CONFIRM_WINDOWS))
    return support


def _windows(image: np.ndarray, scale: float, smallest: int, largest: int) -> np.ndarray:
    """Every window that passes the cascade: (N, 4) left, top, right, bottom."""
    found = _cascade().detect_multi_scale(
        image,
        scale_factor=scale,
        step_ratio=1,
        min_size=(smallest, smallest),
        max_size=(largest, largest),
        min_neighbor_number=1,
        intersection_score_threshold=2.0,  # above 1: the cascade merges nothing
    )
    # Sorted, since the cascade's threads report in no fixed order.
    boxes = sorted((d["c"], d["r"], d["c"] + d["width"], d["r"] + d["height"]) for d in found)
    return np.array(boxes, np.float64).reshape(-1, 4)


def _group(windows: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """Mean box and number of windows of each group of windows that overlap by 0.4 or more."""
    sums: list[np.ndarray] = []
    counts: list[int] = []
    for window in windows:
        for index, total in enumerate(sums):
            if _overlap(total / counts[index], window) > 0.4:
                sums[index] = total + window
                counts[index] += 1
                break
        else:
            sums.append(window.copy())
            counts.append(1)
    return [(total / count, count) for total, count in zip(sums, counts, strict=True)]


def _intersection(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return float(max(width, 0.0) * max(height, 0.0))


def _area(box: np.ndarray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    inside = _intersection(a, b)
    return inside / (_area(a) + _area(b) - inside)


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over the smaller box."""
    return _intersection(a, b) / min(_area(a), _area(b))


@lru_cache(maxsize=1)
def _cascade() -> Cascade:
    from skimage import data
    from skimage.feature import Cascade

    return Cascade(data.lbp_frontal_face_cascade_filename())
