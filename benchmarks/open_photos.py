"""The fourteen photos of anything but faces that the heads of the `.open` models learned from, put into one folder.

    python benchmarks/open_photos.py --wallpapers DIR --out DATA/photos/open

Five come with scikit-image and scikit-learn. Nine are wallpapers of Ubuntu Touch, in DIR or below it: Debian's package
lomiri-wallpapers-16.04, installed or unpacked. Each is checked by its SHA-256; nothing is written where one is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from fakelocator_zoo.cli import terminal


class Photo(NamedTuple):
    """Where a photo comes from, and what it may be used for."""

    sha256: str  #: its first 16 digits
    author: str
    licence: str
    package: str = ""  #: the Python package that has it; none is a wallpaper


PHOTOS = {
    "Picture_0B_by_freespace.jpg": Photo("c8c0ab18e48d9e04", "Trevor Freespace", "CC BY 4.0"),
    "Picture_1A_by_freespace.jpg": Photo("89e86af38d04daae", "Trevor Freespace", "CC BY 4.0"),
    "Wine_by_Jakkub_Mede.jpg": Photo("d2e96e6d4da40dd8", "Jakub Mede", "CC BY 4.0"),
    "aitzgorri_by_Aitzol_Berasategi.jpg": Photo("66268e7b48f8854d", "Aitzol Berasategi", "CC BY 4.0"),
    "friends_by_Aitzol_Berasategi.jpg": Photo("cc40e313c74e421e", "Aitzol Berasategi", "CC BY 4.0"),
    "life_by_Aitzol_Berasategi.jpg": Photo("4c119350ead80201", "Aitzol Berasategi", "CC BY 4.0"),
    "picosdeeuropa_by_Aitzol_Berasategi.jpg": Photo("414d0072b2f6f2c5", "Aitzol Berasategi", "CC BY 4.0"),
    "sunset_by_Aitzol_Berasategi.jpg": Photo("474dab6a4b9f94dc", "Aitzol Berasategi", "CC BY 4.0"),
    "seeding_by_Clements_Engelhardt.jpg": Photo("a5634d1ab5e41a35", "Clemens Engelhardt", "CC0"),
    "coffee.png": Photo("cc02f8ca188b167c", "Rachel Michetti", "CC0", "skimage/data"),
    "chelsea.png": Photo("596aa1e7cb875eb7", "Stefan van der Walt", "CC0", "skimage/data"),
    "rocket.jpg": Photo("c2dd0de7c538df8d", "SpaceX", "CC0", "skimage/data"),
    "china.jpg": Photo("8378025ad2519d64", "danielbuechele", "CC BY 2.0", "sklearn/datasets/images"),
    "flower.jpg": Photo("a77f6ec41e353afd", "vultilion", "CC BY 2.0", "sklearn/datasets/images"),
}


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--wallpapers", type=Path, required=True)
    cli.add_argument("--out", type=Path, required=True)
    given = cli.parse_args()
    found = {name: find(name, photo, given.wallpapers) for name, photo in PHOTOS.items()}
    missing = sorted(name for name, file in found.items() if file is None)
    if missing:
        raise SystemExit(f"{given.wallpapers} and this Python lack {', '.join(missing)}, as they were; see --help")
    given.out.mkdir(parents=True, exist_ok=True)
    for name, file in found.items():
        assert file is not None
        shutil.copyfile(file, given.out / name)
    terminal.say(f"{len(found)} photos in {given.out}")


def find(name: str, photo: Photo, wallpapers: Path) -> Path | None:
    """The file of that name and digest, in its Python package or anywhere below ``wallpapers``."""
    if photo.package:
        top, _, inside = photo.package.partition("/")
        spec = find_spec(top)
        places = [] if spec is None or spec.origin is None else [Path(spec.origin).parent / inside / name]
    else:
        places = sorted(wallpapers.rglob(name))
    return next((file for file in places if file.is_file() and digest(file) == photo.sha256), None)


def digest(file: Path) -> str:
    """The first 16 digits of the file's SHA-256."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


if __name__ == "__main__":
    main()
