"""The embedding of a clustering as a picture, with thumbnails of the photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fakelocator_zoo.clustering import SingleSampleClustering
from fakelocator_zoo.images import ImageError, read_image

_SIDE, _MARGIN, _HEAD, _THUMBNAIL = 1000, 40, 56, 52
_FAKE, _REAL = (214, 68, 48), (38, 132, 84)
_CLUSTERS = ((60, 90, 200), (222, 140, 20))  # where there are no labels


def draw_scatter(clusters: SingleSampleClustering, paths: Sequence[Path], labelled: Sequence[int] = ()) -> np.ndarray:
    """The embedding as a picture (H, W, 3) uint8: a dot for each image, thumbnails where there is room.

    Red and green are fake and real; blue and orange the two clusters, where they are not separable.

    Args:
        clusters: fitted to the N images.
        paths: (N,) of the images.
        labelled: rows of the labelled images; their thumbnails are always drawn, with a black frame.
    """
    points = clusters.embedding_[:, :2].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    places = _MARGIN + (points - low) / np.maximum(high - low, 1e-9) * (_SIDE - 2 * _MARGIN)
    if not (high > low).any():
        places[:] = _SIDE / 2
    places[:, 1] += _HEAD
    colours = [_colour(clusters, row) for row in range(len(points))]
    picture = Image.new("RGB", (_SIDE, _SIDE + _HEAD), "white")
    draw = ImageDraw.Draw(picture)
    for (x, y), colour in zip(places, colours, strict=True):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour)
    taken: set[tuple[int, int]] = set()
    # The labelled ones last, so that they lie on top; their cells are taken first.
    cells = [(int(x // _THUMBNAIL), int(y // _THUMBNAIL)) for x, y in places]
    taken |= {cells[row] for row in labelled}
    shown = []
    for row, cell in enumerate(cells):
        if cell not in taken:
            taken.add(cell)
            shown.append(row)
    for row in [*shown, *labelled]:
        thumbnail = _thumbnail(paths[row])
        if thumbnail is None:
            continue
        corner = (round(places[row, 0] - thumbnail.width / 2), round(places[row, 1] - thumbnail.height / 2))
        frame = (*corner, corner[0] + thumbnail.width - 1, corner[1] + thumbnail.height - 1)
        picture.paste(thumbnail, corner)
        if row in labelled:
            draw.rectangle((frame[0] - 5, frame[1] - 5, frame[2] + 5, frame[3] + 5), outline="black", width=3)
        draw.rectangle((frame[0] - 2, frame[1] - 2, frame[2] + 2, frame[3] + 2), outline=colours[row], width=3)
    _caption(draw, clusters)
    return np.asarray(picture)


def _colour(clusters: SingleSampleClustering, row: int) -> tuple[int, int, int]:
    if clusters.separable_:
        return _FAKE if clusters.labels_[row] else _REAL
    return _CLUSTERS[clusters.cluster_labels_[row]]


def _thumbnail(path: Path) -> Image.Image | None:
    try:
        image = Image.fromarray(read_image(path))
    except ImageError:  # it was there a moment ago
        return None
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return image


def _caption(draw: ImageDraw.ImageDraw, clusters: SingleSampleClustering) -> None:
    font = ImageFont.load_default(size=20)
    if clusters.separable_:
        fake = int(clusters.labels_.sum())
        entries = [(_FAKE, f"fake ({fake})"), (_REAL, f"real ({len(clusters.labels_) - fake})")]
    else:
        entries = [(_CLUSTERS[0], "cluster 0"), (_CLUSTERS[1], "cluster 1: not separable, no labels")]
    x = float(_MARGIN)
    for colour, text in entries:
        draw.ellipse((x, _HEAD / 2 - 8, x + 16, _HEAD / 2 + 8), fill=colour)
        draw.text((x + 24, _HEAD / 2), text, fill="black", font=font, anchor="lm")
        x += 24 + font.getlength(text) + 40
