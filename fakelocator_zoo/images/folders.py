"""The one walk through folders: links are followed, and no folder is entered twice."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from fakelocator_zoo.images.reader import heic_readable
from fakelocator_zoo.images.sources import ImageError

HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
IMAGE_SUFFIXES = HEIC_SUFFIXES | {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif")
}
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"})

_HEIC, _VIDEO, _OTHER, _CLOSED = "HEIC photo", "video", "other file", "folder that may not be read"
_REMEDIES = {_HEIC: " (pip install 'fakelocator-zoo[heic]' to read them)"}


class FoundImages(NamedTuple):
    """The images below some paths, and what else is there."""

    images: list[Path]
    left_out: Counter[str]  #: how many of each kind: HEIC photo (without the extra), video, other file, ...

    def left_out_sentence(self) -> str:
        """For example ``left out: 2 videos, 1 other file``; empty where nothing was."""
        parts = [
            f"{count} {kind if count == 1 else _plural(kind)}{_REMEDIES.get(kind, '')}"
            for kind, count in self.left_out.items()
        ]
        return f"left out: {', '.join(parts)}" if parts else ""


def find_images(paths: Iterable[str | Path]) -> FoundImages:
    """The images below each path, sorted, each file once; a path to a file is taken as it is.

    Raises:
        ImageError: where a path does not exist, or is a folder that holds no image.
    """
    images: dict[str, Path] = {}
    left_out: Counter[str] = Counter()
    for given in map(Path, paths):
        if given.is_file():
            images.setdefault(os.path.realpath(given), given)
            continue
        if not given.exists():
            raise ImageError(f"{given} does not exist; give a folder of photos or a photo")
        files, closed = _walk(given)
        kinds = [_kind(path) for path in files]
        here = [path for path, kind in zip(files, kinds, strict=True) if kind is None]
        others = Counter(kind for kind in kinds if kind is not None) + Counter({_CLOSED: len(closed)})
        if not here:
            raise ImageError(
                f"{given} holds no image; {FoundImages([], others).left_out_sentence() or 'give a folder of photos'}"
            )
        left_out += others
        for path in here:
            images.setdefault(os.path.realpath(path), path)
    return FoundImages(list(images.values()), left_out)


def list_images(paths: Iterable[str | Path]) -> list[Path]:
    """The images of :func:`find_images`."""
    return find_images(paths).images


def walk_files(folder: str | Path) -> list[Path]:
    """Every file below a folder, sorted, but hidden ones; empty where the folder is missing.

    Links are followed. A folder is entered once, and a link to a listed file is left out.
    """
    return _walk(Path(folder))[0]


def files_by_name(folder: Path, suffixes: Collection[str] = IMAGE_SUFFIXES) -> tuple[dict[str, Path], list[Path]]:
    """Files by their path below ``folder`` without suffix; and files of other suffixes or of a name that exists."""
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


def _walk(top: Path) -> tuple[list[Path], list[Path]]:
    """Files, sorted, and folders that may not be read."""
    files: list[Path] = []
    links: list[Path] = []
    closed: list[Path] = []
    entered: set[tuple[int, int]] = set()
    # Links wait until all folders that they may lead to have been entered by their own names.
    waiting = deque([top] if top.is_dir() else [])
    while waiting:
        folder = waiting.popleft()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as found:
                entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError:
            closed.append(folder)
            continue
        for entry in entries:
            path, linked = folder / entry.name, entry.is_symlink()
            if entry.is_dir():
                (waiting.append if linked else waiting.appendleft)(path)
            elif entry.is_file():
                (links if linked else files).append(path)
    if links:
        listed = set(map(os.path.realpath, files))
        files += [link for link in links if os.path.realpath(link) not in listed]
    return sorted(files), closed


def _kind(path: Path) -> str | None:
    """The kind of a file that is not read; None for an image."""
    suffix = path.suffix.lower()
    if suffix in HEIC_SUFFIXES and not heic_readable():
        return _HEIC
    if suffix in IMAGE_SUFFIXES:
        return None
    return _VIDEO if suffix in VIDEO_SUFFIXES else _OTHER


def _plural(kind: str) -> str:
    first, *rest = kind.split(" that ")
    return " that ".join([f"{first}s", *rest])
