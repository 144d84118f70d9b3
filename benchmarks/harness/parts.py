"""Faces whose parts are labelled, and fakes of one part: what the table `cross-attribute` trains and tests on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.face_parser.faces import LabelledFaces, read_celebamask
from fakelocator_zoo.face_parsing.parser import PartMapping
from fakelocator_zoo.face_parsing.parts import GROUPS, PARTS
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.transforms.regions import soften

#: Groups of face parts that are manipulated, one at a time.
MANIPULATED = ("hair", "mouth", "eyes", "nose", "skin")
#: A face shows a part on at least this share of its pixels; bald heads have no hair to repaint.
_LEAST_SHARE = 0.002
_BATCH = 32


class PartFaces(NamedTuple):
    """N photos, which pixels belong to each of :data:`MANIPULATED`, and where the face parser sees them."""

    images: Tensor  #: (N, 3, S, S) uint8
    masks: Tensor  #: (N, 5, S, S) bool, from the labels
    attention: Tensor  #: (N, 5, h, w) uint8, 255 is certain; from the frozen face parser


class PartFakes(NamedTuple):
    """N fakes in which one part was repainted."""

    images: Tensor  #: (N, 3, S, S) uint8
    mask: Tensor  #: (N, 1, S, S) uint8, 255 where all of a pixel was painted
    faces: Tensor  #: (N,) int64, which face each was made of


def labelled_faces(folder: Path) -> tuple[Path, Path]:
    """The first folders ``images`` and ``masks`` (CelebAMask-HQ's labels) that stand side by side below ``folder``.

    Raises:
        FileNotFoundError: where there are none.
    """
    for images in sorted(folder.rglob("images")):
        if images.is_dir() and (images.parent / "masks").is_dir():
            return images, images.parent / "masks"
    raise FileNotFoundError(f"{folder} has no folders images/ and masks/ side by side, with face parts as labels")


def read_part_faces(
    images: Path, masks: Path, face_parser: PartMapping, size: int, held_out: int
) -> tuple[PartFaces, PartFaces]:
    """Faces to train on, and the last ``held_out`` by file name to test on; all reduced to ``size`` x ``size``.

    Raises:
        ValueError: where no face is left to train on, or labels are none.
    """
    faces = read_celebamask(images, masks, size)
    if len(faces.names) <= held_out:
        raise ValueError(f"{images} holds {len(faces.names)} photos, of which {held_out} are tested on; add more")
    return _part_faces(faces, slice(-held_out), face_parser), _part_faces(faces, slice(-held_out, None), face_parser)


def part_masks(labels: Tensor) -> Tensor:
    """Labels (N, H, W), indices of the 19 CelebAMask-HQ parts -> (N, 5, H, W) bool, one for each of MANIPULATED."""
    return torch.stack(
        [torch.isin(labels, torch.tensor([PARTS.index(part) for part in GROUPS[name]])) for name in MANIPULATED], dim=1
    )


@torch.no_grad()
def attention_maps(face_parser: PartMapping, images: Tensor) -> Tensor:
    """Images (N, 3, H, W) uint8 -> (N, 5, h, w) uint8, where the parser sees each of MANIPULATED.

    As in a model an image without a face gets 1 everywhere.

    Raises:
        ValueError: where the parser does not tell one of them.
    """
    maps = []
    for batch in images.split(_BATCH):
        probabilities = face_parser(batch.float() / 255)
        parts = torch.cat([face_parser.gather(probabilities, part) for part in MANIPULATED], dim=1)
        found = face_parser.has_face(probabilities).view(-1, 1, 1, 1)
        maps.append(torch.where(found, parts, torch.ones_like(parts)))
    return (torch.cat(maps) * 255).round().to(torch.uint8)


def chosen_attention(maps: Tensor, parts: Sequence[str]) -> Tensor:
    """Maps (N, 5, h, w) uint8 of each of MANIPULATED -> the sum of the chosen ones, (N, 1, h, w) in [0, 1]."""
    index = [MANIPULATED.index(part) for part in parts]
    return (maps[:, index].float().sum(dim=1, keepdim=True) / 255).clamp(0, 1)


def faces_with_part(faces: PartFaces, part: str) -> Tensor:
    """Indices (M,) of the faces that show enough of ``part``."""
    share = faces.masks[:, MANIPULATED.index(part)].float().mean(dim=(1, 2))
    return (share >= _LEAST_SHARE).nonzero().flatten()


def paint_part(faces: PartFaces, part: str, generators: Sequence[Generator], seed: int) -> PartFakes:
    """Let generators repaint ``part`` of every face that shows it, a little beyond its outline and softly blended.

    Neither another face's content nor a change added to the photo: the part is the photo's own, seen by a decoder,
    in other colours at times.
    """
    random = torch.Generator().manual_seed(seed)
    chosen = faces_with_part(faces, part)
    images, masks = [], []
    for batch in chosen.split(_BATCH):
        mask = faces.masks[batch][:, [MANIPULATED.index(part)]].float()
        mask = soften(F.max_pool2d(mask, 5, stride=1, padding=2), 1.0)
        made = make_fakes(
            faces.images[batch].float() / 255,
            generators,
            masks=mask,
            groups=_BATCH // 2,
            other_content=0.0,
            residual=0.0,
            random=random,
        )
        images.append((made.fake * 255).round().to(torch.uint8))
        masks.append((made.mask * 255).round().to(torch.uint8))
    if not images:
        raise ValueError(f"no face shows enough {part} to repaint")
    return PartFakes(torch.cat(images), torch.cat(masks), chosen)


def _part_faces(faces: LabelledFaces, rows: slice, face_parser: PartMapping) -> PartFaces:
    images = faces.images[rows]
    return PartFaces(images, part_masks(faces.labels[rows]), attention_maps(face_parser, images))
