"""Intersection over union of a face parser: `python -m benchmarks.face_parser.evaluate --help`."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.face_parser.faces import LabelledFaces, read_celebamask
from fakelocator_zoo.face_parsing.parser import FaceParser, PartMapping
from fakelocator_zoo.face_parsing.parts import GROUPS, PARTS

CLASSES: dict[str, tuple[str, ...]] = {
    "background": ("background",),
    "skin": ("skin",),
    "nose": ("nose",),
    "eyes": GROUPS["eyes"],
    "brows": GROUPS["brows"],
    "ears": GROUPS["ears"],
    "lips": ("upper_lip", "lower_lip"),
    "inner_mouth": ("inner_mouth",),
    "hair": ("hair",),
    "neck": ("neck",),
    "cloth": ("cloth",),
}
"""The classes that the mean is taken over; left and right are one."""


@torch.no_grad()
def evaluate_face_parser(
    parser: PartMapping, faces: LabelledFaces, side: int = 256, batch_size: int = 10
) -> dict[str, Any]:
    """Intersection over union of each class over all pixels of all photos together, and their mean.

    Photos are reduced to `side`, probabilities of one class are summed and enlarged to the labels, the largest
    wins. Pixels labelled as a part outside the classes (glasses, hat, jewellery) count as errors of the class they
    are given. A class without a part in the parser counts as background, and has no IoU of its own.

    Args:
        faces: labels are indexes into `PARTS`.

    Returns:
        `iou` (class -> value), `mean_iou`, `photos`.
    """
    classes = {name: parts for name, parts in CLASSES.items() if set(parts) <= set(parser.parts)}
    names = list(classes)
    other = len(names)
    # which class each label, and each channel, belongs to
    truth_of = _class_index(PARTS, classes, other)
    missing = [i for i, part in enumerate(PARTS) if part not in parser.parts]
    truth_of[missing] = 0
    channel_of = _class_index(parser.parts, classes, other)
    table = torch.zeros((other + 1) ** 2, dtype=torch.long)
    for images, labels in zip(faces.images.split(batch_size), faces.labels.split(batch_size), strict=True):
        photos = images.float() / 255
        if photos.shape[-1] != side:
            photos = F.interpolate(photos, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        maps = parser(photos)
        merged = maps.new_zeros((len(maps), other + 1, *maps.shape[2:])).index_add(1, channel_of, maps)
        guess = F.interpolate(merged, size=labels.shape[-2:], mode="bilinear", align_corners=False).argmax(dim=1)
        table += torch.bincount((truth_of[labels.long()] * (other + 1) + guess).flatten(), minlength=len(table))
    matrix = table.view(other + 1, other + 1).double()
    union = matrix.sum(0) + matrix.sum(1) - matrix.diag()
    iou = {name: float(matrix[i, i] / union[i]) for i, name in enumerate(names) if union[i]}
    return {"iou": iou, "mean_iou": statistics.fmean(iou.values()), "photos": len(faces.images)}


def _class_index(parts: tuple[str, ...], classes: dict[str, tuple[str, ...]], other: int) -> Tensor:
    owner = {part: i for i, members in enumerate(classes.values()) for part in members}
    return torch.tensor([owner.get(part, other) for part in parts])


def main(arguments: list[str] | None = None) -> None:
    """The command: prints one JSON object."""
    cli = argparse.ArgumentParser(prog="python -m benchmarks.face_parser.evaluate", description=__doc__)
    cli.add_argument("--weights", default="face_parser.research", help="bundled name or folder")
    cli.add_argument("--images", type=Path, required=True, help="folder of photos")
    cli.add_argument("--masks", type=Path, required=True, help="folder of palette PNGs named like the photos")
    cli.add_argument("--last", type=int, default=100, help="photos at the end of the list to use (0: all)")
    given = cli.parse_args(arguments)
    parser = FaceParser.from_pretrained(given.weights).freeze()
    faces = read_celebamask(given.images, given.masks, side=512, last=given.last)
    sys.stdout.write(json.dumps(evaluate_face_parser(parser, faces), indent=2) + "\n")


if __name__ == "__main__":
    main()
