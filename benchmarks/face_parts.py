"""Part maps of photos as one picture, without a pixel of the photos; and scikit-image's astronaut with hers.

    python benchmarks/face_parts.py docs/face-parts.png "glasses=PHOTO" "profile=PHOTO" ...

A caption with several photos, "two photos=LEFT,RIGHT", puts them side by side before they are parsed as one.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.data import astronaut

from fakelocator_zoo.face_parsing import FaceParser
from fakelocator_zoo.inference.parse import parse_photo
from fakelocator_zoo.face_parsing.parts import PARTS
from fakelocator_zoo.images.files import read_image, write_png
from fakelocator_zoo.inference.parse_render import part_colours
from fakelocator_zoo.inference.render import side_by_side

HEIGHT, IN_A_ROW = 200, 4
HEAD = (slice(0, 240), slice(100, 340))  # of the astronaut


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("out", type=Path)
    cli.add_argument("photos", nargs="+", help="CAPTION=PHOTO, or CAPTION=LEFT,RIGHT")
    given = cli.parse_args()
    parser = FaceParser.from_pretrained("face_parser.research").freeze()
    maps = {}
    for each in given.photos:
        caption, _, paths = each.partition("=")
        photo = np.concatenate([_reduced(Path(path)) for path in paths.split(",")], axis=1)
        maps[caption] = parse_photo(parser, photo).labels
    write_png(given.out, picture(maps, parse_photo(parser, astronaut()).labels))


def picture(maps: Mapping[str, np.ndarray], astronaut_map: np.ndarray) -> np.ndarray:
    """Maps (H, W) of part numbers by caption -> (H', W', 3) uint8, the astronaut's head first, a legend last."""
    colours = part_colours(PARTS)
    head, labels = astronaut()[HEAD], astronaut_map[HEAD]
    over = np.where(labels[..., None] == 0, head, np.rint(0.4 * head + 0.6 * colours[labels])).astype(np.uint8)
    tiles = {"photo": head, "parts over it": over, **{name: colours[each] for name, each in maps.items()}}
    names = list(tiles)
    rows = [
        side_by_side([tiles[name] for name in row], list(row), HEIGHT)
        for row in (names[start : start + IN_A_ROW] for start in range(0, len(names), IN_A_ROW))
    ]
    width = max(row.shape[1] for row in rows)
    rows.append(_legend(width))
    return np.concatenate(
        [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    )


def _reduced(path: Path) -> np.ndarray:
    photo = Image.fromarray(read_image(path))
    return np.array(photo.resize((512, round(512 * photo.height / photo.width)), Image.Resampling.LANCZOS))


def _legend(width: int, columns: int = 7, line: int = 22) -> np.ndarray:
    legend = Image.new("RGB", (width, 8 + line * -(-len(PARTS) // columns)), "white")
    draw, font = ImageDraw.Draw(legend), ImageFont.load_default(size=13)
    for number, (name, colour) in enumerate(zip(PARTS, part_colours(PARTS), strict=True)):
        left, top = 8 + (number % columns) * (width // columns), 4 + number // columns * line
        draw.rectangle((left, top, left + 14, top + 14), fill=tuple(map(int, colour)), outline="black")
        draw.text((left + 20, top + 7), name.replace("_", " "), fill="black", font=font, anchor="lm")
    return np.asarray(legend)


if __name__ == "__main__":
    main()
