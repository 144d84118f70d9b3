"""A folder is recognised by what it holds; where it is not, the message says what was looked for."""

import pytest

from fakelocator_zoo.data.layouts import LAYOUTS, detect_layout, read_index
from tests.data.trees import touch


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ("faceforensics", ["manipulated_sequences/Deepfakes/c23/videos/000_003.mp4"]),
        ("celeb-df", ["Celeb-synthesis/id0_id1_0000.mp4"]),
        ("celebamask-hq", ["CelebA-HQ-img/0.jpg"]),
        ("dffd", ["stargan/train/0.png"]),
        ("dffd", ["train/Real/0.png", "train/Fake/0.png", "train/Mask/0.png"]),
        ("pairs", ["real/0.png", "fake/0.png"]),
        ("pairs", ["train/real/0.png", "train/fake/gan/0.png"]),
    ],
)
def test_layouts_are_recognised(tmp_path, layout, names):
    touch(tmp_path, *names)
    assert detect_layout(tmp_path) == layout == read_index(tmp_path).layout


def test_pairs_of_other_names_do_not_silently_become_whole_fakes(tmp_path):
    touch(tmp_path, "real/0.png", "fake/0_smile.png")
    with pytest.raises(ValueError, match="rename the pairs, or give the layout 'whole'"):
        read_index(tmp_path)
    assert read_index(tmp_path, "whole").samples[-1].whole


def test_an_unknown_folder_tells_what_was_looked_for(tmp_path):
    with pytest.raises(ValueError, match="looked for original_sequences/") as error:
        detect_layout(tmp_path)
    assert all(name in str(error.value) for name in LAYOUTS)
    touch(tmp_path, "downloads/Celeb-real/id0_0000.mp4")
    with pytest.raises(ValueError, match="but .*downloads is; give that"):
        detect_layout(tmp_path)


def test_options_that_do_not_fit_are_told(tmp_path):
    touch(tmp_path, "real/0.png", "fake/0.png")
    with pytest.raises(ValueError, match="compression belongs to faceforensics"):
        read_index(tmp_path, compression="c23")
    with pytest.raises(ValueError, match="no layout 'pair'; there are faceforensics"):
        read_index(tmp_path, "pair")
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        read_index(tmp_path / "nowhere")
