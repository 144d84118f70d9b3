"""The picture of a result in the page."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from fakelocator_zoo.app.picture import SHOWN_SIDE, layered
from fakelocator_zoo.inference.localizer import Face, Localization
from fakelocator_zoo.inference.render import FULL_COLOUR


def result_of(height: int, width: int, *faces: Face) -> Localization:
    """A grey photo, whose left half is fake in full colour."""
    fakeness = np.zeros((height, width), np.float32)
    fakeness[:, : width // 2] = FULL_COLOUR
    return Localization(
        np.full((height, width, 3), 99, np.uint8),
        fakeness,
        fakeness,
        fakeness,
        None,
        0.9,
        "fake",
        None,
        faces,
        not faces,
    )


def layer_of(html: str) -> Image.Image:
    """The heat map's picture in the HTML."""
    found = re.search(r'class="heat"[^>]*base64,([^"]*)"', html)
    assert found
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


def test_the_layer_hides_the_photo_where_the_map_is_high_and_nowhere_else() -> None:
    opacity = np.asarray(layer_of(layered(result_of(6, 8))))[..., 3]
    assert (opacity[:, :4] == 255).all()
    assert (opacity[:, 4:] == 0).all()


def test_each_face_has_a_box_where_it_lies_in_the_photo() -> None:
    faces = Face((10, 20, 40, 60), 0.9, "fake"), Face((50, 5, 70, 30), 0.5, "not judged", "too small")
    html = layered(result_of(100, 200, *faces))
    assert 'viewBox="0 0 200 100"' in html
    assert re.findall(r'x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', html) == [
        ("10", "20", "30", "40"),
        ("50", "5", "20", "25"),
    ]
    assert "face 2: not judged" in html


def test_a_large_photo_is_shown_smaller() -> None:
    assert layer_of(layered(result_of(50, 2 * SHOWN_SIDE))).size == (SHOWN_SIDE, 25)
