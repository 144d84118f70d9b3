"""The demo: a generator changes one part of a real portrait, and a model locates the change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score
from torch import nn

from fakelocator_zoo.inference.faces import Box, find_faces
from fakelocator_zoo.inference.localizer import Localization, Localizer
from fakelocator_zoo.inference.render import heat, render, side_by_side
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

#: Ellipses of each part in units of the detector's window, hairline to chin: centre x, y, radius x, y.
PART_ELLIPSES: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "eyes": ((0.27, 0.36, 0.21, 0.1), (0.74, 0.36, 0.21, 0.1)),
    "nose": ((0.5, 0.52, 0.18, 0.17),),
    "mouth": ((0.5, 0.74, 0.3, 0.13),),
    "hair": ((0.5, -0.04, 0.5, 0.15),),
    "face": ((0.5, 0.53, 0.48, 0.45),),
}
_SOFT = 0.35  # share of an ellipse's radius over which it fades out
_GAIN = (1.08, 0.94, 0.92)  # the fake part is slightly redder


@dataclass(frozen=True, eq=False)
class DemoResult:
    """Everything the demo shows."""

    photo: np.ndarray  #: (H, W, 3) uint8, untouched
    manipulated: np.ndarray  #: (H, W, 3) uint8, with one fake part
    true_map: np.ndarray  #: (H, W) float32, |photo - manipulated|
    untouched: Localization  #: the result for ``photo``
    located: Localization  #: the result for ``manipulated``
    face: Box  #: the face's box in ``photo``
    scores: dict[str, tuple[float, float]]  #: COSS and pixel AUC of the located map and of the trivial ones
    face_scores: dict[str, tuple[float, float]]  #: the same inside the face's box alone

    def as_dict(self) -> dict[str, Any]:
        """Decisions and scores, as JSON has them."""
        named = {"untouched": self.untouched, "manipulated": self.located}
        return {
            **{
                name: {"fake_probability": each.fake_probability, "verdict": each.verdict, "reason": each.reason}
                for name, each in named.items()
            },
            **{
                key: {name: {"coss": coss, "pixel_auc": auc} for name, (coss, auc) in scores.items()}
                for key, scores in (("scores", self.scores), ("face_scores", self.face_scores))
            },
        }


def demo_photo() -> np.ndarray:
    """scikit-image's astronaut, a public-domain portrait: (512, 512, 3) uint8."""
    from skimage import data

    return data.astronaut()


def part_mask(shape: tuple[int, ...], part: str, window: Box) -> np.ndarray:
    """Soft mask (H, W) float32 in [0, 1] of a face part in a photo of ``shape`` (H, W, ...).

    Args:
        shape: of the photo.
        part: one of :data:`PART_ELLIPSES`.
        window: the face, hairline to chin.

    Raises:
        ValueError: for an unknown part.
    """
    if part not in PART_ELLIPSES:
        raise ValueError(f"unknown part {part!r}; take one of {', '.join(PART_ELLIPSES)}")
    left, top, right, bottom = window
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = (x + 0.5 - left) / (right - left), (y + 0.5 - top) / (bottom - top)
    mask = np.zeros(shape[:2], np.float32)
    for centre_x, centre_y, radius_x, radius_y in PART_ELLIPSES[part]:
        radius = np.hypot((x - centre_x) / radius_x, (y - centre_y) / radius_y)
        mask = np.maximum(mask, np.clip((1 - radius) / _SOFT, 0, 1))
    return mask


def repaint(image: np.ndarray, part: str, generator: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Replace one part of the largest upright face by a generator's output, slightly recoloured and softly blended.

    Args:
        image: photo (H, W, 3) uint8 with a face.
        part: one of :data:`PART_ELLIPSES`.
        generator: maps images (1, 3, h, w) in [0, 1] to images of that size.

    Returns:
        The manipulated photo (H, W, 3) uint8 and the blending mask (H, W) float32.

    Raises:
        ValueError: where no face is found, or the part is unknown.
    """
    found = find_faces(image, turned=False)
    if not found:
        raise ValueError("no face was found to repaint; give a photo with an upright face")
    mask = part_mask(image.shape, part, found[0].window)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError(f"the part {part!r} of the face lies outside the photo; choose another one")
    # With a margin, so that border effects of the generator stay outside the mask.
    place = np.s_[max(0, rows[0] - 16) : rows[-1] + 17, max(0, columns[0] - 16) : columns[-1] + 17]
    content = image[place].astype(np.float32) / 255 * np.array(_GAIN, np.float32)
    batch = torch.from_numpy(np.clip(content, 0, 1)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        painted = generator(batch)[0].float().cpu().permute(1, 2, 0).numpy() * 255
    soft = mask[place][..., None]
    manipulated = image.copy()
    manipulated[place] = np.rint(np.clip(image[place] * (1 - soft) + painted * soft, 0, 255))
    return manipulated, mask


def score(
    located: np.ndarray, manipulated: np.ndarray, true_map: np.ndarray, mask: np.ndarray, box: Box | None = None
) -> dict[str, tuple[float, float]]:
    """(COSS, pixel AUC) of a located map (H, W) and of baseline maps, against |real - fake| and ``mask`` >= 0.5.

    Args:
        box: compare inside it only. In the whole photo finding the face alone raises the scores, since located maps
            are 0 outside it.
    """
    height, width = true_map.shape
    left, top, right, bottom = box or (0, 0, width, height)
    place = np.s_[top:bottom, left:right]
    y, x = np.mgrid[-1 : 1 : (bottom - top) * 1j, -1 : 1 : (right - left) * 1j]
    grey = manipulated[place].mean(axis=2)
    maps = {
        "located": located[place],
        "constant": np.ones_like(grey),
        "centred Gaussian": np.exp(-2 * (x * x + y * y)),
        "high-pass": np.abs(grey - gaussian_filter(grey, 2)),
    }
    truth, painted = true_map[place].ravel(), mask[place].ravel() >= 0.5
    return {
        name: (
            float(values.ravel() @ truth / max(np.linalg.norm(values) * np.linalg.norm(truth), 1e-12)),
            float(roc_auc_score(painted, values.ravel())),
        )
        for name, values in maps.items()
    }


def run_demo(localizer: Localizer, generator: nn.Module, part: str = "face") -> DemoResult:
    """Change a part of the demo photo, locate it, and score the map.

    Raises:
        ValueError: for an unknown part.
    """
    photo = demo_photo()
    manipulated, mask = repaint(photo, part, generator)
    true_map = fakeness_map(photo, manipulated)
    untouched, located = localizer([photo, manipulated])
    face = find_faces(photo)[0].box
    scores = score(located.fakeness_map, manipulated, true_map, mask)
    face_scores = score(located.fakeness_map, manipulated, true_map, mask, face)
    return DemoResult(photo, manipulated, true_map, untouched, located, face, scores, face_scores)


def demo_sheet(result: DemoResult) -> np.ndarray:
    """One picture of the face: photo, manipulated photo, true map, located map, overlay, with captions."""
    pictures = demo_pictures(result)
    return side_by_side(list(pictures.values()), list(pictures))


def demo_pictures(result: DemoResult) -> dict[str, np.ndarray]:
    """The pictures of :func:`demo_sheet` by caption, (h, w, 3) uint8 each: the face and a margin."""
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
