"""Part labels drawn from the 189 landmarks of the Face Research Lab London Set (DeBruine & Jones, CC BY 4.0).

The landmarks outline skin, ears, brows, eyes, nose and lips. Their outer points follow the head, not the edge
of the hair, so hair, neck and clothes have no label here: they count as background, which then means "none of
these parts".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.face_parser.faces import LabelledFaces, stack_faces
from fakelocator_zoo.images import list_images, read_image

LANDMARK_PARTS: tuple[str, ...] = (
    "background",
    "skin",
    "nose",
    "left_eye",
    "right_eye",
    "left_brow",
    "right_brow",
    "left_ear",
    "right_ear",
    "inner_mouth",
    "upper_lip",
    "lower_lip",
)

POINTS = 189
ORIGINAL_SIDE = 1350.0  # the photos' side in pixels, in which landmarks are given

_CHEEK_RIGHT, _CHEEK_LEFT = (111, 186, 110, 185, 109), (112, 187, 113, 188, 114)

# Points around each part, in the order of drawing: later parts cover earlier ones. Left is the person's left.
_OUTLINES: Mapping[str, tuple[int, ...]] = {
    "right_ear": (*range(115, 120), *_CHEEK_RIGHT),
    "left_ear": (*range(124, 119, -1), *_CHEEK_LEFT),
    "skin": (*range(134, 145), *_CHEEK_LEFT, 133, *range(132, 124, -1), *_CHEEK_RIGHT),
    "nose": (50, 51, 52, 53, *range(61, 66), 179, 180, 55, 181, 182, *range(70, 65, -1), 59, 58, 57, 56),
    "right_eye": (*range(18, 23), 30, 29, 28),
    "left_eye": (*range(23, 28), 33, 32, 31),
    "right_brow": (*range(71, 77), 84, 83),
    "left_brow": (*range(77, 83), 86, 85),
    "inner_mouth": (87, *range(94, 99), 93, *range(103, 98, -1)),
    "upper_lip": (*range(87, 94), *range(98, 93, -1)),
    "lower_lip": (87, *range(99, 104), 93, *range(108, 103, -1)),
}


def read_tem(file: str | Path) -> np.ndarray:
    """Points of a Psychomorph / WebMorph `.tem` file: (189, 2) float, x and y in pixels of the original.

    Raises:
        ValueError: the file does not hold 189 points.
    """
    lines = Path(file).read_text(encoding="utf-8").split("\n")
    try:
        count = int(lines[0])
        points = np.array([[float(word) for word in line.split()] for line in lines[1 : count + 1]])
    except ValueError:
        raise ValueError(f"{file} is no landmark file: a count is expected, then x and y on each line") from None
    if points.shape != (POINTS, 2):
        raise ValueError(f"{file} holds points of shape {points.shape}: ({POINTS}, 2) are expected")
    return points


def draw_parts(points: np.ndarray, side: int, original_side: float = ORIGINAL_SIDE) -> np.ndarray:
    """Labels (side, side) uint8, indexes into `LANDMARK_PARTS`, from points (189, 2) in original pixels."""
    fine = 4 * side  # drawn large and then sampled: edges within a quarter of a pixel
    canvas = Image.new("L", (fine, fine), 0)
    pen = ImageDraw.Draw(canvas)
    scaled = points * (fine / original_side)
    for part, outline in _OUTLINES.items():
        pen.polygon([tuple(scaled[i]) for i in outline], fill=LANDMARK_PARTS.index(part))
    return np.array(canvas.resize((side, side), Image.Resampling.NEAREST))


def read_landmarks(images: Path, landmarks: Path, side: int = 288, last: int = 0, skip_last: int = 0) -> LabelledFaces:
    """Read the photos that have a `.tem` file of the same name, sorted by name, cut out around the face.

    Args:
        images: folder of square photos (`001_03.jpg`), of any size.
        side, last, skip_last: as in `read_celebamask`.

    Raises:
        FileNotFoundError: no photo has landmarks.
    """
    outlined = {file.stem: file for file in Path(landmarks).glob("*.tem")}
    files = [path for path in list_images([images]) if path.stem in outlined]
    files = files[-last:] if last else files[: max(len(files) - skip_last, 0)]
    if not files:
        raise FileNotFoundError(f"no photo of {images} has landmarks in {landmarks}")
    photos, labels = [], []
    for file in files:
        points = read_tem(outlined[file.stem])
        corner, width = face_square(points)
        photo = Image.fromarray(read_image(file))
        box = tuple(photo.width / ORIGINAL_SIDE * edge for edge in (*corner, *(corner + width)))
        photos.append(np.asarray(photo.resize((side, side), Image.Resampling.LANCZOS, box)))
        labels.append(draw_parts(points - corner, side, width))
    return stack_faces(photos, labels, files)


def face_square(points: np.ndarray) -> tuple[np.ndarray, float]:
    """The square cut out around a face: its upper left corner (2,) and its width, in original pixels.

    1.15 times the landmarks' extent, moved into the photo where it leaves it: faces then are as large as in the
    usual aligned sets.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    width = min(1.15 * float((high - low).max()), ORIGINAL_SIDE)
    corner = np.clip((low + high - width) / 2, 0, ORIGINAL_SIDE - width)
    return corner, width
