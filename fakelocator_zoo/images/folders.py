"""Image and video files below folders; imports no torch."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".jfif", ".gif"})
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"})


def list_images(folders: Sequence[str | Path]) -> list[Path]:
    """All image files below the folders (files are taken as they are), sorted by path.

    Raises:
        FileNotFoundError: where a path does not exist or holds no image.
    """
    found: list[Path] = []
    for folder in map(Path, folders):
        if not folder.exists():
            raise FileNotFoundError(f"{folder} does not exist; give a folder of photos or a photo")
        inside = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
        images = [p for p in inside if p.suffix.lower() in IMAGE_SUFFIXES]
        if not images:
            raise FileNotFoundError(f"{folder} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
        found += images
    return found


def walk_files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, sorted within each; hidden ones (.DS_Store, ._0.png) are left out, links followed.

    A folder that is not there has no files.
    """
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def files_by_name(folder: Path, suffixes: Collection[str] = IMAGE_SUFFIXES) -> tuple[dict[str, Path], list[Path]]:
    """Files by their path below ``folder``, without suffix; and those of other suffixes or of a name twice."""
    found: dict[str, Path] = {}
    rest: list[Path] = []
    for path in walk_files(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if path.suffix.lower() not in suffixes or name in found:
            rest.append(path)
        else:
            found[name] = path
    return found, rest


def subfolders(folder: Path) -> dict[str, Path]:
    """The folders directly in a folder, by name, sorted; none where it is missing."""
    if not folder.is_dir():
        return {}
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")}
