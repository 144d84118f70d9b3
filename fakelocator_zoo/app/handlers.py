"""What the page's buttons do: plain functions from files and a localizer to what is shown. No Gradio here."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fakelocator_zoo.app.limits import MAX_PHOTOS, check_photo, check_video, read_photo, without_folder
from fakelocator_zoo.app.picture import layered, shrink
from fakelocator_zoo.app.report import (
    Report,
    adaptation_report,
    adaptation_words,
    as_csv,
    report_of,
    verdict_of,
    video_words,
    words_of,
)
from fakelocator_zoo.images import ImageError, check_same_size, read_image, write_image, write_map
from fakelocator_zoo.inference.provenance import read_credentials
from fakelocator_zoo.inference.render import heat, render
from fakelocator_zoo.inference.result_files import RESULTS

if TYPE_CHECKING:
    from fakelocator_zoo.inference.localizer import Localizer

#: Pictures (H, W, 3) uint8 with their captions.
Pictures = list[tuple[np.ndarray, str]]

_LABELS = ("fake", "real")


class Models:
    """The models that the page offers; the two that were used last stay in memory.

    Args:
        sources: {name on the page: what ``from_pretrained`` takes}.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = dict(sources)
        self._load = lru_cache(maxsize=2)(_load)

    def localizer(self, name: str) -> Localizer:
        """The localizer of a model.

        Raises:
            ValueError: where the page does not offer it, or its files are no model.
        """
        return self._load(self._source(name))

    def card(self, name: str) -> str:
        """The model's card as Markdown, without its header and pictures; empty where it has none."""
        from fakelocator_zoo.hub import find_bundled
        from fakelocator_zoo.hub.files import CARD, own_file

        source = self._source(name)
        folder = Path(source) if Path(source).is_dir() else find_bundled(source)
        if folder is None or not (folder / CARD).is_file():
            return ""
        text = own_file(folder, CARD).read_text(encoding="utf-8")
        return re.sub(r"\A---\n.*?\n---\n|!\[[^\]]*\](\([^)]*\)|\[[^\]]*\])|<img[^>]*>", "", text, flags=re.DOTALL)

    def _source(self, name: str) -> str:
        if name not in self.sources:
            raise ValueError(f"this page has no model {name!r}; it has {', '.join(self.sources)}")
        return self.sources[name]


class Located(NamedTuple):
    """What is shown of one photo."""

    report: Report
    files: list[str]  #: map.png (16 bits), overlay.png and report.json
    picture: str  #: HTML
    words: str  #: Markdown
    maps: Pictures  #: those that the fakeness map was made of


class LocatedVideo(NamedTuple):
    """What is shown of a video."""

    report: Report
    files: list[str]  #: the overlay video, a CSV of frames and faces, and the timeline
    video: str  #: the overlay video
    timeline: np.ndarray  #: (H, W, 3) uint8
    words: str  #: Markdown


class Compared(NamedTuple):
    """What is shown of a real photo and a fake of it."""

    report: Report
    words: str  #: Markdown
    pictures: Pictures


class Adapted(NamedTuple):
    """What is shown of photos that were clustered."""

    report: Report
    files: list[str]  #: results.csv and, where the clusters separate, adapter.zip
    scatter: np.ndarray  #: (H, W, 3) uint8
    words: str  #: Markdown


def locate(photo: str | Path | None, localizer: Localizer, model_name: str, folder: Path) -> Located:
    """Locate manipulations in an uploaded photo.

    Args:
        photo: its path.
        localizer: what is asked.
        model_name: for the report.
        folder: the files are written into a new folder in it.

    Raises:
        ImageError: where the photo cannot be read or is over a limit.
    """
    result = localizer(read_photo(photo))
    credentials = read_credentials(str(photo))
    report = {"photo": Path(str(photo)).name, "model": model_name, **report_of(result, credentials)}
    with _new_folder(folder) as out:
        write_map(out / "map.png", result.fakeness_map)
        write_image(out / "overlay.png", render(result))
        (out / "report.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    maps = {"P(fake) of each pixel": heat(result.p_fake, 1.0), "change, if fake": heat(result.magnitude)}
    if result.attention is not None:
        maps["attention to face parts"] = heat(result.attention, 1.0)
    return Located(
        report,
        [str(out / name) for name in ("map.png", "overlay.png", "report.json")],
        layered(result),
        words_of(result, credentials),
        [(shrink(picture), caption) for caption, picture in maps.items()],
    )


def locate_video(video: str | Path | None, localizer: Localizer, model_name: str, folder: Path) -> LocatedVideo:
    """Locate manipulations in an uploaded video: of a long one, evenly spaced frames.

    Args:
        video, localizer, model_name, folder: as of :func:`locate`.

    Raises:
        ValueError: where the video cannot be read or is over a limit.
        ImportError: where PyAV is missing.
    """
    from fakelocator_zoo.inference.video import locate_videos

    path, every = check_video(video)
    with _new_folder(folder) as out:
        (row,) = locate_videos([path], lambda: localizer.locate_prepared, out, every=every)
        if isinstance(row, ImageError):
            raise without_folder(row, path)
        (out / RESULTS).unlink()
        files = [row.pop(name) for name in ("video", "csv", "timeline")]
        # A key `path` would be a file to Gradio's client.
        report = {"video": Path(row.pop("path")).name, "model": model_name, **row}
        if "damage" in report:
            report["damage"] = report["damage"].replace(str(path), path.name)
        return LocatedVideo(report, files, files[0], read_image(files[2]), video_words(report))


def compare(real: str | Path | None, fake: str | Path | None, localizer: Localizer, model_name: str) -> Compared:
    """Locate the difference of a real photo and its manipulated copy, and score the map by it.

    Raises:
        ImageError: where one cannot be read or is over a limit, or their sizes differ.
    """
    from fakelocator_zoo.evaluation.metrics import coss
    from fakelocator_zoo.transforms.fakeness_map import fakeness_map

    if real is None or fake is None:
        raise ImageError("give both photos, the real one and the manipulated one")
    images = read_photo(real), read_photo(fake)
    check_same_size(images[0], "the real photo", images[1], "the manipulated one")
    true_map = fakeness_map(*images)
    if not true_map.any():
        raise ImageError("the two photos are the same in every pixel; give the photo before and after a manipulation")
    before, after = localizer(list(images))
    report = {
        "model": model_name,
        "coss": round(coss(after.fakeness_map, true_map), 4),
        "coss_of_a_constant_map": round(coss(np.ones_like(true_map), true_map), 4),
        "real": report_of(before),
        "fake": report_of(after),
    }
    words = (
        f"**COSS {report['coss']:.3f}**: the cosine similarity of located and true map, 1 at best. A map of one value "
        f"everywhere has {report['coss_of_a_constant_map']:.3f} here.\n\n"
        f"- real photo: {verdict_of(before)}\n"
        f"- manipulated photo: {verdict_of(after)}"
    )
    pictures = {
        "true map, |real - fake|": heat(true_map),
        "located map": heat(after.fakeness_map),
        "real": render(before),
        "manipulated": render(after),
    }
    return Compared(report, words, [(shrink(picture), caption) for caption, picture in pictures.items()])


def adapt(
    photos: Sequence[str | Path] | None,
    labelled: str | Path | None,
    label: str,
    models: Models,
    model_name: str,
    folder: Path,
) -> Adapted:
    """Label photos from an unseen generator by one labelled photo (single sample clustering).

    Args:
        photos: paths, real and fake mixed; the labelled one may be among them.
        labelled: the path of the photo whose label is known.
        label: ``"fake"`` or ``"real"``.
        models, model_name: whose features are clustered.
        folder: the files are written into a new folder in it.

    Raises:
        ImageError: where too few or too many photos are given, or the labelled one cannot be read.
        ValueError: for another label.
    """
    from fakelocator_zoo.clustering import adapt as adaptation

    if label not in _LABELS:
        raise ValueError(f"the label is fake or real, got {label!r}")
    if labelled is None:
        raise ImageError("give one photo whose label you know")
    if not photos or len(photos) > MAX_PHOTOS:
        raise ImageError(f"give 3 to {MAX_PHOTOS} photos to label, got {len(photos or ())}")
    known = check_photo(labelled).resolve()
    usable, failures = [], []
    for photo in photos:
        try:
            usable.append(check_photo(photo))
        except ImageError as error:
            failures.append(str(error))
    with tempfile.TemporaryDirectory(prefix="fakelocator-") as scratch, _new_folder(folder) as out:
        made = Path(scratch)
        model: Any = models.localizer(model_name).model
        found = adaptation.adapt(model, usable, {known: label}, made, model_name=models.sources[model_name])
        failures += [sentence.replace(str(path), path.name) for path, sentence in found.failures.items()]
        report = adaptation_report(found, failures)
        (out / "results.csv").write_text(as_csv(report["photos"]), encoding="utf-8")
        files = [str(out / "results.csv")]
        if found.clusters.separable_:
            files.append(shutil.make_archive(str(out / "adapter"), "zip", made / adaptation.ADAPTER))
        scatter = read_image(made / adaptation.SCATTER)
    return Adapted(report, files, scatter, adaptation_words(report))


def demo_pair(folder: Path) -> tuple[str, str]:
    """Paths of the demo's portrait and of its copy with the face repainted by a generator, as PNG files in ``folder``.

    They are written once.
    """
    from fakelocator_zoo.generators.network import Generator
    from fakelocator_zoo.inference.demo import demo_photo, repaint

    paths = folder / "portrait.png", folder / "portrait_repainted.png"
    if not all(path.is_file() for path in paths):
        photo = demo_photo()
        generator = Generator.from_pretrained("generator_demo.open")
        for path, image in zip(paths, (photo, repaint(photo, "face", generator)[0]), strict=True):
            write_image(path, image)
    return str(paths[0]), str(paths[1])


def _load(source: str) -> Localizer:
    from fakelocator_zoo.inference.localizer import Localizer

    return Localizer(source)


@contextmanager
def _new_folder(parent: Path) -> Iterator[Path]:
    """A new folder, which is removed again where something fails."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
