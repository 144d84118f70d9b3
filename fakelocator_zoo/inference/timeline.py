"""The fake probabilities of a video's faces over time, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fakelocator_zoo.inference.render import VERDICT_COLOURS

if TYPE_CHECKING:
    from fakelocator_zoo.inference.video import Appearance

_WIDTH, _LANE, _LEFT, _RIGHT, _FOOT = 1200, 110, 110, 30, 44  # pixels
_MARGIN = 14
_MOST_FACES = 12
_INK, _PALE = (40, 40, 40), (222, 222, 222)


def draw_timeline(faces: Mapping[int, Sequence[Appearance]], seconds: float) -> np.ndarray:
    """A lane for each face with its fake probability over time, a dot a frame in the colour of its verdict.

    Args:
        faces: number: appearances; number 0 is the whole image. The 12 that appear most often are drawn.
        seconds: of the video.

    Returns:
        (H, W, 3) uint8.
    """
    shown = sorted(sorted(faces, key=lambda number: -len(faces[number]))[:_MOST_FACES])
    picture = Image.new("RGB", (_WIDTH, _LANE * len(shown) + _FOOT + _MARGIN), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=16)
    right = _WIDTH - _RIGHT

    def across(time: float) -> float:
        return _LEFT + (right - _LEFT) * time / max(seconds, 1e-9)

    for lane, number in enumerate(shown):
        top, bottom = _MARGIN + lane * _LANE, (lane + 1) * _LANE - _MARGIN
        draw.text((12, (top + bottom) / 2), f"face {number}" if number else "frame", fill=_INK, font=font, anchor="lm")
        for value in (0, 1):
            level = bottom - value * (bottom - top)
            draw.line((_LEFT, level, right, level), fill=_PALE)
            draw.text((_LEFT - 8, level), str(value), fill=_INK, font=font, anchor="rm")
        for each in faces[number]:
            x, y = across(each.time), bottom - each.fake_probability * (bottom - top)
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=VERDICT_COLOURS[each.verdict])
    foot = picture.height - _FOOT / 2
    for part in range(5):
        time = seconds * part / 4
        draw.text((across(time), foot - 12), f"{time:.1f} s", fill=_INK, font=font, anchor="mm")
    x = float(_LEFT)
    for verdict, colour in VERDICT_COLOURS.items():
        draw.ellipse((x, foot + 4, x + 10, foot + 14), fill=colour)
        draw.text((x + 16, foot + 9), verdict, fill=_INK, font=font, anchor="lm")
        x += 40 + font.getlength(verdict)
    return np.asarray(picture)
