"""What the page refuses, in one sentence, and how long it lets anybody wait."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakelocator_zoo.app import limits
from fakelocator_zoo.app.limits import Busy, Worker, check_photo, check_video, read_photo
from fakelocator_zoo.images import ImageError
from tests.inference.clips import grey, write_clip

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(PIXELS).save(path)
    return path


def test_a_photo_is_read_as_it_is(photo: Path) -> None:
    assert np.array_equal(read_photo(str(photo)), PIXELS)


def test_without_a_photo_there_is_nothing_to_do() -> None:
    with pytest.raises(ImageError, match="no photo was given"):
        check_photo(None)


@pytest.mark.parametrize(("limit", "value", "message"), [("MAX_BYTES", 50, "smaller file"), ("MAX_PIXELS", 47, "crop")])
def test_larger_ones_than_the_limits_are_refused(
    photo: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    monkeypatch.setattr(limits, limit, value)
    with pytest.raises(ImageError, match=message):
        check_photo(photo)


@pytest.mark.parametrize("kept", [0, 10, 100])
def test_sentences_about_a_file_that_was_cut_off_name_it_and_not_its_folder(photo: Path, kept: int) -> None:
    photo.write_bytes(photo.read_bytes()[:kept])
    with pytest.raises(ImageError, match=r"^photo\.png ") as raised:
        read_photo(photo)
    assert str(photo.parent) not in str(raised.value)


def test_a_photo_that_was_deleted_is_asked_for_again(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png is not here any more"):
        check_photo(tmp_path / "gone.png")


def test_a_call_that_takes_too_long_is_given_up_and_one_behind_it_is_told_that_the_page_is_busy() -> None:
    worker, go_on = Worker(seconds=0.05), threading.Event()
    try:
        with pytest.raises(ImageError, match="takes longer"):
            worker.run(go_on.wait)
        with pytest.raises(Busy, match="busy"):
            worker.run(lambda: None)
    finally:
        go_on.set()
    worker.seconds = 10
    assert worker.run(lambda: 7) == 7


@pytest.mark.parametrize(("limit", "value"), [("MAX_BYTES", 50), ("MAX_VIDEO_FRAMES", 8), ("MAX_FRAME_PIXELS", 3000)])
def test_videos_over_a_limit_are_refused_and_long_ones_thinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    pytest.importorskip("av")
    clip = write_clip(tmp_path / "clip.mp4", [grey(level) for level in range(9)])
    assert check_video(clip) == (clip, 1)
    monkeypatch.setattr(limits, "MAX_FRAMES", 4)
    assert check_video(str(clip)) == (clip, 3)
    monkeypatch.setattr(limits, limit, value)
    with pytest.raises(ImageError, match=r"^clip\.mp4 .* cut it"):
        check_video(clip)


def test_what_is_no_video_is_named_without_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("av")
    for name, match in (("a.txt", "is no video"), ("a.mp4", "damaged or no video")):
        (tmp_path / name).write_text("no video")
        with pytest.raises(ImageError, match=match) as raised:
            check_video(tmp_path / name)
        assert str(tmp_path) not in str(raised.value)
    with pytest.raises(ImageError, match="no video was given"):
        check_video(None)


def test_an_error_of_the_call_is_its_callers() -> None:
    def fail() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        Worker().run(fail)
