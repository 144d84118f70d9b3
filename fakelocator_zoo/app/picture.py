"""A result as HTML: the photo, its heat map as a layer of its own, and the boxes of the faces."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from fakelocator_zoo.inference.render import FULL_COLOUR, VERDICT_COLOURS, heat

if TYPE_CHECKING:
    from fakelocator_zoo.inference.localizer import Localization

#: Longer sides are shown at so many pixels; downloads keep all of them.
SHOWN_SIDE = 1280
#: The layer's opacity, in [0, 1], follows this variable of CSS, so that a slider needs no server.
OPACITY = "--heat-opacity"
INITIAL_OPACITY = 0.85

STYLE = f"""
.located {{ margin: 0; }}
.located .layers {{ position: relative; line-height: 0; }}
.located img {{ width: 100%; height: auto; }}
.located .heat, .located svg {{ position: absolute; inset: 0; width: 100%; height: 100%; }}
.located .heat {{ opacity: var({OPACITY}, {INITIAL_OPACITY}); }}
.located rect {{ fill: none; stroke-width: 2px; vector-effect: non-scaling-stroke; }}
.located figcaption {{ display: flex; gap: .5em; align-items: center; font-size: .9em; margin-top: .4em; }}
.located .scale {{ flex: 1; max-width: 12em; height: .8em; border: 1px solid var(--border-color-primary); }}
.maps .grid-container {{ grid-template: none / repeat(auto-fit, minmax(140px, 1fr)) !important; }}
"""


def shrink(image: np.ndarray, side: int = SHOWN_SIDE) -> np.ndarray:
    """An image (H, W, 3) uint8 whose longer side has at most ``side`` pixels."""
    if max(image.shape[:2]) <= side:
        return image
    small = Image.fromarray(image)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small)


def layered(result: Localization) -> str:
    """HTML of a result: nothing in it is loaded from elsewhere, and nothing in it is a name that a user gave."""
    height, width = result.image.shape[:2]
    strength = np.clip(result.fakeness_map / FULL_COLOUR, 0, 1)
    layer = np.dstack([heat(result.fakeness_map), np.rint(strength * 255).astype(np.uint8)])
    layer_image = Image.fromarray(layer)
    layer_image.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BILINEAR)
    boxes = "".join(
        f'<rect stroke="rgb{VERDICT_COLOURS[face.verdict]}" x="{left}" y="{top}" width="{right - left}" '
        f'height="{bottom - top}"><title>face {number}: {face.verdict}</title></rect>'
        for number, face in enumerate(result.faces, 1)
        for left, top, right, bottom in [face.box]
    )
    ramp = heat(np.tile(np.linspace(0, FULL_COLOUR, 128, dtype=np.float32), (4, 1)))
    return (
        '<figure class="located"><div class="layers">'
        f'<img class="photo" alt="the photo" src="{_data(Image.fromarray(shrink(result.image)), "JPEG")}">'
        f'<img class="heat" alt="its heat map" src="{_data(layer_image, "PNG")}">'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="boxes of the faces">{boxes}</svg></div>'
        f'<figcaption>0 <img class="scale" alt="dark to bright" src="{_data(Image.fromarray(ramp), "PNG")}"> '
        f"{FULL_COLOUR} or more: expected change of a pixel</figcaption></figure>"
    )


def _data(image: Image.Image, format: str) -> str:
    file = io.BytesIO()
    image.save(file, format, quality=90)
    return f"data:image/{format.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
