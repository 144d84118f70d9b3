"""The pictures of the documentation, made by the models of the package from its public-domain portrait.

``python docs/site/pictures.py FOLDER`` writes them; a build of the site makes them anew, so that they show what the
models of today give.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fakelocator_zoo import FaceParser, Generator, Localizer
from fakelocator_zoo.inference.demo import DemoResult, run_demo
from fakelocator_zoo.inference.parse import parse_photo
from fakelocator_zoo.inference.parse_render import parts_sheet
from fakelocator_zoo.inference.render import heat, overlay, side_by_side
from fakelocator_zoo.models.residual import neighbour_residual
from fakelocator_zoo.zoo.models import DEFAULT_MODEL


def pictures() -> dict[str, bytes]:
    """Name of each picture: its PNG file."""
    torch.set_num_threads(1)
    demo = run_demo(Localizer(DEFAULT_MODEL, device="cpu"), Generator.from_pretrained("generator_demo.open").eval())
    parser = FaceParser.from_pretrained("face_parser.research").freeze()
    made = {
        "label.png": label(demo),
        "trace.png": trace(demo),
        "maps.png": maps(demo),
        "parts.png": parts_sheet(parse_photo(parser, demo.photo)),
    }
    return {name: _png(picture) for name, picture in made.items()}


def label(demo: DemoResult) -> np.ndarray:
    """What a training pair teaches: the photo, the fake, and their difference."""
    images = [_face(demo, each) for each in (demo.photo, demo.manipulated, heat(demo.true_map))]
    return side_by_side(images, ["photo", "face repainted by a generator", "fakeness map |real - fake|"])


def trace(demo: DemoResult) -> np.ndarray:
    """What the encoder reads: the neighbouring-pixel residual of the photo and of the fake, enlarged."""
    shown, titles = [], []
    for name, image in (("photo", demo.photo), ("repainted", demo.manipulated)):
        detail = _detail(demo, image)
        pixels = torch.from_numpy(np.ascontiguousarray(detail)).permute(2, 0, 1)[None] / 255
        residual = neighbour_residual(pixels)[0].abs().mean(dim=0).numpy()
        shown += [_enlarged(detail), _enlarged(heat(residual))]
        titles += [f"{name}, {detail.shape[1]} x {detail.shape[0]} pixels", f"its residual, from 0 to {0.1:g}"]
    return side_by_side(shown, titles)


def maps(demo: DemoResult) -> np.ndarray:
    """What the model predicts of the repainted face."""
    found = demo.located
    shown = {
        "repainted": found.image,
        "P(fake)": heat(found.p_fake, 1.0),
        "magnitude": heat(found.magnitude),
        "fakeness map": heat(found.fakeness_map),
        "overlay": overlay(found.image, found.fakeness_map),
    }
    return side_by_side([_face(demo, each) for each in shown.values()], list(shown), height=300)


def _face(demo: DemoResult, image: np.ndarray) -> np.ndarray:
    left, top, right, bottom = demo.face
    return image[top:bottom, left:right]


def _detail(demo: DemoResult, image: np.ndarray, side: int = 48) -> np.ndarray:
    left, top, right, bottom = demo.face
    x, y = (left + right) // 2 // 2 * 2, (top + bottom) // 2 // 2 * 2
    return image[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2]


def _enlarged(image: np.ndarray, factor: int = 8) -> np.ndarray:
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def _png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pictures().items():
        (folder / name).write_bytes(content)
