"""Which face search finds the faces: CenterFace against scikit-image's LBP cascade, on the same photos.

    python -m benchmarks faces --data DIR

Photos below ``faces/`` have one face, in the middle. Every fourth one is turned by 90, 180 or 270 degrees. Photos of
``no_faces/`` have none: whatever is found there is a false alarm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from benchmarks.harness.cells import Cell, files_digest, run_cells
from benchmarks.harness.options import Options
from benchmarks.harness.table import Table
from fakelocator_zoo.images import list_images
from fakelocator_zoo.inference.faces import Box, find_faces

Search = Callable[[np.ndarray], Sequence[Box]]  #: a photo (H, W, 3) uint8 -> boxes
_CASCADE_SIDE = 400  # pixels of the longer side at which the cascade searches


def centerface(image: np.ndarray) -> list[Box]:
    """The package's search, in four turns."""
    return [face.window for face in find_faces(image)]


def centerface_upright(image: np.ndarray) -> list[Box]:
    """The package's search without turns."""
    return [face.window for face in find_faces(image, turned=False)]


def lbp_cascade(image: np.ndarray) -> list[Box]:
    """scikit-image's bundled cascade of local binary patterns, with its own grouping of windows."""
    small = Image.fromarray(image)
    small.thumbnail((_CASCADE_SIDE, _CASCADE_SIDE))
    scale = image.shape[1] / small.width
    found = _cascade().detect_multi_scale(
        np.asarray(small), scale_factor=1.15, step_ratio=1, min_size=(24, 24), max_size=small.size[::-1]
    )
    boxes = [(d["c"], d["r"], d["c"] + d["width"], d["r"] + d["height"]) for d in found]
    return [(round(a * scale), round(b * scale), round(c * scale), round(d * scale)) for a, b, c, d in boxes]


@lru_cache(maxsize=1)
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())


SEARCHES: dict[str, Search] = {
    "CenterFace, four turns": centerface,
    "CenterFace, upright alone": centerface_upright,
    "LBP cascade": lbp_cascade,
}


def run(options: Options) -> Table:
    """A row for each search and set of photos; photos without a face are those of ``no_faces/``, if it is there."""
    below = options.folder("faces")
    paths = [path for path in list_images([below]) if "masks" not in path.relative_to(below).parts]
    sets = {folder.relative_to(below).as_posix(): folder for folder in dict.fromkeys(path.parent for path in paths)}
    cells = [_cell(name, options, faces={name: _photos(folder, _limit(options))}) for name, folder in sets.items()]
    assert options.data is not None
    if (options.data / "no_faces").is_dir():
        cells.append(_cell("no face", options, without=_photos(options.data / "no_faces", _limit(options))))
    results = run_cells(options, "faces", cells)
    rows = [
        (row["photos"], row["search"], str(row["count"]), str(row["found"]), f"{row['ms']:.0f}")
        for result in results.values()
        for row in result["rows"]
    ]
    text = (
        "*Found*: photos with a box around the middle of the one face; every fourth photo is turned by 90, 180 or 270 "
        "degrees. In photos without a face every box is a false alarm. *ms*: median CPU time of one photo."
    )
    return Table("Which search finds the faces", text, ("photos", "search", "count", "found", "ms"), rows)


def _cell(
    name: str, options: Options, faces: Mapping[str, Sequence[Path]] | None = None, without: Sequence[Path] = ()
) -> Cell:
    paths = [path for each in (faces or {}).values() for path in each] + list(without)
    return Cell(name, {"files": files_digest(paths)}, lambda: {"rows": measure(faces or {}, without)})


def _limit(options: Options) -> int:
    return options.limit or 107


def measure(
    faces: Mapping[str, Sequence[Path]], without: Sequence[Path], searches: Mapping[str, Search] = SEARCHES
) -> list[dict[str, Any]]:
    """One row for each search and set of photos.

    Args:
        faces: photos with one face in the middle, by the name of their set.
        without: photos without a face.
        searches: by name.

    Returns:
        Rows with ``search``, ``photos`` (the set), ``count``, ``found`` (photos with a box around their centre; of
        photos without a face: with any box, a false alarm) and ``ms`` (median CPU time of one photo).
    """
    sets: dict[str, list[tuple[Path, int]]] = {}
    for name, paths in faces.items():
        pairs = [(path, index // 4 % 3 + 1 if index % 4 == 3 else 0) for index, path in enumerate(paths)]
        sets[name] = [pair for pair in pairs if not pair[1]]
        sets[f"{name}, turned"] = [pair for pair in pairs if pair[1]]
    sets["no face"] = [(path, 0) for path in without]
    rows = []
    for photos, members in sets.items():
        found = dict.fromkeys(searches, 0)
        seconds: dict[str, list[float]] = {name: [] for name in searches}
        for path, turns in members:
            with Image.open(path) as opened:
                image = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
            image = np.ascontiguousarray(np.rot90(image, turns))
            y, x = image.shape[0] / 2, image.shape[1] / 2
            for name, search in searches.items():
                start = time.process_time()
                boxes = search(image)
                seconds[name].append(time.process_time() - start)
                around = [left <= x < right and top <= y < bottom for left, top, right, bottom in boxes]
                found[name] += bool(boxes) if photos == "no face" else any(around)
        rows += [
            {
                "search": name,
                "photos": photos,
                "count": len(members),
                "found": found[name],
                "ms": round(1000 * float(np.median(seconds[name])), 1),
            }
            for name in searches
            if members
        ]
    return rows


def _photos(folder: Path, limit: int) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    return [found[index] for index in np.linspace(0, len(found) - 1, min(limit, len(found))).astype(int)]
