"""Sets of attribute edits: several fakes of each photo, named after it."""

from __future__ import annotations

from pathlib import Path

from fakelocator_zoo.evaluation.samples import EvaluationSet, FakeFiles, Fakes, photos_of, spread
from fakelocator_zoo.images import list_images
from fakelocator_zoo.transforms.degradations import Degradation


def read_edits(folder: str | Path, *, limit: int | None = None, degrade: Degradation | None = None) -> EvaluationSet:
    """Several edits of each photo: ``fake/<person>_<edit>`` of ``real/<person>``; each edit counts as a generator.

    Args:
        limit: photos of each edit, spread evenly over the names; None takes all.
        degrade: applied to real and fake alike.

    Raises:
        FileNotFoundError: where a folder is missing or holds no image, or an edit has no photo.
        ValueError: where ``limit`` is below 1.
    """
    folder = Path(folder)
    photos = {path.stem: path for path in list_images([folder / "real"])}
    edits: dict[str, list[FakeFiles]] = {}
    for path in list_images([folder / "fake"]):
        person, _, edit = path.stem.partition("_")
        if person not in photos:
            raise FileNotFoundError(f"{path} is an edit of {person}, whose photo is not in {folder / 'real'}")
        edits.setdefault(edit, []).append(FakeFiles(person, path, photos[person]))
    generators = {edit: Fakes(spread(files, limit), degrade) for edit, files in sorted(edits.items())}
    return EvaluationSet(photos_of(generators.values(), degrade), generators, paired=True)
