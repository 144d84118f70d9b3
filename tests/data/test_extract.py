"""Extracted frames are a data set of the same layout, with the same pairs and splits."""

from pathlib import Path

import numpy as np
import pytest

from fakelocator_zoo.data.extract import extract_frames
from fakelocator_zoo.data.frames import frame_numbers, shared_frames
from fakelocator_zoo.data.layouts import read_index
from tests.data.trees import touch, video_name, write_image, write_splits, write_video

pytest.importorskip("av")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    frames = [np.full((32, 32, 3), 9 * i, np.uint8) for i in range(12)]
    root = tmp_path / "set"
    write_video(root / video_name("youtube", "000"), frames)
    write_video(root / video_name("Face2Face", "000_003"), frames[:8])
    write_video(root / "manipulated_sequences/Face2Face/masks/videos/000_003.mp4", frames)
    write_splits(root, train=[["000", "003"]])
    return root


def test_the_copy_is_of_the_same_layout(root, tmp_path):
    assert extract_frames(read_index(root), tmp_path / "out", frames_per_video=4, report=lambda _: None) == []
    index = read_index(tmp_path / "out")
    [fake] = [sample for sample in index.samples if sample.fake is not None]
    assert fake.split == "train" and not index.unmatched
    assert fake.mask == tmp_path / "out/manipulated_sequences/Face2Face/masks/frames/000_003"
    assert frame_numbers(fake.fake) == shared_frames(fake.files, 99) == [1, 3, 5, 7]


def test_a_broken_video_is_named_and_the_rest_goes_on(root, tmp_path):
    touch(root, video_name("FaceSwap", "000_003"))
    failures = extract_frames(read_index(root), tmp_path / "out", report=lambda _: None)
    assert len(failures) == 1 and "FaceSwap" in failures[0] and "is damaged or no video" in failures[0]
    assert (tmp_path / "out/manipulated_sequences/Face2Face/c23/frames/000_003/000.png").is_file()


def test_what_is_there_is_not_written_again(root, tmp_path):
    said: list[str] = []
    extract_frames(read_index(root), tmp_path / "out", report=said.append)
    kept = tmp_path / "out/original_sequences/youtube/c23/frames/000/000.png"
    before = kept.stat().st_mtime_ns
    extract_frames(read_index(root), tmp_path / "out", report=said.append)
    assert kept.stat().st_mtime_ns == before and said[-1] == "3 of 3 videos"
    assert not list(tmp_path.rglob("*.unfinished"))


def test_mistakes_are_told(root, tmp_path):
    with pytest.raises(ValueError, match="is the data set itself"):
        extract_frames(read_index(root), root)
    for side in ("real", "fake"):
        write_image(tmp_path / "pairs" / side / "a.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="holds no videos"):
        extract_frames(read_index(tmp_path / "pairs"), tmp_path / "out")
