"""Faces that StyleGAN2 generated as a whole, against photos of the same origin."""

from __future__ import annotations

from benchmarks.harness.evaluations import evaluation_table
from benchmarks.harness.options import Options
from benchmarks.harness.table import Table
from fakelocator_zoo.evaluation.samples import read_whole
from fakelocator_zoo.transforms.degradations import degradation

TEXT = (
    "Whole generated images and unpaired photos, prepared alike by the author of the set. Every pixel of such a fake "
    "is fake, so the true map is 1 everywhere: pixel AUC is undefined, and COSS of a constant map is 1."
)


def run(options: Options) -> Table:
    """A row for each degradation and predictor."""
    folder = options.folder("whole")
    conditions = {
        "as they are": None,
        "JPEG 75": degradation("jpeg", 75),
        "half size": degradation("downscale", 0.5),
    }
    sets = {name: read_whole(folder, limit=options.limit, degrade=degrade) for name, degrade in conditions.items()}
    return evaluation_table(options, "whole", "Whole generated faces", TEXT, sets, "images")
