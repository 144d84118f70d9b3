"""FaceForensics++ is indexed from file names alone, whatever part of it is there."""

from pathlib import Path

import numpy as np
import pytest

from fakelocator_zoo.data.faceforensics import index_faceforensics
from fakelocator_zoo.data.index import DataIndex
from fakelocator_zoo.data.splits import identity_leaks
from tests.data.trees import touch, video_name, write_splits


def fake(index: DataIndex, name: str) -> IndexedSample:
    [found] = [each for each in index.samples if each.fake is not None and each.fake.stem == name]
    return found


def unmatched(index: DataIndex) -> dict[str, str]:
    return {each.path.name: each.reason for each in index.unmatched}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    touch(tmp_path, *(video_name("youtube", name) for name in ("000", "003", "010", "011")))
    touch(tmp_path, video_name("Deepfakes", "000_003"), video_name("FaceShifter", "010_011"))
    touch(tmp_path, "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4")
    write_splits(tmp_path, train=[["000", "003"]], val=[["010", "011"]], test=[["020", "021"]])
    return tmp_path


def test_a_fake_has_its_real_video_its_mask_its_split_and_both_people(root):
    found = fake(index_faceforensics(root), "000_003")
    assert found.method == "Deepfakes" and found.split == "train" and found.identities == ("000", "003")
    assert found.real == root / video_name("youtube", "000")
    assert found.mask == root / "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4"


def test_face_shifter_has_no_masks_and_needs_none(root):
    found = fake(index_faceforensics(root), "010_011")
    assert found.mask is None and found.usable and found.split == "val"


def test_a_real_video_is_in_the_split_of_its_number(root):
    reals = {each.real.stem: each.split for each in index_faceforensics(root).samples if each.fake is None}
    assert reals == {"000": "train", "003": "train", "010": "val", "011": "val"}


def test_what_a_whole_copy_would_have_is_told(root):
    notes = index_faceforensics(root).notes
    assert "Deepfakes: 5 of 6 missing, such as 003" in notes
    assert "real: 2 of 6 missing, such as 020" in notes
    assert "NeuralTextures: none there" in notes


def test_files_without_a_place_or_a_partner_are_told(root):
    touch(root, video_name("Deepfakes", "900_901"), video_name("Deepfakes", "holiday"))
    touch(root, "manipulated_sequences/Deepfakes/masks/videos/777_778.mp4")
    touch(root, "original_sequences/youtube/c23/videos/notes.txt")
    index = index_faceforensics(root)
    assert unmatched(index) == {
        "900_901.mp4": "its real video 900 is not there",
        "holiday.mp4": "not named as a fake of Deepfakes",
        "777_778.mp4": "a mask, but Deepfakes has no fake of this name",
        "notes.txt": "no video",
    }
    assert not fake(index, "900_901").usable


def test_people_of_deep_fake_detection_are_actors(tmp_path):
    touch(tmp_path, video_name("actors", "01__walking_outside"))
    touch(tmp_path, video_name("DeepFakeDetection", "01_11__walking_outside__9TDCEK1Q"))
    index = index_faceforensics(tmp_path)
    found = fake(index, "01_11__walking_outside__9TDCEK1Q")
    assert found.real == tmp_path / video_name("actors", "01__walking_outside")
    assert found.identities == ("actor 01", "actor 11") and not index.unmatched


def test_extracted_frames_take_the_place_of_videos(root):
    touch(root, "original_sequences/youtube/c23/frames/000/010.png")
    touch(root, "manipulated_sequences/Deepfakes/c23/frames/000_003/010.png")
    found = fake(index_faceforensics(root), "000_003")
    assert found.real.parent.name == found.fake.parent.name == "frames"


def test_frames_cropped_in_each_video_apart_are_not_compared(tmp_path):
    """DeepfakeBench leaves landmarks beside the frames that it cut out."""
    for folder, name in (
        ("original_sequences/youtube", "000"),
        ("manipulated_sequences/Deepfakes", "000_003"),
        ("manipulated_sequences/FaceShifter", "000_003"),
    ):
        touch(tmp_path, f"{folder}/c23/frames/{name}/010.png", f"{folder}/c23/landmarks/{name}/010.npy")
    touch(tmp_path, "manipulated_sequences/Deepfakes/c23/masks/000_003/010.png")
    index = index_faceforensics(tmp_path)
    of = {each.method: each for each in index.samples}
    assert of["Deepfakes"].real is None and of["Deepfakes"].mask is not None and of["Deepfakes"].usable
    assert not of["FaceShifter"].usable
    assert "FaceShifter: 1 fakes have neither their real video nor a mask, and are not used" in index.notes

    touch(tmp_path, *(video_name(source, name) for source, name in (("youtube", "000"), ("FaceShifter", "000_003"))))
    of = {each.method: each for each in index_faceforensics(tmp_path).samples}
    assert of["FaceShifter"].real == tmp_path / video_name("youtube", "000")


def test_the_compression_is_chosen_and_told(root):
    touch(root, video_name("youtube", "000", "raw"))
    assert "compression c23 is used; c23, raw are there" in index_faceforensics(root).notes
    assert len(index_faceforensics(root, "raw").samples) == 1
    with pytest.raises(ValueError, match="nothing of compression c40; it has c23, raw"):
        index_faceforensics(root, "c40")


def test_without_the_official_lists_no_sample_is_in_a_split(root):
    for path in root.glob("*.json"):
        path.unlink()
    index = index_faceforensics(root)
    assert {each.split for each in index.samples} == {None}
    assert any(note.startswith("train.json and val.json and test.json not there") for note in index.notes)
    assert "Deepfakes: 1 of 1000 there" in index.notes


@pytest.mark.parametrize("text", ['{"000": 1}', "[1, 2]", "[", '[["000"]]'])
def test_a_list_that_is_none_is_named(root, text):
    (root / "train.json").write_text(text)
    with pytest.raises(ValueError, match=r"train\.json is no list of pairs"):
        index_faceforensics(root)


def test_a_video_in_two_lists_is_an_error(root):
    write_splits(root, test=[["000", "021"]])
    with pytest.raises(ValueError, match=r"test\.json lists video 000, which train\.json lists too"):
        index_faceforensics(root)


def test_a_swap_between_two_splits_is_a_leak(root):
    assert not identity_leaks(index_faceforensics(root).samples)
    touch(root, video_name("FaceSwap", "000_010"))
    assert identity_leaks(index_faceforensics(root).samples) == {"010": ("train", "val")}


def test_the_full_size_is_a_matter_of_seconds(tmp_path):
    names = [f"{i:03d}" for i in range(1000)]
    rng = np.random.default_rng(0)
    partner = rng.permutation(names)
    touch(tmp_path, *(video_name("youtube", name) for name in names))
    for method in ("Deepfakes", "Face2Face", "FaceSwap"):
        touch(tmp_path, *(video_name(method, f"{a}_{b}") for a, b in zip(names, partner, strict=True)))
    index = index_faceforensics(tmp_path)
    assert len(index.samples) == 4000 and not index.unmatched
