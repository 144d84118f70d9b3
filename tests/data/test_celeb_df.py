"""Celeb-DF: pairs by name, a list in which 1 means real, and people who must not be trained and tested on."""

from pathlib import Path

import pytest

from fakelocator_zoo.data.celeb_df import index_celeb_df
from fakelocator_zoo.data.splits import identity_leaks
from tests.data.trees import touch


@pytest.fixture
def root(tmp_path: Path) -> Path:
    touch(tmp_path, *(f"Celeb-real/id{person}_0000.mp4" for person in range(5)))
    touch(tmp_path, "YouTube-real/00170.mp4", "YouTube-real/00171.mp4")
    touch(tmp_path, *(f"Celeb-synthesis/{name}.mp4" for name in ("id0_id1_0000", "id2_id3_0000", "id1_id2_0000")))
    (tmp_path / "List_of_testing_videos.txt").write_text(
        "1 Celeb-real/id0_0000.mp4\n1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
    )
    return tmp_path


def by_name(index) -> dict:
    return {(each.fake or each.real).stem: each for each in index.samples}


def test_a_fake_is_paired_with_the_video_it_was_made_from(root):
    found = by_name(index_celeb_df(root))["id2_id3_0000"]
    assert found.real == root / "Celeb-real/id2_0000.mp4" and found.identities == ("id2", "id3")
    assert found.mask is None and found.usable


def test_nobody_of_the_test_list_is_trained_on(root):
    index = index_celeb_df(root)
    assert {name: each.split for name, each in by_name(index).items()} == {
        "id0_0000": "test",
        "00170": "test",
        "id0_id1_0000": "test",
        "id1_0000": None,  # in a test swap
        "id1_id2_0000": None,
        "id2_0000": "train",
        "id3_0000": "train",
        "id4_0000": "train",
        "00171": "train",
        "id2_id3_0000": "train",
    }
    assert not identity_leaks(index.samples)
    assert "2 videos show people of the test list: in no split, so that nobody is in two" in index.notes


def test_a_label_that_contradicts_its_folder_is_an_error(root):
    """Whoever takes 1 for fake, as most lists do, trains on the opposite."""
    (root / "List_of_testing_videos.txt").write_text("1 Celeb-synthesis/id0_id1_0000.mp4\n")
    with pytest.raises(ValueError, match=r"line 1: .* contradicts its folder; in this list 1 means real"):
        index_celeb_df(root)


@pytest.mark.parametrize("line", ["Celeb-real/id0_0000.mp4", "1 Elsewhere/id0_0000.mp4", "2 Celeb-real/id0_0000.mp4"])
def test_a_line_of_another_form_is_named(root, line):
    (root / "List_of_testing_videos.txt").write_text(f"1 YouTube-real/00170.mp4\n{line}\n")
    with pytest.raises(ValueError, match=r"List_of_testing_videos\.txt, line 2: .* is not such as"):
        index_celeb_df(root)


def test_what_is_missing_or_misnamed_is_told(root):
    (root / "Celeb-real/id0_0000.mp4").unlink()
    touch(root, "Celeb-synthesis/holiday.mp4")
    index = index_celeb_df(root)
    assert {each.path.name: each.reason for each in index.unmatched} == {
        "id0_id1_0000.mp4": "its real video id0_0000 is not there",
        "holiday.mp4": "not named as a video of Celeb-synthesis",
    }
    assert "test videos: 1 of 3 missing, such as Celeb-real/id0_0000" in index.notes
    assert not by_name(index)["id0_id1_0000"].usable


def test_extracted_frames_and_another_spelling(tmp_path):
    touch(tmp_path, "Celeb-real/frames/id0_0000/000.png", "Celeb-synthesis/frames/id0_id1_0000/000.png")
    touch(tmp_path, "Youtube-real/videos/00170.mp4")
    index = index_celeb_df(tmp_path)
    assert by_name(index)["id0_id1_0000"].real == tmp_path / "Celeb-real/frames/id0_0000"
    assert by_name(index)["00170"].identities == ("youtube 00170",)
