"""Faces that keep their numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from fakelocator_zoo.inference.tracks import PATIENCE, FaceTracks, intersection_over_union


def box(left: int, top: int, side: int = 64) -> tuple[int, int, int, int]:
    return (left, top, left + side, top + side)


def test_overlap_is_that_of_torchvision() -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 50, (7, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 40, (7, 2))], axis=1)
    ours = intersection_over_union(list(map(tuple, boxes)), list(map(tuple, boxes[:4])))
    assert ours == pytest.approx(box_iou(torch.from_numpy(boxes), torch.from_numpy(boxes[:4])).numpy())


def test_two_faces_that_move_keep_their_numbers_whatever_their_order() -> None:
    tracks = FaceTracks()
    assert tracks.update([box(0, 0), box(200, 0)], 0.0) == [1, 2]
    assert tracks.update([box(190, 8), box(8, 0)], 0.1) == [2, 1]
    assert tracks.update([box(16, 0), box(180, 16), box(400, 0)], 0.2) == [1, 2, 3]


def test_a_face_that_comes_back_soon_keeps_its_number_and_a_late_one_does_not() -> None:
    tracks = FaceTracks()
    tracks.update([box(0, 0)], 0.0)
    assert tracks.update([], 0.5) == []
    assert tracks.update([box(0, 0)], 0.9) == [1]
    tracks.update([], 1.0)
    assert tracks.update([box(0, 0)], 1.0 + 2 * PATIENCE) == [2]


def test_frames_far_apart_are_followed_all_the_same() -> None:
    tracks = FaceTracks()
    tracks.update([box(0, 0)], 0.0)
    assert tracks.update([box(8, 0)], 10.0) == [1]
