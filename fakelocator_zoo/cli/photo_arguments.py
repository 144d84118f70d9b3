"""What commands share that take photos: those that paths, addresses and standard input lead to."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.hub.files import write_whole
from fakelocator_zoo.images import FoundImages, ImageError, find_images, is_result, make_folder
from fakelocator_zoo.images.sources import is_address, open_source


class CollectedPhotos(NamedTuple):
    """The photos that paths lead to."""

    photos: list[Path]  #: each file once
    failures: list[str]  #: one sentence for each path that leads to no photo
    left_out: Counter[str]  #: how many of each kind that is no photo

    def say_left_out(self) -> None:
        """Count on stderr what was left out, by kind."""
        if sentence := FoundImages([], self.left_out).left_out_sentence():
            terminal.say(sentence)


def collect_photos(paths: Iterable[Path]) -> CollectedPhotos:
    """The photos of all paths; results of earlier runs are left out unless they are named themselves."""
    photos: dict[str, Path] = {}
    collected = CollectedPhotos([], [], Counter())
    for path in {os.path.realpath(path): path for path in paths}.values():
        try:
            found = find_images([path])
        except ImageError as error:
            collected.failures.append(str(error))
            continue
        inside = [photo for photo in found.images if photo == path or not is_result(photo)]
        if not inside:
            collected.failures.append(f"{path} holds no photo but results of earlier runs; give a folder of photos")
        for photo in inside:
            photos.setdefault(os.path.realpath(photo), photo)
        collected.left_out.update(found.left_out)
    collected.photos.extend(photos.values())
    return collected


def local_paths(arguments: Iterable[str], out: Path) -> tuple[list[Path], list[str]]:
    """The arguments as paths, and one sentence for each that cannot be read.

    What lies at an http(s) address, and standard input (``-``), is copied into ``out`` first.
    """
    paths: list[Path] = []
    failures: list[str] = []
    for argument in arguments:
        if argument != "-" and not is_address(argument):
            paths.append(Path(argument))
            continue
        name = "stdin" if argument == "-" else Path(unquote(urlsplit(argument).path)).name or "download"
        try:
            with open_source(sys.stdin.buffer if argument == "-" else argument) as (_, file):
                paths.append(_keep(file.read(), name, make_folder(out)))
        except (ImageError, OSError) as error:
            failures.append(str(error))
    return paths, failures


def _keep(content: bytes, name: str, folder: Path) -> Path:
    """Write a file ``name``, or ``name-2`` and so on where a file of that name holds something else."""
    path, number = folder / name, 1
    while path.exists() and not (path.is_file() and path.read_bytes() == content):
        number += 1
        path = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
    if not path.exists():
        write_whole(path, content)
    return path
