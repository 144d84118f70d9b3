"""What commands share that take photos and folders of them: which photos those are, and what is left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.images import FoundImages, ImageError, find_images, is_result


class CollectedPhotos(NamedTuple):
    """What some paths lead to."""

    photos: list[Path]  #: each file once
    failures: list[str]  #: one sentence for each path that leads to no photo
    left_out: Counter[str]  #: how many of each kind that is no photo

    def say_left_out(self) -> None:
        """Count on stderr what was left out, by kind."""
        if sentence := FoundImages([], self.left_out).left_out_sentence():
            terminal.say(sentence)


def collect_photos(paths: Iterable[Path]) -> CollectedPhotos:
    """The photos of all paths; maps and pictures that a command wrote are none, unless they are named themselves."""
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
