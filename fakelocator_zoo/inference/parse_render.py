"""Pictures of face parts: a colour for each part, and a legend."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fakelocator_zoo.inference.render import side_by_side

if TYPE_CHECKING:
    from fakelocator_zoo.inference.parse import ParsedPhoto

# Neighbours on a face differ most; the left one of a pair is the darker one.
_COLOURS = {
    "background": (0, 0, 0), "skin": (240, 190, 150), "nose": (230, 110, 60), "eyeglasses": (120, 220, 220),
    "left_eye": (20, 90, 200), "right_eye": (80, 160, 255), "left_brow": (120, 40, 140), "right_brow": (190, 100, 210),
    "left_ear": (160, 130, 20), "right_ear": (220, 190, 60), "inner_mouth": (90, 0, 30), "upper_lip": (220, 30, 70),
    "lower_lip": (255, 110, 130), "hair": (130, 80, 40), "hat": (60, 150, 60), "earring": (255, 255, 120),
    "necklace": (200, 255, 200), "neck": (200, 150, 170), "cloth": (110, 120, 140),
}  # fmt: skip
_OPACITY = 0.6
_HEIGHT = 512  # of the sheet's pictures
_GOLDEN = 0.618034  # the golden ratio: hues so far apart stay distinct in any number


def part_colours(parts: Sequence[str]) -> np.ndarray:
    """A colour for each part, (P, 3) uint8; that of a known part is the same for every parser."""
    other = [tuple(round(255 * c) for c in colorsys.hsv_to_rgb(i * _GOLDEN % 1, 0.6, 0.9)) for i in range(len(parts))]
    return np.array([_COLOURS.get(part, other[i]) for i, part in enumerate(parts)], np.uint8)


def parts_sheet(parsed: ParsedPhoto) -> np.ndarray:
    """The photo, its parts blended over it, the part map, and a legend of the parts that occur, (H', W', 3) uint8."""
    colours = part_colours(parsed.parts)
    coloured = colours[parsed.labels]
    blended = parsed.image * (1 - _OPACITY) + coloured * _OPACITY
    over = np.where((parsed.labels == parsed.parts.index("background"))[..., None], parsed.image, blended)
    pictures = {
        "photo": parsed.image,
        "parts over it": np.rint(over).astype(np.uint8),
        "part map" if parsed.face_found else "part map (no face found)": coloured,
        "share of the photo": _legend(parsed.shares, colours),
    }
    return side_by_side(list(pictures.values()), list(pictures), _HEIGHT)


def _legend(shares: dict[str, float], colours: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 with a line for each part that occurs."""
    shown = [(name, share, colour) for (name, share), colour in zip(shares.items(), colours, strict=True) if share]
    line = _HEIGHT // max(len(shown), 16)
    legend = Image.new("RGB", (220, _HEIGHT), "white")
    draw = ImageDraw.Draw(legend)
    font = ImageFont.load_default(size=line * 0.6)
    for number, (name, share, colour) in enumerate(shown):
        top = number * line
        draw.rectangle((4, top + 4, line - 2, top + line - 2), fill=tuple(map(int, colour)), outline=(0, 0, 0))
        text = f"{name.replace('_', ' ')} {share:.1%}"
        draw.text((line + 6, top + line / 2), text, fill="black", font=font, anchor="lm")
    return np.asarray(legend)
