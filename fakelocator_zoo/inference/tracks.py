"""Faces of a video followed from frame to frame by the overlap of their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from fakelocator_zoo.inference.faces import Box

#: Boxes of one face in two frames have at least this intersection over union.
MIN_OVERLAP = 0.3
#: A face that was not found for longer than this many seconds gets a new number.
PATIENCE = 1.0


class _Seen(NamedTuple):
    box: Box
    time: float
    frame: int


class FaceTracks:
    """Gives each face of a video a number, from 1, that it keeps from frame to frame."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._frame = self._last = 0

    def update(self, boxes: Sequence[Box], time: float) -> list[int]:
        """The numbers of the faces of the next frame.

        The assignment has the largest sum of overlaps (Kuhn, "The Hungarian method", 1955).

        Args:
            boxes: of all faces of the frame.
            time: of the frame, in seconds.
        """
        self._frame += 1
        # However far apart frames are, those of the one before are remembered.
        self._seen = {
            number: seen
            for number, seen in self._seen.items()
            if time - seen.time <= PATIENCE or seen.frame == self._frame - 1
        }
        known = list(self._seen)
        numbers = [0] * len(boxes)
        overlaps = intersection_over_union(boxes, [self._seen[number].box for number in known])
        for row, column in zip(*linear_sum_assignment(-overlaps), strict=True):
            if overlaps[row, column] >= MIN_OVERLAP:
                numbers[row] = known[column]
        for row, box in enumerate(boxes):
            if not numbers[row]:
                self._last += 1
                numbers[row] = self._last
            self._seen[numbers[row]] = _Seen(box, time, self._frame)
        return numbers


def intersection_over_union(first: Sequence[Box], second: Sequence[Box]) -> np.ndarray:
    """(N, M) float of N and M boxes, in [0, 1]."""
    a, b = (np.asarray(boxes, np.float64).reshape(-1, 4) for boxes in (first, second))
    corners = np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:])
    shared = np.clip(corners[1] - corners[0], 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    return shared / np.maximum(areas[0][:, None] + areas[1] - shared, 1e-9)
