"""A section with a picture at the end of a model card."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fakelocator_zoo.hub.files import CARD
from fakelocator_zoo.images import write_image


def append_picture(folder: Path, filename: str, picture: np.ndarray, title: str, text: str, alternative: str) -> None:
    """Write a picture (H, W, 3) uint8 into a model folder, and a section that shows it at the end of its card.

    Args:
        filename: of the picture, in the folder.
        title, text: of the section; the picture stands below the text.
        alternative: what the picture shows, for readers that cannot see it.
    """
    write_image(folder / filename, picture)
    with (folder / CARD).open("a", encoding="utf-8") as card:
        card.write(f"\n## {title}\n\n{text}\n\n![{alternative}]({filename})\n")
