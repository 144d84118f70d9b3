"""What a model misses, for its card: the demo's repainted portrait after common processing, and the located maps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from fakelocator_zoo.evaluation.card_picture import append_picture
from fakelocator_zoo.inference.demo import demo_photo, repaint
from fakelocator_zoo.inference.faces import find_faces
from fakelocator_zoo.inference.localizer import Localizer
from fakelocator_zoo.inference.render import heat, side_by_side
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.transforms.degradations import blur, downscale, jpeg
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

PICTURE = "portrait.png"
PROCESSINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda image: image,
    "JPEG 90": lambda image: jpeg(image, 90),
    "JPEG 75": lambda image: jpeg(image, 75),
    "half size": lambda image: downscale(image, 0.5),
    "blurred": lambda image: blur(image, 1.0),
}
TEXT = (
    "The demo's portrait with a face that its generator repainted. Above is what the model is shown, below the map\n"
    "that it locates, with the fake probability of this portrait and of the untouched one after the same processing.\n"
    "Where the map is dark, or both probabilities are alike, the model misses the change."
)


def portrait_sheet(model: FakeLocator, generator: nn.Module, height: int = 192) -> np.ndarray:
    """The true map, then the repainted portrait and its located map after each of :data:`PROCESSINGS`.

    Args:
        model: in eval mode.
        generator: repaints the face; maps images (1, 3, h, w) in [0, 1] to images of that size.
        height: of a face in the picture (H, W, 3) uint8, in pixels.
    """
    photo = demo_photo()
    fake, _ = repaint(photo, "face", generator)
    left, top, right, bottom = find_faces(photo)[0].box
    localizer = Localizer(model, device=model.image_mean.device)
    pictures, maps = [fake], [heat(fakeness_map(photo, fake))]
    captions = ["true map"]
    for process in PROCESSINGS.values():
        image = process(fake)
        untouched, located = localizer([process(photo), image])
        pictures.append(_enlarged(image, photo.shape))
        maps.append(_enlarged(heat(located.fakeness_map), photo.shape))
        captions.append(f"fake {located.fake_probability:.0%}, untouched {untouched.fake_probability:.0%}")
    face = np.s_[top:bottom, left:right]
    rows = (pictures, ["repainted", *PROCESSINGS]), (maps, captions)
    return np.concatenate([side_by_side([each[face] for each in row], titles, height) for row, titles in rows])


def add_portrait(folder: Path, model: FakeLocator, generator: nn.Module) -> None:
    """Write portrait.png into a model folder and a section with it at the end of its card."""
    sheet = portrait_sheet(model, generator)
    append_picture(folder, PICTURE, sheet, "What it misses", TEXT, "The repainted portrait after processing")


def _enlarged(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The picture (h, w, 3) uint8 at the size of ``shape`` (H, W, ...), its pixels repeated."""
    return np.asarray(Image.fromarray(image).resize((shape[1], shape[0]), Image.Resampling.NEAREST))
