"""Face parts of a whole photo: each face is cropped, parsed and pasted back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from fakelocator_zoo.inference import faces as face_finder

_LONGEST = 512  # pixels to which probabilities are enlarged before the best part is taken; memory stays bounded


@dataclass(frozen=True, eq=False)
class ParsedPhoto:
    """The face parts of a photo of H x W pixels."""

    image: np.ndarray  #: (H, W, 3) uint8
    labels: np.ndarray  #: (H, W) uint8, index into ``parts``; background outside faces
    parts: tuple[str, ...]  #: the parser's part names
    faces: tuple[face_finder.Box, ...]  #: boxes that were parsed, largest first; empty where the whole image was
    face_found: bool  #: False where neither detector nor parser found a face

    @property
    def shares(self) -> dict[str, float]:
        """The share of the photo's pixels that each part has, in the order of ``parts``; they add up to 1."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.parts)) / self.labels.size
        return {part: float(share) for part, share in zip(self.parts, counts, strict=True)}


def parse_photo(face_parser: nn.Module, image: np.ndarray) -> ParsedPhoto:
    """Parse each face of a photo (H, W, 3) uint8, or the whole photo where no face is found.

    Args:
        face_parser: a :class:`FaceParser`, or what ``as_face_parser`` returns, whose parts include "background".

    Raises:
        ValueError: where it has no part "background".
    """
    parts: tuple[str, ...] = tuple(face_parser.parts)  # type: ignore[arg-type]
    if "background" not in parts:
        raise ValueError(f"this parser has no part 'background': it tells {', '.join(parts)} apart")
    background = parts.index("background")
    labels = np.full(image.shape[:2], background, np.uint8)
    parsed = []
    for face in face_finder.find_faces(image):
        left, top, right, bottom = face.box
        upright, face_found = _parse(face_parser, face.crop(image))
        if not face_found:
            continue
        found = np.rot90(upright, -face.turns)
        # A smaller face covers a larger one; its background does not.
        place = labels[top:bottom, left:right]
        np.copyto(place, found, where=found != background)
        parsed.append(face.box)
    if parsed:
        return ParsedPhoto(image, labels, parts, tuple(parsed), True)
    labels, face_found = _parse(face_parser, image)
    return ParsedPhoto(image, labels, parts, (), face_found)


@torch.inference_mode()
def _parse(face_parser: nn.Module, image: np.ndarray) -> tuple[np.ndarray, bool]:
    """The most likely part of each pixel (H, W) uint8, and whether there is a face."""
    device = next(face_parser.parameters(), torch.empty(0)).device
    # A copy: arrays that Pillow gives cannot be written, and torch warns of those.
    pixels = torch.tensor(np.ascontiguousarray(image), device=device).permute(2, 0, 1)[None].float() / 255
    probabilities = face_parser(pixels)
    height, width = image.shape[:2]
    scale = min(1.0, _LONGEST / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    enlarged = F.interpolate(probabilities, size=size, mode="bilinear", align_corners=False)
    labels = enlarged[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    if labels.shape != (height, width):
        labels = np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))
    return labels, bool(face_parser.has_face(probabilities)[0])  # type: ignore[operator]
