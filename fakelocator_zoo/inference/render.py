"""Maps as pictures: the heat map over the photo, and sheets of captioned pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from fakelocator_zoo.inference.localizer import Localization

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

#: The map value shown in full colour. What generators repaint differs from the photo by 0.04 on average and by 0.1 in
#: its strongest places. The scale is fixed and never fitted to an image, so that a clean photo stays clean.
FULL_COLOUR = 0.1
_OPACITY = 0.85
# Dark to bright at an even pace of lightness: readable in grey and by colour-blind people.
_HEAT = np.array(
    [(0, 0, 0), (38, 12, 84), (105, 22, 110), (172, 42, 92), (226, 84, 52), (250, 150, 36), (252, 244, 164)],
    np.float64,
)
#: Of 256 levels, (256, 3).
_COLOURS = np.stack([np.interp(np.linspace(0, 6, 256), np.arange(7), channel) for channel in _HEAT.T], axis=1)
_MARGIN = 8
_SMALLEST_WITH_SCALE = 160  # pixels of the shorter side
VERDICT_COLOURS = {
    "fake": (236, 72, 56),
    "unsure": (240, 190, 60),
    "real": (64, 180, 110),
    "not judged": (170, 170, 170),
}


def heat(values: np.ndarray, full_colour: float = FULL_COLOUR) -> np.ndarray:
    """A map (H, W) in [0, 1] as colours (H, W, 3) uint8: black at 0, light yellow from ``full_colour`` on."""
    return np.rint(_COLOURS).astype(np.uint8)[_levels(values, full_colour)]


def overlay(image: np.ndarray, fakeness_map: np.ndarray) -> np.ndarray:
    """The photo (H, W, 3) uint8 under its map (H, W): the higher the value, the less of the photo shows.

    Raises:
        ValueError: where photo and map differ in size.
    """
    if image.shape[:2] != fakeness_map.shape:
        raise ValueError(f"the photo is {image.shape[:2]} and the map {fakeness_map.shape}; they must have one size")
    levels = _levels(fakeness_map, FULL_COLOUR)
    opacity = np.arange(256) / 255 * _OPACITY
    # Of 8 bits, times 256: whole numbers and two tables take a third of the time of floating point.
    kept = np.rint(256 * (1 - opacity)).astype(np.uint16)
    colours = np.rint(_COLOURS * (256 - kept)[:, None] + 128).astype(np.uint16)
    mixed = np.take(colours, levels, axis=0)
    mixed += image * np.take(kept, levels)[..., None]
    return (mixed >> 8).astype(np.uint8)


def render(result: Localization) -> np.ndarray:
    """The overlay of a result with each face's box and verdict, and the scale of the map's colours, (H, W, 3) uint8."""
    picture = Image.fromarray(overlay(result.image, result.fakeness_map))
    draw = ImageDraw.Draw(picture)
    line = max(1, round(min(picture.size) / 300))
    size = max(11, round(min(picture.size) / 32))
    if result.whole_image:
        text = _caption("whole image: ", result.verdict, result.fake_probability)
        _label(draw, (0, 0), text, _fitting_font(text, picture.width, size))
    for face in result.faces:
        left, top, right, bottom = face.box
        draw.rectangle((left, top, right - 1, bottom - 1), outline=VERDICT_COLOURS[face.verdict], width=line)
        text = _caption("", face.verdict, face.fake_probability)
        _label(draw, (left + line, top + line), text, _fitting_font(text, right - left, size))
    if min(picture.size) >= _SMALLEST_WITH_SCALE:
        _draw_scale(picture, size)
    return np.asarray(picture)


def explanation(result: Localization) -> np.ndarray:
    """Why the overlay looks as it does, (H', W', 3) uint8: the photo, the maps that the fakeness map was made of, and
    the overlay, each titled. Attention is left out where the model has none.

    Attention and P(fake) reach full colour at 1, the other maps at :data:`FULL_COLOUR`.
    """
    pictures = {"photo": result.image}
    if result.attention is not None:
        title = "attention" if result.face_found is not False else "attention: no face, 1 everywhere"
        pictures[title] = heat(result.attention, 1.0)
    pictures["P(fake)"] = heat(result.p_fake, 1.0)
    pictures["magnitude"] = heat(result.magnitude)
    pictures["fakeness map"] = heat(result.fakeness_map)
    pictures["overlay"] = render(result)
    return side_by_side(list(pictures.values()), list(pictures))


def side_by_side(images: Sequence[np.ndarray], titles: Sequence[str], height: int = 384) -> np.ndarray:
    """Pictures (H, W, 3) uint8 in one row at one height, each under its title, (H', W', 3) uint8.

    Raises:
        ValueError: where there is no picture, or not one title for each.
    """
    if not images or len(images) != len(titles):
        raise ValueError(f"give one title for each picture, got {len(images)} pictures and {len(titles)} titles")
    shown = [_at_height(Image.fromarray(image), height) for image in images]
    caption = 36
    width = sum(picture.width for picture in shown) + _MARGIN * (len(shown) + 1)
    sheet = Image.new("RGB", (width, height + caption + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    left = _MARGIN
    for picture, title in zip(shown, titles, strict=True):
        sheet.paste(picture, (left, caption))
        font = _fitting_font(title, picture.width, 20)
        draw.text((left + picture.width / 2, caption / 2), title, fill="black", font=font, anchor="mm")
        left += picture.width + _MARGIN
    return np.asarray(sheet)


def _levels(values: np.ndarray, full_colour: float) -> np.ndarray:
    """0 to 255: which of the colours shows a value."""
    return np.rint(np.clip(values.astype(np.float32) * (255 / full_colour), 0, 255)).astype(np.uint8)


def _caption(start: str, verdict: str, fake_probability: float) -> str:
    return start + (verdict if verdict == "not judged" else f"{verdict}, P(fake) {fake_probability:.2f}")


def _label(draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, font: _Font) -> None:
    box = draw.textbbox(corner, text, font=font)
    draw.rectangle((corner[0], corner[1], box[2] + 3, box[3] + 3), fill=(0, 0, 0))
    draw.text(corner, text, fill="white", font=font)


def _draw_scale(picture: Image.Image, size: int) -> None:
    """The colours of the map with their values, in the lower left corner."""
    draw, font = ImageDraw.Draw(picture), _font(size)
    length = picture.width // 4
    low, high = "0", f"{FULL_COLOUR} or more"
    widths = [round(font.getlength(text)) for text in (low, high)]
    top = picture.height - 2 * size
    draw.rectangle((0, top, sum(widths) + length + 4 * size // 2, picture.height), fill=(0, 0, 0))
    draw.text((size // 2, top + size), low, fill="white", font=font, anchor="lm")
    ramp = heat(np.tile(np.linspace(0, FULL_COLOUR, length), (size, 1)))
    picture.paste(Image.fromarray(ramp), (widths[0] + size, top + size // 2))
    draw.text((widths[0] + length + 3 * size // 2, top + size), high, fill="white", font=font, anchor="lm")


def _at_height(picture: Image.Image, height: int) -> Image.Image:
    if picture.height == height:
        return picture
    # A picture far wider than high would make the sheet endless.
    width = min(max(1, round(picture.width * height / picture.height)), 4 * height)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


@lru_cache(maxsize=64)
def _font(size: float) -> _Font:
    return ImageFont.load_default(size=size)


def _fitting_font(text: str, width: int, size: int) -> _Font:
    while size > 9 and _font(size).getlength(text) > width:
        size -= 1
    return _font(size)
