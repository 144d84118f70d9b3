"""Attribute edits of faces by AttGAN, as they are published and after JPEG."""

from __future__ import annotations

from benchmarks.harness.edits import read_edits
from benchmarks.harness.evaluations import evaluation_table
from benchmarks.harness.options import Options
from benchmarks.harness.table import Skipped, Table
from fakelocator_zoo.evaluation.evaluate import MAP_THRESHOLD
from fakelocator_zoo.transforms.degradations import degradation

TEXT = (
    "Edits of one attribute (hair, beard, glasses, age, ...) of small photos that were JPEG files: a slight difference "
    "is everywhere. There are no masks: pixel AUC and map level take the pixels that differ from the photo by "
    f"{MAP_THRESHOLD:g} or more. *recon* is the generator's plain reconstruction. Means over the edits; each edit is "
    "below."
)


def run(options: Options) -> Table:
    """A row for each set of edits, degradation and predictor."""
    folder = options.folder("attributes")
    found = sorted(path for path in folder.iterdir() if (path / "fake").is_dir() and (path / "real").is_dir())
    if not found:
        raise Skipped(f"{folder} has no folder with real/ and fake/")
    conditions = {"": None, ", JPEG 75": degradation("jpeg", 75)}
    sets = {
        f"{path.name}{name}": read_edits(path, limit=options.limit, degrade=degrade)
        for path in found
        for name, degrade in conditions.items()
    }
    return evaluation_table(options, "attributes", "Attribute edits", TEXT, sets, "edits")
