"""Real photos as crops, and pairs matched by name."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from fakelocator_zoo.data.pairs import crop_alike
from fakelocator_zoo.data.photos import PhotoCrops, random_crop
from fakelocator_zoo.images import ImageError, list_images
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


def test_crops_depend_on_seed_epoch_and_index_alone(pair_folder):
    paths = list_images([pair_folder / "real"])
    one, two = (PhotoCrops(paths, 32, 10, seed=5) for _ in range(2))
    assert torch.equal(one[3], two[3]) and not torch.equal(one[3], one[4])
    two.epoch = 1
    assert not torch.equal(one[3], two[3])
    assert one[0].shape == (3, 32, 32) and one[0].dtype == torch.float32


def test_crops_are_the_same_in_any_number_of_workers(pair_folder):
    crops = PhotoCrops(list_images([pair_folder / "real"]), 32, 6, seed=5)
    alone, shared = (list(DataLoader(crops, 2, num_workers=workers)) for workers in (0, 2))
    assert all(torch.equal(one, other) for one, other in zip(alone, shared, strict=True))


def test_a_photo_that_cannot_be_read_is_named(pair_folder):
    (pair_folder / "real" / "cut.png").write_bytes((pair_folder / "real" / "a.png").read_bytes()[:500])
    with pytest.raises(ImageError, match=r"cut\.png is damaged or cut off; "):
        PhotoCrops(list_images([pair_folder / "real"]), 32, 10)


def sideways(path, pixels):
    """Stored a quarter turn counter-clockwise, with EXIF orientation 6: shown as the pixels are."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(pixels)).save(path, exif=exif, quality=100, subsampling=0)


def sixteen_bits(path, pixels):
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(path)


def transparent(path, pixels):
    alpha = np.where(pixels[..., :1] == 255, 0, 255).astype(np.uint8)
    Image.fromarray(np.concatenate([np.where(alpha, pixels, 0).astype(np.uint8), alpha], axis=2)).save(path)


@pytest.mark.parametrize(
    ("name", "store", "exact"),
    [("a.jpg", sideways, False), ("a.png", sixteen_bits, True), ("a.png", transparent, True)],
)
def test_pairs_and_photos_are_read_as_they_are_shown(tmp_path, name, store, exact):
    """A smooth grey photo on white; its fake is an ordinary PNG of which a square was changed by 51 of 255."""
    rows, columns = np.mgrid[:64, :64]
    pixels = np.repeat((rows + 2 * columns)[..., None], 3, axis=2).astype(np.uint8)
    pixels[:, :8] = 255
    fake = pixels.copy()
    fake[16:48, 16:48] += 51
    for side in ("real", "fake"):
        (tmp_path / side).mkdir()
    store(tmp_path / "real" / name, pixels)
    Image.fromarray(fake).save(tmp_path / "fake" / "a.png")
    assert fakeness_map(tmp_path / "real" / name, tmp_path / "fake" / "a.png").mean() == pytest.approx(
        0.2 / 4, abs=1e-6 if exact else 0.01
    )
    [photo] = PhotoCrops([tmp_path / "real" / name], 64, 1).photos
    assert np.abs(photo.astype(int) - pixels).max() <= (0 if exact else 12)


def test_weights_say_how_often_a_photo_comes(tmp_path):
    for name, colour in (("black", 0), ("white", 255)):
        Image.new("L", (40, 40), colour).convert("RGB").save(tmp_path / f"{name}.png")
    crops = PhotoCrops(list_images([tmp_path]), 32, 50, weights=[1, 4])
    white = sum(float(crops[i].mean()) > 0.5 for i in range(50))
    assert 32 <= white <= 48
    with pytest.raises(ValueError, match="one for each of 2 photos, got 1"):
        PhotoCrops(list_images([tmp_path]), 32, 10, weights=[1])
    crops = PhotoCrops(list_images([tmp_path]), 32, 50, weights=[0, 1])
    assert all(float(crops[i].mean()) > 0.5 for i in range(50)), "a weight of 0 leaves a photo out"


@pytest.mark.parametrize("size", [16, 64, 128])
def test_crops_of_any_size(photo, size):
    rng = np.random.default_rng(0)
    for _ in range(20):
        crop, attention = random_crop(photo, size, rng)
        assert crop.shape == (size, size, 3) and crop.dtype == np.uint8 and attention is None


@pytest.mark.parametrize("size", [24, 128])
def test_crops_of_a_pair_come_from_one_place(photo, size):
    changed = 255 - photo
    for seed in range(5):
        real, fake = crop_alike([photo, changed], size, np.random.default_rng(seed))
        assert real.shape == (size, size, 3)
        assert (real == 255 - fake).all()
