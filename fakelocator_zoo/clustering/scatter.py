"""The embedding of a clustering as a picture, with thumbnails of the photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fakelocator_zoo.clustering import SingleSampleClustering
from fakelocator_zoo.images import ImageError, read_image

_SIDE, _MARGIN, _HEAD, _THUMBNAIL = 1000, 40, 56, 52
_REAL, _FAKE = (38, 132, 84), (214, 68, 48)
_CLUSTERS = ((60, 90, 200), (222, 140, 20))  # where there are no labels


def draw_scatter(clusters: SingleSampleClustering, paths: Sequence[Path], labelled: Sequence[int] = ()) -> np.ndarray:
    """The embedding as a picture (H, W, 3) uint8: a dot for each image, thumbnails where there is room.

    Fake is red and real green; clusters that are not separable are blue and orange.

    Args:
        clusters: fitted to the N images.
        paths: (N,) of the images.
        labelled: rows of the labelled images, whose thumbnails are always drawn, with a black frame.
    """
    points = np.zeros((len(clusters.embedding_), 2))
    points[:, : clusters.embedding_.shape[1]] = clusters.embedding_[:, :2]
    low, spread = points.min(axis=0), np.ptp(points, axis=0)
    places = _MARGIN + np.where(spread > 0, (points - low) / np.maximum(spread, 1e-9), 0.5) * (_SIDE - 2 * _MARGIN)
    places[:, 1] += _HEAD
    numbers, palette = clusters.cluster_labels_, _CLUSTERS
    captions = ["cluster 0", "cluster 1: not separable, no labels"]
    if clusters.separable_:
        numbers, palette = clusters.labels_, (_REAL, _FAKE)
        fake = int(clusters.labels_.sum())
        captions = [f"real ({len(clusters.labels_) - fake})", f"fake ({fake})"]
    place_of = dict(zip(clusters.subsample_.tolist(), places.tolist(), strict=True))
    picture = Image.new("RGB", (_SIDE, _SIDE + _HEAD), "white")
    draw = ImageDraw.Draw(picture)
    for row, (x, y) in place_of.items():
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=palette[numbers[row]])
    # One thumbnail in each cell of a grid; those of the labelled images first among them, and drawn last.
    shown: dict[tuple[int, int], int] = {}
    for row in [*labelled, *place_of]:
        shown.setdefault((int(place_of[row][0] // _THUMBNAIL), int(place_of[row][1] // _THUMBNAIL)), row)
    for row in [*(row for row in shown.values() if row not in labelled), *labelled]:
        _draw_thumbnail(picture, paths[row], place_of[row], palette[numbers[row]], row in labelled)
    font, x = ImageFont.load_default(size=20), float(_MARGIN)
    for colour, caption in zip(palette, captions, strict=True):
        draw.ellipse((x, _HEAD / 2 - 8, x + 16, _HEAD / 2 + 8), fill=colour)
        draw.text((x + 24, _HEAD / 2), caption, fill="black", font=font, anchor="lm")
        x += 64 + font.getlength(caption)
    return np.asarray(picture)


def _draw_thumbnail(
    picture: Image.Image, path: Path, place: Sequence[float], colour: tuple[int, int, int], labelled: bool
) -> None:
    try:
        thumbnail = Image.fromarray(read_image(path))
    except ImageError:  # it was there a moment ago
        return
    thumbnail.thumbnail((_THUMBNAIL, _THUMBNAIL))
    left, top = (round(middle - size / 2) for middle, size in zip(place, thumbnail.size, strict=True))
    right, bottom = left + thumbnail.width - 1, top + thumbnail.height - 1
    picture.paste(thumbnail, (left, top))
    draw = ImageDraw.Draw(picture)
    if labelled:
        draw.rectangle((left - 5, top - 5, right + 5, bottom + 5), outline="black", width=3)
    draw.rectangle((left - 2, top - 2, right + 2, bottom + 2), outline=colour, width=3)
