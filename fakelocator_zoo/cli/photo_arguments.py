"""What commands share that take photos and folders and write files for each: which photos, under which names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fakelocator_zoo.images import ImageError, list_images


def collect_photos(paths: Iterable[Path], out: Path) -> tuple[list[Path], list[str]]:
    """The photos of all paths, and one sentence for each path that cannot be read.

    What an earlier run wrote into ``out``, a folder below a given one, is left out.
    """
    photos: list[Path] = []
    failures: list[str] = []
    for path in paths:
        try:
            found = list_images([path])
        except ImageError as error:
            failures.append(str(error))
            continue
        earlier = out.resolve() if out.resolve() != path.resolve() else None
        photos += [p for p in found if p == path or earlier is None or earlier not in p.resolve().parents]
    return photos, failures


def free_stem(stem: str, taken: set[str]) -> str:
    """``stem``, or ``stem-2``, ``stem-3``, ... where photos of different folders share a name; joins ``taken``."""
    free, number = stem, 1
    # Without regard to case: some file systems have none.
    while free.lower() in taken:
        number += 1
        free = f"{stem}-{number}"
    taken.add(free.lower())
    return free


def with_progress(photos: Sequence[Path], doing: str) -> Iterator[Path]:
    """The photos one after another, with a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    stderr = Console(stderr=True)
    yield from track(photos, doing, console=stderr, transient=True, disable=not stderr.is_terminal)
