"""False alarms: real photos by source and size, and regions changed without any generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import median_filter

from benchmarks.harness.contenders import Contender, models
from benchmarks.harness.evaluations import UNDEFINED, evaluate_sets, shown
from benchmarks.harness.options import Options
from benchmarks.harness.table import Row, Skipped, Table
from fakelocator_zoo.data.photos import reduced
from fakelocator_zoo.evaluation.results import Evaluation
from fakelocator_zoo.evaluation.samples import (
    EvaluationSet,
    FakeFiles,
    Fakes,
    LabelledFake,
    Photos,
    read_paired,
    read_photos,
)
from fakelocator_zoo.evaluation.statistics import proportion_interval
from fakelocator_zoo.images import list_images, read_image
from fakelocator_zoo.transforms.degradations import Degradation, blur, downscale, jpeg, noise
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

#: Longest sides in pixels that photos are reduced to; none is enlarged.
SIDES = (256, 512, 1024)
#: Side in pixels, and standard deviation out of 255 in each channel, of the photos that are given noise.
NOISY_SIDE, NOISE = 512, 2.0
#: Folders of real photos, each with sources in folders below.
REAL = ("faces", "photos", "pairs/real", "whole/real")
EVERY = "all sources"
#: Of a photo (H, W, 3) uint8 and another one: what stands in the region.
Change = Callable[[np.ndarray, np.ndarray], np.ndarray]
#: JPEG qualities of a photo that is compressed twice. The second is better, or it would hide the first.
QUALITIES = (60, 90)
TEXT = (
    "Nothing here is fake. *Real photos*: the share called fake at the model's threshold, with the 95 % Wilson "
    "interval; photos are reduced to the longest side given and never enlarged, and a size at which no photo of a "
    "source gets larger is left out. *With noise*: of standard deviation {noise:g} out of 255 in each colour, as a "
    "scan or an uncompressed photo may have. A model's card names the sources that it was trained on. *Changed "
    "regions* of the photos of `pairs/`, blended in by the same masks as a generator's work: a pixel AUC near .5 says "
    "that the region is not marked, above it that it is taken for generated. Where a photo was compressed twice "
    "everywhere nothing sets the region apart: another figure comes of its place and content. 95 % bootstrap "
    "intervals over images."
)


@dataclass(frozen=True)
class Control:
    """A change without any generator."""

    change: Change  #: in the region
    everywhere: Degradation | None = None  #: then, to the whole image


def half_and_back(image: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) uint8 at half its size, enlarged again with a bicubic filter."""
    half = Image.fromarray(downscale(image, 0.5))
    return np.array(half.resize((image.shape[1], image.shape[0]), Image.Resampling.BICUBIC))


def pasted(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Another real photo at the size of ``image``: cropped, and enlarged only where it is smaller."""
    height, width = image.shape[:2]
    if other.shape[0] < height or other.shape[1] < width:
        return np.array(Image.fromarray(other).resize((width, height), Image.Resampling.BICUBIC))
    top, left = (other.shape[0] - height) // 2, (other.shape[1] - width) // 2
    return other[top : top + height, left : left + width]


CONTROLS: dict[str, Control] = {
    "another real photo, pasted": Control(pasted),
    "Gaussian blur, sigma 0.7": Control(lambda image, _: blur(image, 0.7)),
    "median 3 x 3": Control(lambda image, _: median_filter(image, (3, 3, 1))),
    "noise, sigma 3": Control(lambda image, _: noise(image, 3)),
    "half size and back, bicubic": Control(lambda image, _: half_and_back(image)),
    "JPEG {} in the region, then JPEG {} everywhere".format(*QUALITIES): Control(
        lambda image, _: jpeg(image, QUALITIES[0]), lambda image: jpeg(image, QUALITIES[1])
    ),
    "JPEG {}, then JPEG {}, both everywhere".format(*QUALITIES): Control(
        lambda image, _: image, lambda image: jpeg(jpeg(image, QUALITIES[0]), QUALITIES[1])
    ),
}


class ControlFakes(Fakes):
    """Photos of which a region was changed, blended in by its mask."""

    def __init__(self, files: Sequence[FakeFiles], control: Control) -> None:
        super().__init__(files)
        self.control = control

    def __getitem__(self, index: int) -> LabelledFake:  # type: ignore[override]
        sample = super().__getitem__(index)
        following = self.files[(index + 1) % len(self.files)].real
        assert sample.real is not None and sample.mask is not None and following is not None
        changed = self.control.change(sample.real, read_image(following))
        blended = sample.real + sample.mask[..., None] * (changed.astype(np.float64) - sample.real)
        made = blended.round().clip(0, 255).astype(np.uint8)
        if self.control.everywhere is not None:
            made = self.control.everywhere(made)
        return LabelledFake(sample.name, sample.real, made, fakeness_map(sample.real, made), sample.mask)


def run(options: Options) -> Table:
    """Rows for real photos by source and size, then for changed regions.

    Raises:
        Skipped: where ``--data`` holds no real photos.
    """
    clean, noisy = photo_sets(options), photo_sets(options, (NOISY_SIDE,), NOISE)
    named = {(source, side): f"{source}, {side} px" for source, side in clean}
    named_noisy = {(source, side): f"{source}, with noise" for source, side in noisy}
    sets = {named[key]: photos for key, photos in clean.items()}
    sets |= {named_noisy[key]: photos for key, photos in noisy.items()}
    sets |= changed_regions(options)
    if not sets:
        raise Skipped(f"it needs real photos: give --data a folder with {'/, '.join(REAL)}/")
    contenders = models(options)
    found, notes = evaluate_sets(options, "controls", sets, contenders)
    rows = [row for each in contenders for row in _photo_rows("real photos", each, SIDES, named, found)]
    for each in contenders:
        rows += _photo_rows("real photos with noise", each, (NOISY_SIDE,), named_noisy, found)
    for name in (name for name in sets if name in CONTROLS):
        for contender in contenders:
            evaluation = found.get(name, {}).get(contender.name)
            if evaluation is not None:
                rows.append(_region_row(name, contender, evaluation))
    columns = ("what", "predictor", "size", "images", "pixel AUC of the region", "called fake")
    return Table("Controls: false alarms", TEXT.format(noise=NOISE), columns, rows, notes=notes)


def photo_sets(
    options: Options, sides: Sequence[int] = SIDES, sigma: float = 0.0
) -> dict[tuple[str, int], EvaluationSet]:
    """Source and longest side -> its photos, for sides at which some photo is larger than at the side before.

    Args:
        sigma: of the noise that the reduced photos are given, out of 255.
    """
    found: dict[tuple[str, int], EvaluationSet] = {}
    for folder in REAL:
        try:
            below = options.folder(folder)
        except Skipped:
            continue
        # Folders of labels lie beside some photos.
        paths = [path for path in list_images([below]) if "masks" not in path.relative_to(below).parts]
        for source in dict.fromkeys(path.parent for path in paths):
            photos = [path for path in paths if path.parent == source]
            largest = max(_longest_side(path) for path in photos)
            for before, side in zip((0, *sides), sides, strict=False):
                if largest > before:
                    reduce = partial(_reduced, side=side, sigma=sigma)
                    name = f"{folder}/{source.relative_to(below).as_posix()}".removesuffix("/.")
                    chosen = read_photos([source], limit=options.limit, degrade=reduce)
                    found[name, side] = EvaluationSet(chosen, {}, paired=False)
    return found


def changed_regions(options: Options) -> dict[str, EvaluationSet]:
    """Name of a control -> the photos of ``pairs/``, a region of each changed; empty where there are no masks."""
    try:
        options.folder("pairs/mask")
    except Skipped:
        return {}
    data = read_paired(options.folder("pairs"), limit=options.limit)
    files = next(iter(data.generators.values())).files
    return {
        name: EvaluationSet(Photos({}), {name: ControlFakes(files, control)}, paired=True)
        for name, control in CONTROLS.items()
    }


def _photo_rows(
    what: str,
    contender: Contender,
    sides: Sequence[int],
    sets: Mapping[tuple[str, int], str],
    found: Mapping[str, Mapping[str, Evaluation]],
) -> list[Row]:
    """A row for each source and for all of them, at each side.

    Args:
        sets: source and longest side -> the name that its photos have in ``found``.
    """
    rows: list[Row] = []
    for side in sides:
        pooled: list[np.ndarray] = []
        for source in dict.fromkeys(name for name, _ in sets):
            # A source whose photos are all smaller counts as it was measured at the side before.
            at = max((each for name, each in sets if name == source and each <= side), default=0)
            evaluation = found.get(sets.get((source, at), ""), {}).get(contender.name)
            if evaluation is None:
                continue
            called = _called(evaluation)
            pooled.append(called)
            if at == side:
                rows.append((f"{what}: {source}", contender.name, f"{side} px", *_share(called)))
        if pooled:
            rows.append((f"{what}: {EVERY}", contender.name, f"{side} px", *_share(np.concatenate(pooled))))
    return rows


def _called(evaluation: Evaluation) -> np.ndarray:
    """Which photos are called fake, (N,) bool."""
    return np.array([photo.fake_probability for photo in evaluation.photos]) >= evaluation.decision_threshold


def _share(called: np.ndarray) -> tuple[str, str, str]:
    return str(len(called)), UNDEFINED, shown(proportion_interval(int(called.sum()), len(called)))


def _region_row(name: str, contender: Contender, evaluation: Evaluation) -> Row:
    overall = evaluation.summary()["overall"]
    shares = shown(overall["pixel_auc"]), shown(overall["called_fake"])
    return f"changed region: {name}", contender.name, "as it is", str(len(evaluation.fakes)), *shares


def _longest_side(path: Path) -> int:
    try:
        with Image.open(path) as image:
            return max(image.size)
    except OSError:  # the evaluation names it
        return 0


def _reduced(image: np.ndarray, side: int, sigma: float) -> np.ndarray:
    """At most ``side`` pixels wide and high, with noise."""
    smaller = reduced(image, side)
    return noise(smaller, sigma) if sigma else smaller
