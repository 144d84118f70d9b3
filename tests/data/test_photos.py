"""Real photos as crops, and pairs matched by name."""

import numpy as np
import pytest
import torch
from PIL import Image

from fakelocator_zoo.data.pairs import PairCrops, match_pairs
from fakelocator_zoo.data.photos import PhotoCrops
from fakelocator_zoo.images import list_images, random_crop
from fakelocator_zoo.transforms.fakeness_map import fakeness_map


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)


@pytest.fixture
def pair_folder(tmp_path, photo):
    for side in ("real", "fake"):
        (tmp_path / side / "inside").mkdir(parents=True)
    for name in ("a", "inside/b"):
        Image.fromarray(photo).save(tmp_path / "real" / f"{name}.png")
        changed = photo.copy()
        changed[20:40, 30:60] = 255 - changed[20:40, 30:60]
        Image.fromarray(changed).save(tmp_path / "fake" / f"{name}.bmp")
    return tmp_path


def test_images_are_found_below_folders(pair_folder):
    (pair_folder / "real" / "notes.txt").write_text("no image")
    found = list_images([pair_folder / "real", pair_folder / "fake" / "a.bmp"])
    assert [path.name for path in found] == ["a.png", "b.png", "a.bmp"]


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        list_images([tmp_path / "nowhere"])
    with pytest.raises(FileNotFoundError, match="holds no image"):
        list_images([tmp_path])


def test_crops_depend_on_seed_epoch_and_index_alone(pair_folder):
    paths = list_images([pair_folder / "real"])
    one, two = (PhotoCrops(paths, 32, 10, seed=5) for _ in range(2))
    assert torch.equal(one[3], two[3]) and not torch.equal(one[3], one[4])
    two.epoch = 1
    assert not torch.equal(one[3], two[3])
    assert one[0].shape == (3, 32, 32) and one[0].dtype == torch.float32


def test_weights_say_how_often_a_photo_comes(tmp_path):
    for name, colour in (("black", 0), ("white", 255)):
        Image.new("L", (40, 40), colour).convert("RGB").save(tmp_path / f"{name}.png")
    crops = PhotoCrops(list_images([tmp_path]), 32, 50, weights=[1, 4])
    white = sum(float(crops[i].mean()) > 0.5 for i in range(50))
    assert 32 <= white <= 48
    with pytest.raises(ValueError, match="one for each of 2 photos, got 1"):
        PhotoCrops(list_images([tmp_path]), 32, 10, weights=[1])
    crops.weigh([0, 1])
    assert all(float(crops[i].mean()) > 0.5 for i in range(50)), "a weight of 0 leaves a photo out"


@pytest.mark.parametrize("size", [16, 64, 128])
def test_crops_of_any_size(photo, size):
    rng = np.random.default_rng(0)
    for _ in range(20):
        crop = random_crop(photo, size, rng)
        assert crop.shape == (size, size, 3) and crop.dtype == np.uint8


def test_pairs_match_by_name_and_the_rest_is_told(pair_folder, photo):
    Image.fromarray(photo).save(pair_folder / "real" / "alone.png")
    pairs, unmatched = match_pairs(pair_folder / "real", pair_folder / "fake")
    assert [pair.real.stem for pair in pairs] == ["a", "b"] == [pair.fake.stem for pair in pairs]
    assert [path.name for path in unmatched] == ["alone.png"]


def test_nothing_in_common_is_an_error(pair_folder, tmp_path):
    (tmp_path / "other").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "other" / "z.png")
    with pytest.raises(ValueError, match="matched by name"):
        match_pairs(pair_folder / "real", tmp_path / "other")


def test_two_images_of_one_name_are_an_error(pair_folder, photo):
    Image.fromarray(photo).save(pair_folder / "real" / "a.bmp")
    with pytest.raises(ValueError, match="have one name"):
        match_pairs(pair_folder / "real", pair_folder / "fake")


@pytest.mark.parametrize("size", [24, 128])
def test_pair_crops_come_from_one_place(pair_folder, size):
    pairs, _ = match_pairs(pair_folder / "real", pair_folder / "fake")
    crops = PairCrops(pairs, size, 10)
    for index in range(5):
        sample = crops[index]
        assert sample.real.shape == sample.fake.shape == (3, size, size)
        assert torch.equal(sample.fakeness_map, fakeness_map(sample.real, sample.fake))
        untouched = (sample.fakeness_map == 0).expand(3, -1, -1)
        assert torch.equal(sample.real[untouched], sample.fake[untouched])


def test_a_pair_of_two_sizes_is_named(pair_folder):
    Image.new("RGB", (10, 10)).save(pair_folder / "fake" / "a.bmp")
    pairs, _ = match_pairs(pair_folder / "real", pair_folder / "fake")
    with pytest.raises(ValueError, match=r"a\.png is 90 x 70 .*a\.bmp is 10 x 10"):
        PairCrops(pairs[:1], 24, 1)[0]
