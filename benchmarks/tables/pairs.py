"""Re-synthesised regions of 110 faces by five generators, beside trivial maps, under degradation."""

from __future__ import annotations

from benchmarks.harness.evaluations import evaluation_table
from benchmarks.harness.options import Options
from benchmarks.harness.table import Table
from fakelocator_zoo.evaluation.samples import read_paired
from fakelocator_zoo.transforms.degradations import Degradation, degradation

AS_THEY_ARE = "as they are"
DEGRADATIONS: dict[str, Degradation | None] = {
    AS_THEY_ARE: None,
    "JPEG 95": degradation("jpeg", 95),
    "JPEG 75": degradation("jpeg", 75),
    "JPEG 50": degradation("jpeg", 50),
    "half size": degradation("downscale", 0.5),
    "colour at half size": degradation("chroma", 2),
}
#: Seed of masks in place of those on disk; None takes these.
MASKS: dict[str, int | None] = {"given": None, "moved": 0}
TEXT = (
    "Partial fakes, real + mask * (fake - real), of `pairs/`: the same faces re-synthesised by each generator. *Given* "
    "masks lie on parts of the face; *moved* masks are drawn away from the centre, so that position says nothing. "
    "Degradations come after blending, to photos and fakes alike; maps are scored at the original size. Rows are "
    "means over the generators; each generator is below."
)


def run(options: Options) -> Table:
    """A row for each kind of masks, degradation and predictor."""
    folder = options.folder("pairs")
    sets = {
        f"{masks}, {name}": read_paired(folder, off_centre=seed, limit=options.limit, degrade=degrade)
        for masks, seed in MASKS.items()
        for name, degrade in DEGRADATIONS.items()
    }
    return evaluation_table(options, "pairs", "Re-synthesised regions", TEXT, sets, "masks, images")
