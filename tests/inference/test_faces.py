from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from fakelocator_zoo.inference.faces import detect_faces, find_faces
from tests.inference.stubs import noise


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return data.astronaut()


def test_astronaut(astronaut: np.ndarray) -> None:
    boxes = find_faces(astronaut)
    assert len(boxes) == 1
    left, top, right, bottom = boxes[0]
    # Eyes, nose and mouth of the portrait lie at about x 195-250, y 100-155.
    assert 100 < left < 190
    assert 0 <= top < 90
    assert 250 < right < 340
    assert 165 < bottom < 250
    assert find_faces(astronaut) == boxes


@pytest.mark.parametrize("offset", [(0, 0), (3, 5), (6, 1)])
def test_boxes_begin_on_the_grid_of_the_photo(astronaut: np.ndarray, offset: tuple[int, int]) -> None:
    boxes = find_faces(astronaut[offset[0] :, offset[1] :])
    assert [(left % 8, top % 8) for left, top, _, _ in boxes] == [(0, 0)]


def test_window_lies_inside_its_box(astronaut: np.ndarray) -> None:
    (window,), (box,) = detect_faces(astronaut), find_faces(astronaut)
    assert box[0] < window[0] < window[2] < box[2]
    assert box[1] < window[1] < window[3] < box[3]


def test_two_faces_in_a_grey_photo(astronaut: np.ndarray) -> None:
    face = astronaut[:256, 96:352]
    grey = np.repeat(np.concatenate([face, face[:, ::-1]], 1).mean(2).astype(np.uint8)[..., None], 3, axis=2)
    centres = sorted((box[0] + box[2]) / 2 for box in find_faces(grey))
    assert len(centres) == 2
    assert centres[0] < 256 < centres[1]


@pytest.mark.parametrize("name", ["coffee", "chelsea", "text"])
def test_photos_without_people(name: str) -> None:
    image = getattr(data, name)()
    image = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    assert find_faces(image) == []


@pytest.mark.parametrize("size", [(1, 1), (8, 2000), (24, 24), (100, 60)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    assert find_faces(noise(*size)) == []
