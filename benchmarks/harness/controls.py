"""Table `controls`: regions changed without any generator. Whoever marks them raises a false alarm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import median_filter

from benchmarks.harness.cells import Cell, Section, Skipped, skip_sentences
from benchmarks.harness.evaluations import evaluation_cells, evaluations, failure_sentences, sentences, shown
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.rivals import contenders
from fakelocator_zoo.evaluation.results import Evaluation
from fakelocator_zoo.evaluation.samples import EvaluationSet, Sample, SampleFiles, Samples, read_pairs
from fakelocator_zoo.evaluation.statistics import bootstrap_interval
from fakelocator_zoo.images import read_image
from fakelocator_zoo.models.output import DECISION_THRESHOLD
from fakelocator_zoo.transforms.degradations import Degradation, blur, downscale, jpeg, noise
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

#: Of a photo (H, W, 3) uint8 and another one: what stands in the region.
Change = Callable[[np.ndarray, np.ndarray], np.ndarray]
GENERATED = "a generator's work"
#: Qualities of a photo compressed twice. The second is the better one, or it would hide the first.
QUALITIES = (60, 90)


def half_and_back(image: np.ndarray) -> np.ndarray:
    """The image (H, W, 3) uint8 at half its size, and enlarged again with a bicubic filter."""
    half = Image.fromarray(downscale(image, 0.5))
    return np.array(half.resize((image.shape[1], image.shape[0]), Image.Resampling.BICUBIC))


def pasted(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Another real photo at the size of ``image``, cropped to it, and enlarged only where it is smaller."""
    height, width = image.shape[:2]
    if other.shape[0] < height or other.shape[1] < width:
        return np.array(Image.fromarray(other).resize((width, height), Image.Resampling.BICUBIC))
    top, left = (other.shape[0] - height) // 2, (other.shape[1] - width) // 2
    return other[top : top + height, left : left + width]


@dataclass(frozen=True)
class Control:
    """What happens to a photo, without any generator."""

    change: Change  #: in the region
    everywhere: Degradation | None = None  #: then, to the whole image


CONTROLS: dict[str, Control] = {
    "another real photo, pasted": Control(pasted),
    "Gaussian blur, sigma 0.7": Control(lambda image, _: blur(image, 0.7)),
    "median 3 x 3": Control(lambda image, _: median_filter(image, (3, 3, 1))),
    "noise, sigma 3": Control(lambda image, _: noise(image, 3)),
    "half size and back, bicubic": Control(lambda image, _: half_and_back(image)),
    "JPEG {} in the region, then JPEG {} everywhere".format(*QUALITIES): Control(
        lambda image, _: jpeg(image, QUALITIES[0]), lambda image: jpeg(image, QUALITIES[1])
    ),
    # Nothing sets the region apart: what is marked here is marked for where it lies.
    "JPEG {}, then JPEG {}, both everywhere".format(*QUALITIES): Control(
        lambda image, _: image, lambda image: jpeg(jpeg(image, QUALITIES[0]), QUALITIES[1])
    ),
}


class ControlSamples(Samples):
    """Photos of which a region was changed, blended in by the same masks as a generator's, and then the whole."""

    def __init__(self, files: Sequence[SampleFiles], control: Control) -> None:
        super().__init__(files)
        self.control = control

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        sample = super().__getitem__(index)
        following = self.files[(index + 1) % len(self.files)].real
        assert sample.real is not None and sample.mask is not None and following is not None
        changed = self.control.change(sample.real, read_image(following))
        blended = sample.real + sample.mask[..., None] * (changed.astype(np.float64) - sample.real)
        made = blended.round().clip(0, 255).astype(np.uint8)
        if self.control.everywhere is not None:
            made = self.control.everywhere(made)
        return Sample(sample.name, sample.real, made, fakeness_map(sample.real, made), sample.mask)


def cells(options: BenchOptions) -> list[Cell]:
    """One for each control and predictor, beside the generators themselves.

    Raises:
        Skipped: where there are no pairs with masks.
    """
    if options.pairs is None or not (options.pairs / "mask").is_dir():
        raise Skipped("it changes masked regions of photos: give --data a folder with pairs/real and pairs/mask")
    data = read_pairs(options.pairs, limit=options.limit)
    files = next(iter(data.generators.values())).files
    controls = {name: ControlSamples(files, control) for name, control in CONTROLS.items()}
    changed = EvaluationSet(data.photos, controls, paired=True)
    generated = EvaluationSet(type(data.photos)({}), data.generators, paired=True)
    found = []
    for contender in contenders(options):
        found += evaluation_cells("controls", contender, changed)
        found += evaluation_cells(GENERATED, contender, generated)
    return found


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """A row for each control and predictor."""
    found = evaluations(results)
    controls, generated = found.get("controls", {}), found.get(GENERATED, {})
    rows: list[tuple[str, ...]] = []
    for control in ("photo, untouched", *CONTROLS):
        rows += [_row(control, name, each, (control,)) for name, each in controls.items()]
    rows += [_row(f"for comparison: {GENERATED}", name, each, each.generators) for name, each in generated.items()]
    text = (
        "The same regions of the same photos, changed without any generator. A pixel AUC near 0.5 says that the "
        "region is not marked; above it, that it is taken for a generator's work. Where a photo was compressed twice "
        "everywhere, nothing sets the region apart: a figure other than 0.5 there comes of its place and content. The "
        f"decision is a false alarm wherever the fake probability reaches {DECISION_THRESHOLD:g}. 95 % bootstrap "
        "intervals over images."
    )
    notes = skip_sentences(results) + failure_sentences(found)
    columns = ("region", "predictor", "images", "pixel AUC of the region", "called fake")
    return Section("controls", "Controls: false alarms", sentences(text, notes), columns, rows)


def _row(label: str, name: str, evaluation: Evaluation, regions: Sequence[str]) -> tuple[str, ...]:
    known = [each for each in regions if each in evaluation.generators]
    if known:
        marked = bootstrap_interval(evaluation.values("pixel_auc", known))
        probabilities = evaluation.values("fake_probability", known)
    else:
        marked = bootstrap_interval(np.array([]))
        probabilities = np.array([photo.fake_probability for photo in evaluation.photos])
    called = np.where(np.isnan(probabilities), np.nan, probabilities >= DECISION_THRESHOLD)
    decided = bootstrap_interval(called)
    return label, name, str(decided.count), shown(marked), shown(decided)
