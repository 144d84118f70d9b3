"""The demo: a real portrait, one part of its face repainted by a generator, and what a model finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from fakelocator_zoo.evaluation.metrics import centred_gaussian_map, constant_map, coss, high_pass_map, pixel_auc
from fakelocator_zoo.inference.faces import Box, detect_faces, find_faces
from fakelocator_zoo.inference.localizer import Localization, Localizer
from fakelocator_zoo.inference.render import heat, render, side_by_side
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

#: Ellipses of each part in units of the detector's window (brows to chin): centre x, y, radius x, y. They
#: need no face parser, and where a forgery starts and ends is free to choose.
PARTS: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "eyes": ((0.32, 0.40, 0.17, 0.11), (0.68, 0.40, 0.17, 0.11)),
    "nose": ((0.5, 0.57, 0.15, 0.20),),
    "mouth": ((0.5, 0.79, 0.23, 0.13),),
    "hair": ((0.5, -0.05, 0.45, 0.18),),
    "face": ((0.5, 0.53, 0.42, 0.52),),
}
_SOFT = 0.35  # share of an ellipse's radius over which it fades out
_GAIN = (1.08, 0.94, 0.92)  # the repainted part is a little redder


@dataclass(frozen=True, eq=False)
class DemoResult:
    """Everything the demo shows."""

    photo: np.ndarray  #: (H, W, 3) uint8, untouched
    manipulated: np.ndarray  #: (H, W, 3) uint8, one part repainted
    true_map: np.ndarray  #: (H, W) float32, |photo - manipulated|
    untouched: Localization  #: what the model says of ``photo``
    located: Localization  #: what the model says of ``manipulated``
    face: Box  #: the face's box in ``photo``
    scores: dict[str, tuple[float, float]]  #: COSS and pixel AUC of the located map and of the trivial ones
    face_scores: dict[str, tuple[float, float]]  #: the same inside the face's box alone


def demo_photo() -> np.ndarray:
    """scikit-image's astronaut, a public-domain portrait: (512, 512, 3) uint8."""
    from skimage import data

    return data.astronaut()


def part_mask(shape: tuple[int, ...], part: str, window: Box) -> np.ndarray:
    """Soft mask (H, W) float32 in [0, 1] of a face part in a photo of ``shape`` (H, W, ...).

    Args:
        shape: of the photo.
        part: one of :data:`PARTS`.
        window: the face as :func:`~fakelocator_zoo.inference.faces.detect_faces` gives it.

    Raises:
        ValueError: for an unknown part.
    """
    if part not in PARTS:
        raise ValueError(f"unknown part {part!r}; take one of {', '.join(PARTS)}")
    left, top, right, bottom = window
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = (x + 0.5 - left) / (right - left), (y + 0.5 - top) / (bottom - top)
    mask = np.zeros(shape[:2], np.float32)
    for centre_x, centre_y, radius_x, radius_y in PARTS[part]:
        radius = np.hypot((x - centre_x) / radius_x, (y - centre_y) / radius_y)
        mask = np.maximum(mask, np.clip((1 - radius) / _SOFT, 0, 1))
    return mask


def repaint(image: np.ndarray, part: str, generator: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Let a generator paint one part of the largest face anew, slightly recoloured, and blend it in softly.

    Args:
        image: photo (H, W, 3) uint8 with a face.
        part: one of :data:`PARTS`.
        generator: maps images (1, 3, h, w) in [0, 1] to images of that size.

    Returns:
        The manipulated photo (H, W, 3) uint8 and the soft mask (H, W) float32 of where it was painted.

    Raises:
        ValueError: where no face is found, or the part is unknown.
    """
    windows = detect_faces(image)
    if not windows:
        raise ValueError("no face was found to repaint; give a photo with an upright, frontal face")
    mask = part_mask(image.shape, part, windows[0])
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError(f"the part {part!r} of the face lies outside the photo; choose another one")
    # Some surroundings, so that no border of the generator shows inside the mask.
    top, bottom = max(0, rows[0] - 16), min(image.shape[0], rows[-1] + 17)
    left, right = max(0, columns[0] - 16), min(image.shape[1], columns[-1] + 17)
    content = image[top:bottom, left:right].astype(np.float32) / 255 * np.array(_GAIN, np.float32)
    batch = torch.from_numpy(np.clip(content, 0, 1)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        painted = generator(batch)[0].float().cpu().permute(1, 2, 0).numpy() * 255
    soft = mask[top:bottom, left:right, None]
    manipulated = image.copy()
    blended = image[top:bottom, left:right] * (1 - soft) + painted * soft
    manipulated[top:bottom, left:right] = np.rint(np.clip(blended, 0, 255))
    return manipulated, mask


def trivial_maps(image: np.ndarray) -> dict[str, np.ndarray]:
    """Maps (H, W) of an image (H, W, 3) uint8 that need no model; every located map must beat them."""
    height, width = image.shape[:2]
    return {
        "constant": constant_map(height, width),
        "centred Gaussian": centred_gaussian_map(height, width),
        "high-pass": high_pass_map(image),
    }


def score(
    fakeness: np.ndarray, manipulated: np.ndarray, true_map: np.ndarray, mask: np.ndarray, box: Box | None = None
) -> dict[str, tuple[float, float]]:
    """(COSS, pixel AUC) of a located map (H, W) and of the trivial maps, against |real - fake| and ``mask`` >= 0.5.

    Args:
        box: compare inside it alone, and centre the Gaussian there. In the whole photo a located map earns
            credit for finding the face, since outside of it every located map is 0 and right.
    """
    height, width = true_map.shape
    left, top, right, bottom = box or (0, 0, width, height)
    place = np.s_[top:bottom, left:right]
    maps = {"located": fakeness[place], **trivial_maps(manipulated[place])}
    painted = mask[place] >= 0.5
    return {name: (coss(values, true_map[place]), pixel_auc(values, painted)) for name, values in maps.items()}


def run_demo(localizer: Localizer, generator: nn.Module, part: str = "face") -> DemoResult:
    """Repaint a part of the demo photo, locate it, and score the map against the truth.

    Raises:
        ValueError: for an unknown part.
    """
    photo = demo_photo()
    manipulated, mask = repaint(photo, part, generator)
    true_map = fakeness_map(photo, manipulated)
    untouched, located = localizer(photo), localizer(manipulated)
    face = find_faces(photo)[0]
    scores = score(located.fakeness_map, manipulated, true_map, mask)
    face_scores = score(located.fakeness_map, manipulated, true_map, mask, face)
    return DemoResult(photo, manipulated, true_map, untouched, located, face, scores, face_scores)


def demo_sheet(result: DemoResult) -> np.ndarray:
    """One picture of the face: photo, manipulated photo, true map, located map, overlay, with captions."""
    pictures = demo_pictures(result)
    return side_by_side(list(pictures.values()), list(pictures))


def demo_pictures(result: DemoResult) -> dict[str, np.ndarray]:
    """The pictures of :func:`demo_sheet` by caption, in this order, (h, w, 3) uint8 each: the face and its margin."""
    before, after = result.untouched.fake_probability, result.located.fake_probability
    pictures = {
        f"photo (fake {before:.0%})": result.photo,
        f"manipulated (fake {after:.0%})": result.manipulated,
        "true map": heat(result.true_map),
        "located map": heat(result.located.fakeness_map),
        "overlay": render(result.located),
    }
    left, top, right, bottom = result.face
    margin = (right - left) // 6
    view = np.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    return {caption: picture[view] for caption, picture in pictures.items()}
