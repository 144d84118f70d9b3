"""The Localizer: a fakeness map of a photo, and a probability and a verdict for each face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, overload

import numpy as np
import torch
from torch import nn

from fakelocator_zoo.images import ImageError, write_image
from fakelocator_zoo.inference import quality
from fakelocator_zoo.inference.faces import Box
from fakelocator_zoo.inference.prepare import Prepared, Source, prepare
from fakelocator_zoo.inference.tiles import predict

if TYPE_CHECKING:
    from fakelocator_zoo.inference.runtimes import Runtime

Verdict = Literal["fake", "real", "unsure", "not judged"]
_MAPS = ("fakeness_map", "p_fake", "magnitude", "attention")
#: Pixels of a batch on a CPU: 8 images of 512 px at once leave the cache, and take a fifth longer than one by one.
_CPU_PIXELS = 512 * 512


@dataclass(frozen=True)
class Face:
    """One face of a photo."""

    box: Box  #: left, top, right, bottom in pixels of the photo; right and bottom are exclusive
    fake_probability: float  #: in [0, 1]
    verdict: Verdict
    reason: str | None = None  #: why it was not judged


@dataclass(frozen=True, eq=False)
class Localization:
    """The result for one photo of H x W pixels. Maps are 0 outside faces."""

    image: np.ndarray  #: the photo, (H, W, 3) uint8 RGB, upright
    fakeness_map: np.ndarray  #: (H, W) float32 in [0, 1], the expected |real - fake|: ``p_fake * magnitude``
    p_fake: np.ndarray  #: (H, W) float32 in [0, 1], the probability that a pixel is fake
    magnitude: np.ndarray  #: (H, W) float32 in [0, 1], the expected |real - fake| of a fake pixel
    attention: np.ndarray | None  #: (H, W) float32 in [0, 1] where the model attends to face parts, or None
    fake_probability: float  #: in [0, 1], the highest of the faces that were judged, or that of the whole image
    verdict: Verdict  #: the worst of the faces that were judged
    reason: str | None  #: why it was not judged, or that no face was found
    faces: tuple[Face, ...]  #: largest first; empty where the whole image was scored
    whole_image: bool  #: whether the whole photo was scored, since no face was found or searched
    #: Whether the face parser found a face in every region that was scored; None without a parser. Where it found none,
    #: attention is 1.
    face_found: bool | None = None
    name: str = "image"  #: path or address of the photo

    def save(self, path: str | Path) -> None:
        """Write the photo with its heat map and face boxes.

        Raises:
            ImageError: where the file cannot be written.
        """
        from fakelocator_zoo.inference.render import render

        write_image(path, render(self))


class _Region(NamedTuple):
    photo: int  # index of its photo
    box: Box
    turns: int  # np.rot90, to make it upright
    face_size: int  # pixels


class _Scored(NamedTuple):
    maps: dict[str, np.ndarray]  # (h, w) each, as the region lies in its photo
    fake_probability: float
    face_found: bool | None


class Localizer:
    """Finds faces, scores each upright at its native resolution, and pastes the maps back into the photo.

    Args:
        model: a :class:`~fakelocator_zoo.FakeLocator` of any floating dtype, what its ``from_pretrained`` takes, or an
            exported file (``.onnx``, ``.xml``). It is put into eval mode and moved to ``device``. A copy of it runs:
            make another Localizer after training it further.
        device: where to run; None takes CUDA if there is one, else the CPU.
        find_faces: False scores the whole image always.
        tile: larger faces and photos go through in overlapping tiles of this side.
        overlap: of the tiles, in pixels.
        batch_size: faces, or photos without one, of one size that go through at once; on a CPU no more than fill
            512 x 512 pixels.
        runtime: of a model that is loaded here, as in :func:`~fakelocator_zoo.inference.runtimes.load_model`.

    Several threads may share a Localizer.

    Raises:
        ValueError: for a batch size below 1, or an unknown runtime.
    """

    def __init__(
        self,
        model: nn.Module | str | Path,
        *,
        device: str | torch.device | None = None,
        find_faces: bool = True,
        tile: int = 768,
        overlap: int = 64,
        batch_size: int = 8,
        runtime: Runtime = "auto",
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, got {batch_size}")
        if not isinstance(model, nn.Module):
            from fakelocator_zoo.inference.runtimes import load_model

            model = load_model(model, runtime)
        elif runtime not in ("auto", "torch"):
            raise ValueError(f"unknown runtime {runtime!r} of a model in memory; give 'torch', or an exported file")
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = model.to(self.device).eval()
        self._network = _fast(self.model)
        self.find_faces, self.tile, self.overlap = find_faces, tile, overlap
        self.batch_size = batch_size

    @overload
    def __call__(self, source: list[Source] | tuple[Source, ...]) -> list[Localization]: ...
    @overload
    def __call__(self, source: Source) -> Localization: ...
    def __call__(self, source: Source | list[Source] | tuple[Source, ...]) -> Localization | list[Localization]:
        """Locate manipulations in one photo, or in each of a list.

        Args:
            source: a path, an http(s) address, the bytes of an image file, a binary file, a PIL image, an array (H, W),
                (H, W, 3) or (H, W, 4), or a float tensor (3, H, W) in [0, 1] (rounded to 8 bits, as a saved photo is);
                or a list or tuple of these.

        Raises:
            ImageError: where a photo cannot be read. :meth:`stream` goes on with the rest.
        """
        if not isinstance(source, list | tuple):
            return self.locate_prepared([prepare(source, self.find_faces)])[0]
        results = []
        for result in self.stream(source):
            if isinstance(result, ImageError):
                raise result
            results.append(result)
        return results

    def stream(self, sources: Iterable[Source]) -> Iterator[Localization | ImageError]:
        """The result of each photo in order, or its error; few photos are in memory at a time."""
        remaining = iter(sources)
        while batch := list(islice(remaining, 2 * self.batch_size)):
            read = [_try_prepare(source, self.find_faces) for source in batch]
            located = iter(self.locate_prepared([each for each in read if isinstance(each, Prepared)]))
            yield from (each if isinstance(each, ImageError) else next(located) for each in read)

    def locate_prepared(self, photos: Sequence[Prepared]) -> list[Localization]:
        """Results of photos of :func:`~fakelocator_zoo.inference.prepare.prepare`; faces of one size share a batch."""
        regions = [region for index, photo in enumerate(photos) for region in _regions(index, photo)]
        groups: dict[tuple[int, ...], list[int]] = {}
        crops = [np.rot90(_crop(photos[each.photo].image, each.box), each.turns) for each in regions]
        for index, crop in enumerate(crops):
            groups.setdefault(crop.shape, []).append(index)
        scored: dict[int, _Scored] = {}
        for shape, members in groups.items():
            count = self._batch_of(shape)
            for start in range(0, len(members), count):
                chosen = members[start : start + count]
                scored |= zip(
                    chosen, self._score([crops[i] for i in chosen], [regions[i] for i in chosen]), strict=True
                )
        return [
            self._paste(photo, [(regions[i], scored[i]) for i in range(len(regions)) if regions[i].photo == index])
            for index, photo in enumerate(photos)
        ]

    def _batch_of(self, shape: tuple[int, ...]) -> int:
        """How many crops of one shape go through at once."""
        if max(shape[:2]) > self.tile:
            return 1  # what needs tiles
        if self.device.type != "cpu":
            return self.batch_size
        return max(1, min(self.batch_size, _CPU_PIXELS // (shape[0] * shape[1])))

    def _score(self, crops: Sequence[np.ndarray], regions: Sequence[_Region]) -> list[_Scored]:
        images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        found = predict(self._network, images, self.tile, self.overlap)
        given = {name: values.numpy() for name in _MAPS if (values := getattr(found, name)) is not None}
        return [
            _Scored(
                {name: np.rot90(values[index], -region.turns) for name, values in given.items()},
                float(found.fake_probability[index]),
                None if found.face_found is None else bool(found.face_found[index]),
            )
            for index, region in enumerate(regions)
        ]

    def _paste(self, photo: Prepared, scored: Sequence[tuple[_Region, _Scored]]) -> Localization:
        """Where faces overlap, the higher fakeness map is kept."""
        maps = scored[0][1].maps
        if photo.faces:
            maps = {name: np.zeros(photo.image.shape[:2], np.float32) for name in maps}
        for region, each in scored if photo.faces else ():
            place = {name: _crop(values, region.box) for name, values in maps.items()}
            higher = each.maps["fakeness_map"] >= place["fakeness_map"]
            for name, values in each.maps.items():
                np.copyto(place[name], values, where=higher)
        limits = quality.limits_of(self.model)
        poor = quality.poor_compression(photo.image, limits)
        judged = []
        for region, each in scored:
            reason = poor or quality.poor_region(_crop(photo.image, region.box), region.face_size, limits)
            verdict = "not judged" if reason else self._verdict(each.fake_probability, limits["unsure"])
            judged.append(Face(region.box, each.fake_probability, verdict, reason))
        worst = max(judged, key=lambda face: (_ORDER.index(face.verdict), face.fake_probability))
        reason = worst.reason
        if photo.faces == () and reason is None:
            reason = "no face found: the whole image was scored"
        parsed = [each.face_found for _, each in scored]
        return Localization(
            image=photo.image,
            fakeness_map=maps["fakeness_map"],
            p_fake=maps["p_fake"],
            magnitude=maps["magnitude"],
            attention=maps.get("attention"),
            fake_probability=worst.fake_probability,
            verdict=worst.verdict,
            reason=reason,
            faces=tuple(judged) if photo.faces else (),
            whole_image=not photo.faces,
            face_found=None if None in parsed else all(parsed),
            name=photo.name,
        )

    def _verdict(self, fake_probability: float, unsure: float) -> Verdict:
        threshold = float(getattr(self.model, "threshold", 0.5))
        if fake_probability >= threshold:
            return "fake"
        return "unsure" if fake_probability >= threshold - unsure else "real"


def _fast(model: nn.Module) -> nn.Module:
    """What runs in place of the model: on a CPU in .7 to .8 of its time, with outputs that differ by rounding alone."""
    from fakelocator_zoo.inference.fusion import folded
    from fakelocator_zoo.inference.runtimes import ExportedModel
    from fakelocator_zoo.models.fakelocator import FakeLocator

    if not isinstance(model, FakeLocator) or isinstance(model, ExportedModel):
        return model
    if next(model.parameters()).dtype != torch.float32:
        return model
    return folded(model).to(memory_format=torch.channels_last)


_ORDER = ("not judged", "real", "unsure", "fake")


def _regions(index: int, photo: Prepared) -> list[_Region]:
    """The faces of a photo, or all of it."""
    height, width = photo.image.shape[:2]
    if not photo.faces:
        return [_Region(index, (0, 0, width, height), 0, min(height, width))]
    return [_Region(index, face.box, face.turns, face.size) for face in photo.faces]


def _crop(values: np.ndarray, box: Box) -> np.ndarray:
    left, top, right, bottom = box
    return values[top:bottom, left:right]


def _try_prepare(source: Source, find_faces: bool) -> Prepared | ImageError:
    try:
        return prepare(source, find_faces)
    except ImageError as error:
        return error
