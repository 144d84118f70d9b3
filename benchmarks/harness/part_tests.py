"""Fakes that the table `cross-attribute` tests on, made of parts here or edited elsewhere, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks.harness.part_fakes import MANIPULATED, PartFaces, attention_maps, paint_part
from fakelocator_zoo.evaluation.evaluate import MAP_THRESHOLD
from fakelocator_zoo.evaluation.metrics import coss
from fakelocator_zoo.face_parsing.parser import PartMapping
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.images import list_images, read_image
from fakelocator_zoo.models.attention import AttentionMode, map_weight
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.models.heads import painted_if_fake
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

#: Where the edits of AttGAN's attributes are looked for; others change the whole face.
ATTRIBUTE_PARTS: Mapping[str, tuple[str, ...]] = {
    "Bald": ("hair",),
    "Bangs": ("hair",),
    "Black_Hair": ("hair",),
    "Blond_Hair": ("hair",),
    "Brown_Hair": ("hair",),
    "Bushy_Eyebrows": ("eyes", "skin"),
    "Eyeglasses": ("eyes",),
    "Mouth_Slightly_Open": ("mouth",),
    "Mustache": ("mouth", "skin"),
    "No_Beard": ("mouth", "skin"),
    "Pale_Skin": ("skin",),
}
#: Mean over the images of a test set: image AUC of fakes against their own photos, pixel AUC in the whole image,
#: pixel AUC among the pixels of the five parts alone, and COSS.
FIGURES = ("image_auc", "pixel_auc", "pixel_auc_parts", "coss")
MAP_FIGURES = FIGURES[1:]
_BATCH = 32


class PartTest(NamedTuple):
    """N fakes, each beside its photo."""

    name: str
    parts: tuple[str, ...]  #: of MANIPULATED, those that whoever asks suspects
    real: Tensor  #: (N, 3, H, W) uint8
    fake: Tensor  #: (N, 3, H, W) uint8
    real_attention: Tensor  #: (N, 5, h, w) uint8, from the photos
    fake_attention: Tensor  #: (N, 5, h, w) uint8, from the fakes
    painted: Tensor  #: (N, H, W) bool
    parts_mask: Tensor | None  #: (N, H, W) bool, pixels of the five parts; None where they are not labelled
    people: Tensor  #: (N,) int64, whose photo each is; the same number in every test made of the same photos


def part_test(faces: PartFaces, part: str, generators: Sequence[Generator], face_parser: PartMapping) -> PartTest:
    """Fakes of ``part``; the same ones in every run."""
    fakes = paint_part(faces, part, generators, seed=1_000)
    painted = fakes.mask[:, 0] >= 128
    return PartTest(
        part,
        (part,),
        faces.images[fakes.faces],
        fakes.images,
        faces.attention[fakes.faces],
        attention_maps(face_parser, fakes.images),
        painted,
        faces.masks[fakes.faces].any(dim=1) | painted,
        fakes.faces,
    )


def edit_tests(folder: Path, face_parser: PartMapping) -> list[PartTest]:
    """Edits made elsewhere: ``<generator>/real/<person>`` and ``<generator>/fake/<person>_<attribute>``, one size each.

    Raises:
        FileNotFoundError: where an edit has no photo.
        ValueError: where images of one attribute differ in size.
    """
    tests = []
    for fake in sorted(path for path in folder.glob("*/fake") if path.is_dir()):
        photos = {path.stem: path for path in list_images([fake.parent / "real"])}
        people = {person: number for number, person in enumerate(photos)}
        edits: dict[str, list[tuple[Path, Path]]] = {}
        for path in list_images([fake]):
            person, _, attribute = path.stem.partition("_")
            if person not in photos:
                raise FileNotFoundError(f"{path} is an edit of {person}, whose photo is not in {fake.parent / 'real'}")
            edits.setdefault(attribute, []).append((photos[person], path))
        for attribute, pairs in edits.items():
            real, edited = (_read([pair[side] for pair in pairs]) for side in (0, 1))
            if real.shape != edited.shape:
                raise ValueError(f"{fake}: edits of {attribute} and their photos differ in size; they must have one")
            tests.append(
                PartTest(
                    f"{fake.parent.name}: {attribute}",
                    ATTRIBUTE_PARTS.get(attribute, MANIPULATED),
                    real,
                    edited,
                    attention_maps(face_parser, real),
                    attention_maps(face_parser, edited),
                    fakeness_map(real, edited)[:, 0] >= MAP_THRESHOLD,
                    None,
                    torch.tensor([people[photo.stem] for photo, _ in pairs]),
                )
            )
    return tests


def chosen_attention(maps: Tensor, parts: Sequence[str]) -> Tensor:
    """Maps (N, 5, h, w) uint8 of each of MANIPULATED -> the sum of the chosen ones, (N, 1, h, w) in [0, 1]."""
    index = [MANIPULATED.index(part) for part in parts]
    return (maps[:, index].float().sum(dim=1, keepdim=True) / 255).clamp(0, 1)


class Scored(NamedTuple):
    """What a model says of a test set."""

    maps: Tensor  #: (N, H, W) in [0, 1], of the fakes
    fake_scores: np.ndarray  #: (N,) fake probability
    real_scores: np.ndarray  #: (N,) fake probability of their photos
    texture_maps: Tensor | None = None  #: (N, H, W) in [0, 1], P(painted) in the fakes; None without a texture stem


@torch.inference_mode()
def run(model: FakeLocator, test: PartTest, parts: Sequence[str] | None, *, off: bool = False) -> Scored:
    """Fakes and photos through ``model``.

    Args:
        parts: each image gets attention to these of its own; None leaves it to the model, which has its own parser
            or none.
        off: attention is 1 everywhere instead, as where no face is found.
    """
    maps, scores, painted = [], [], []
    for images, attention in ((test.fake, test.fake_attention), (test.real, test.real_attention)):
        given = None if parts is None else chosen_attention(attention, parts)
        if off:
            given = torch.ones(len(images), 1, 1, 1)
        for start in range(0, len(images), _BATCH):
            batch = slice(start, start + _BATCH)
            pixels = (images[batch].float() / 255).contiguous(memory_format=torch.channels_last)
            output = model(pixels, None if given is None else given[batch])
            maps.append(output.fakeness_map[:, 0])
            scores.append(output.logits.softmax(dim=1)[:, 1])
            if output.texture_map is not None:
                painted.append(output.texture_map[:, 0])
    count = len(test.fake)
    said = torch.cat(scores).numpy()
    texture_maps = torch.cat(painted)[:count] if painted else None
    return Scored(torch.cat(maps)[:count], said[:count], said[count:], texture_maps)


def image_auc(scored: Scored) -> float:
    """Of the decisions on the fakes against those on their own photos."""
    decided = np.concatenate([scored.real_scores, scored.fake_scores])
    return float(roc_auc_score(np.repeat([0, 1], len(scored.fake_scores)), decided))


def map_figures(scored: Scored, test: PartTest) -> dict[str, np.ndarray]:
    """Those of :data:`FIGURES` that are of one map: a value an image (N,), NaN where it defines none."""
    true = fakeness_map(test.real, test.fake)[:, 0].numpy()
    count = len(test.fake)
    values = {name: np.full(count, np.nan) for name in MAP_FIGURES}
    for number, (predicted, painted) in enumerate(zip(scored.maps.numpy(), test.painted.numpy(), strict=True)):
        values["coss"][number] = coss(predicted, true[number])
        values["pixel_auc"][number] = rank_auc(predicted.ravel(), painted.ravel())
        if test.parts_mask is not None:
            inside = test.parts_mask[number].numpy()
            values["pixel_auc_parts"][number] = rank_auc(predicted[inside], painted[inside])
    return values


def figures(scored: Scored, test: PartTest) -> dict[str, float | None]:
    """The :data:`FIGURES`; None where no image defines one."""
    values = map_figures(scored, test)
    means = {name: float(np.nanmean(each)) if np.isfinite(each).any() else None for name, each in values.items()}
    return {"image_auc": image_auc(scored), **means}


def rank_auc(predicted: np.ndarray, painted: np.ndarray) -> float:
    """Pixel AUC of values (P,) and their truth (P,) bool, by ranks; NaN where all or none of it is painted.

    It is that of ``fakelocator_zoo.evaluation.metrics`` without scikit-learn's checks: this table takes tens of thousands.
    """
    inside = int(painted.sum())
    outside = painted.size - inside
    if not inside or not outside:
        return float("nan")
    ranks = float(rankdata(predicted)[painted].sum())
    return (ranks - inside * (inside + 1) / 2) / (inside * outside)


def times_attention(scored: Scored, test: PartTest, parts: Sequence[str], mode: AttentionMode = "multiply") -> Scored:
    """The same maps weighed by the attention to ``parts``, as ``fakelocator_zoo.models.attention.map_weight`` does.

    That is what attention is worth after the network, and all that it is beside a texture stem whose encoder is
    not attended, but for the decision, a factor of a whole map.
    """
    painted = None if scored.texture_maps is None else painted_if_fake(scored.texture_maps[:, None])[:, 0]
    return scored._replace(maps=scored.maps * map_weight(_full_size(test, parts), mode, painted))


def attention_alone(test: PartTest, parts: Sequence[str]) -> Scored:
    """The attention to ``parts`` in place of a map, and no decision."""
    undecided = np.full(len(test.fake), 0.5)
    return Scored(_full_size(test, parts), undecided, undecided)


def _full_size(test: PartTest, parts: Sequence[str]) -> Tensor:
    attention = chosen_attention(test.fake_attention, parts)
    return F.interpolate(attention, size=test.fake.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def _read(paths: Sequence[Path]) -> Tensor:
    images = [read_image(path) for path in paths]
    if len({image.shape for image in images}) > 1:
        raise ValueError(f"{paths[0].parent} holds images of several sizes; edits must have one size")
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
