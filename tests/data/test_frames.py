"""Frames by number, from videos, folders and images."""

import struct
import sys

import numpy as np
import pytest

from fakelocator_zoo.data.frames import evenly_spaced, frame_numbers, read_frames, shared_frames
from tests.data.trees import write_image, write_video


def shades(count: int) -> list[np.ndarray]:
    """Frames that tell their number by their grey: 8 times it."""
    return [np.full((32, 48, 3), 8 * number, np.uint8) for number in range(count)]


def numbers_in(frames) -> list[int]:
    return [round(float(frame.mean()) / 8) for frame in frames]


@pytest.fixture
def video(tmp_path):
    pytest.importorskip("av")
    write_video(tmp_path / "v.mp4", shades(23))
    return tmp_path / "v.mp4"


@pytest.mark.parametrize("wanted", [[0], [22], [7], [3, 4, 5], [20, 1, 11], [0, 22], list(range(23))])
def test_the_very_frames_come_in_the_order_asked_for(video, wanted):
    frames = read_frames(video, wanted)
    assert numbers_in(frames) == wanted
    assert frames[0].shape == (32, 48, 3) and frames[0].dtype == np.uint8


def test_no_more_is_decoded_than_needed(video, monkeypatch):
    """Frame 21 lies after the key frame 20 of a video with one every four."""
    import av

    decode = av.container.InputContainer.decode
    decoded = []

    class Counting:
        def __init__(self, container):
            self.container = container

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.container.close()

        def __getattr__(self, name):
            return getattr(self.container, name)

        def decode(self, *streams):
            for frame in decode(self.container, *streams):
                decoded.append(frame.pts)
                yield frame

    real_open = av.open
    monkeypatch.setattr(av, "open", lambda path: Counting(real_open(path)))
    assert numbers_in(read_frames(video, [21])) == [21]
    assert len(decoded) == 2


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)])
def test_a_video_is_turned_as_its_file_says(tmp_path, matrix, turns):
    """Phones write a portrait as a landscape, and the rotation into the track header (ISO 14496-12, 8.3.2)."""
    pytest.importorskip("av")
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[:16, :24] = 200
    write_video(tmp_path / "v.mp4", [frame] * 5)
    content = bytearray((tmp_path / "v.mp4").read_bytes())
    a, b, c, d = (each * 0x10000 for each in matrix)
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    (tmp_path / "v.mp4").write_bytes(content)
    for numbers in ([0], [3]):
        [read] = read_frames(tmp_path / "v.mp4", numbers)
        upright = np.rot90(frame, turns).astype(int)
        assert read.shape == upright.shape and np.abs(read - upright).mean() < 8


def test_a_video_without_times_is_read_from_its_start(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "v.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = 32, 48
        for frame in shades(9):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    assert frame_numbers(path) == list(range(9))
    assert numbers_in(read_frames(path, [8, 2])) == [8, 2]


def test_frames_in_folders_keep_their_numbers(tmp_path):
    for number in (4, 10, 100):
        write_image(tmp_path / "000" / f"{number:03d}.png", shades(26)[number // 4])
    (tmp_path / "000" / "notes.txt").touch()
    assert frame_numbers(tmp_path / "000") == [4, 10, 100]
    assert numbers_in(read_frames(tmp_path / "000", [100, 4])) == [25, 1]


def test_real_and_fake_give_the_same_frames(tmp_path, video):
    for number in (4, 10, 22, 40):
        write_image(tmp_path / "000" / f"{number}.png", shades(1)[0])
    assert shared_frames([video, tmp_path / "000"], 8) == [4, 10, 22]
    assert shared_frames([video], 3) == [3, 11, 19]


def test_an_image_is_frame_0(tmp_path):
    write_image(tmp_path / "a.png", shades(1)[0])
    assert frame_numbers(tmp_path / "a.png") == [0] and len(read_frames(tmp_path / "a.png", [0])) == 1


@pytest.mark.parametrize(("total", "count"), [(1, 1), (7, 3), (100, 8), (5, 9)])
def test_frames_are_evenly_spaced(total, count):
    picked = evenly_spaced(total, count)
    assert len(picked) == len(set(picked)) == min(total, count)
    assert np.ptp(np.diff(picked)) <= 1 if len(picked) > 2 else True
    assert abs(picked[0] - (total - 1 - picked[-1])) <= 1, "as far from the start as from the end"


def test_mistakes_are_one_sentence_that_names_the_file(tmp_path, video):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"text\.mp4 is damaged or no video"):
        frame_numbers(tmp_path / "text.mp4")
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"cut\.mp4"):
        read_frames(tmp_path / "cut.mp4", [0])
    with pytest.raises(ValueError, match=r"v\.mp4 has no frame 23; it has 23"):
        read_frames(video, [23])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no frames such as 010\.png"):
        frame_numbers(tmp_path / "empty")


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"pip install 'fakelocator-zoo\[video\]'"):
        frame_numbers(tmp_path / "new.mp4")
