from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakelocator_zoo.evaluation import samples
from fakelocator_zoo.evaluation.evaluate import evaluate_all
from fakelocator_zoo.evaluation.predictors import constant, high_pass
from fakelocator_zoo.evaluation.samples import ONE_GENERATOR, read_paired, read_photos, read_whole
from fakelocator_zoo.images import ImageError, read_image
from fakelocator_zoo.transforms.degradations import degradation
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from tests.evaluation.conftest import NAMES, SIZE, save
from tests.inference.stubs import noise


def test_each_generator_has_its_samples_and_each_photo_stands_there_once(pairs: Path) -> None:
    data = read_paired(pairs)
    assert {name: len(samples) for name, samples in data.generators.items()} == {"left": 6, "top": 6}
    assert data.photos.names == NAMES and len(data) == 18
    assert data.paired and not data.unmatched
    sample = data.generators["top"][1]
    assert sample.name == "b" and sample.mask is None
    assert np.array_equal(sample.real, data.photos[1]) and np.array_equal(sample.real, noise(*SIZE, seed=1))
    assert np.array_equal(sample.true_map, fakeness_map(sample.real, sample.fake))
    assert sample.true_map[:12].mean() > 0.3 and sample.true_map[12:].max() == 0


def test_fakes_directly_in_their_folder_are_one_generator(pairs: Path) -> None:
    (pairs / "fake" / "left").rename(pairs / "left")
    (pairs / "fake" / "top").rename(pairs / "flat")
    (pairs / "fake").rmdir()
    (pairs / "flat").rename(pairs / "fake")
    assert {name: len(samples) for name, samples in read_paired(pairs).generators.items()} == {ONE_GENERATOR: 6}


def test_images_beside_generators_are_refused(pairs: Path) -> None:
    save(pairs / "fake" / "stray.png", noise(*SIZE))
    with pytest.raises(ValueError, match="both images and folders"):
        read_whole(pairs)


@pytest.mark.parametrize("place", ["mask", "elsewhere"])
def test_a_mask_blends_the_fake_into_its_photo(pairs: Path, place: str) -> None:
    soft = np.zeros(SIZE, np.uint8)
    soft[:, :8], soft[:, 8:16] = 255, 102  # 102 / 255 = 0.4
    for name in NAMES:
        save(pairs / place / f"{name}.png", soft)
    data = read_paired(pairs, masks=None if place == "mask" else pairs / place)
    sample = data.generators["left"][0]
    real = noise(*SIZE, seed=0).astype(float)
    assert np.array_equal(sample.real, real)
    assert np.array_equal(sample.fake[:, :8], 255 - real[:, :8])
    assert np.array_equal(sample.fake[:, 8:16], (real + 0.4 * (255 - 2 * real)).round()[:, 8:16])
    assert np.array_equal(sample.fake[:, 16:], real[:, 16:])
    assert np.array_equal(sample.true_map, fakeness_map(sample.real, sample.fake))
    assert sample.mask is not None and sample.mask[0, ::8].tolist() == pytest.approx([1, 0.4, 0, 0])
    assert np.array_equal(sample.fake_pixels(0.05), soft > 127)


@pytest.fixture
def painted_whole(pairs: Path) -> Path:
    """``pairs`` with fakes that differ everywhere, and central masks on disk of all photos but one."""
    for generator in ("left", "top"):
        for index, name in enumerate(NAMES):
            save(pairs / "fake" / generator / f"{name}.png", 255 - noise(*SIZE, seed=index))
    centre = np.zeros(SIZE, np.uint8)
    centre[8:16, 10:22] = 255
    for name in NAMES[1:]:
        save(pairs / "mask" / f"{name}.png", centre)
    return pairs


def test_moved_masks_take_the_place_of_those_on_disk(painted_whole: Path) -> None:
    data = read_paired(painted_whole, off_centre=0)
    assert data.photos.names == NAMES and not data.unmatched
    for sample in data.generators["top"]:
        assert sample.mask is not None and sample.real is not None and sample.mask.dtype == np.float32
        assert 0.02 < (sample.mask > 0.5).mean() < 0.4
        real = sample.real.astype(float)
        expected = real + sample.mask[..., None].astype(float) * (255 - 2 * real)
        assert np.array_equal(sample.fake, expected.round())
        assert np.array_equal(sample.true_map, fakeness_map(sample.real, sample.fake))


def test_a_moved_mask_depends_on_name_and_seed_alone(painted_whole: Path) -> None:
    one, other = (read_paired(painted_whole, off_centre=seed) for seed in (0, 1))
    again = read_paired(painted_whole, off_centre=0, limit=3)
    mask = one.generators["left"][0].mask
    assert np.array_equal(mask, one.generators["top"][0].mask)
    assert np.array_equal(mask, again.generators["left"][0].mask)
    assert not np.array_equal(mask, one.generators["left"][1].mask)
    assert not np.array_equal(mask, other.generators["left"][0].mask)


def test_a_moved_mask_over_what_was_not_painted_is_told(painted_whole: Path) -> None:
    save(painted_whole / "fake" / "top" / "c.png", noise(*SIZE, seed=2))
    with pytest.raises(ImageError, match=r"c\.png equals .*generated masks need fakes that differ"):
        read_paired(painted_whole, off_centre=0).generators["top"][2]


def test_masks_are_read_or_moved(painted_whole: Path) -> None:
    with pytest.raises(ValueError, match="masks or off_centre"):
        read_paired(painted_whole, masks=painted_whole / "mask", off_centre=0)


def test_photos_of_several_folders_are_named_from_the_folder_above(whole: Path) -> None:
    names = {
        "real/one/0.png": noise(*SIZE, seed=0),
        "fake/gan/1.png": noise(*SIZE, seed=11),
    }
    photos = read_photos([whole / "real", whole / "fake" / ".." / "fake"])
    assert len(photos) == 11
    for name, expected in names.items():
        assert np.array_equal(photos[photos.names.index(name)], expected)
    assert read_photos([whole / "real"]).names[0] == "real/one/0.png"
    # A photo that is found twice is one photo.
    assert read_photos([whole / "real", whole / "real" / "one"]).names == read_photos([whole / "real"]).names
    assert len(read_photos([whole / "real", whole / "fake"], limit=2)) == 4
    assert read_photos([whole / "real"], degrade=degradation("downscale", 0.5))[0].shape == (12, 16, 3)


@pytest.mark.parametrize("folders", [[], ["nowhere"]])
def test_photos_need_a_folder(folders: list[str]) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match="no folder|nowhere does not exist"):
        read_photos(folders)


@pytest.mark.parametrize("kind", ["0 and 1", "palette", "alpha", "16 bit"])
def test_masks_as_tools_write_them_are_the_same_mask(pairs: Path, kind: str) -> None:
    right = np.zeros(SIZE, bool)
    right[:, 8:20] = True
    image = Image.fromarray(right.astype(np.uint8))
    if kind == "palette":
        image = image.convert("P")
        image.putpalette([0, 0, 0, 128, 0, 0])
    elif kind == "alpha":
        image = Image.fromarray(np.dstack([np.zeros((*SIZE, 3), np.uint8), right.astype(np.uint8) * 255]))
    elif kind == "16 bit":
        image = Image.fromarray(right.astype(np.uint16) * 65535)
    (pairs / "mask").mkdir()
    for name in NAMES:
        image.save(pairs / "mask" / f"{name}.png")
    sample = read_paired(pairs).generators["left"][0]
    assert sample.mask is not None and np.array_equal(sample.mask, right)


def test_an_empty_mask_is_named(pairs: Path) -> None:
    for name in NAMES:
        save(pairs / "mask" / f"{name}.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(ImageError, match=r"mask.a\.png is an empty mask"):
        read_paired(pairs).generators["left"][0]


def test_a_photo_of_several_fakes_is_decoded_once(pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    samples.read_photo.cache_clear()
    monkeypatch.setattr(samples, "read_image", lambda path: (decoded.append(str(path)), read_image(path))[1])
    evaluate_all([constant, high_pass], read_paired(pairs), true_mask=True)
    assert len(decoded) == len(set(decoded)) == 6 + 12


def test_without_a_mask_the_threshold_says_what_is_painted(pairs: Path) -> None:
    sample = read_paired(pairs).generators["left"][0]
    assert np.array_equal(sample.fake_pixels(0.2), sample.true_map >= 0.2)


def test_images_without_a_partner_are_listed_and_left_out(pairs: Path) -> None:
    (pairs / "real" / "b.png").unlink()
    extra = save(pairs / "fake" / "top" / "z.png", noise(*SIZE))
    data = read_paired(pairs)
    assert data.photos.names == ("a", "c", "d", "e", "f")
    expected = {extra, pairs / "fake" / "left" / "b.png", pairs / "fake" / "top" / "b.png"}
    assert {each.path for each in data.unmatched} == expected


def test_pairs_without_a_mask_are_listed_and_left_out(pairs: Path) -> None:
    for name in NAMES[1:]:
        save(pairs / "mask" / f"{name}.png", np.full(SIZE, 255, np.uint8))
    data = read_paired(pairs)
    assert data.photos.names == NAMES[1:]
    expected = {pairs / "real" / "a.png", pairs / "fake" / "left" / "a.png", pairs / "fake" / "top" / "a.png"}
    assert {each.path for each in data.unmatched} == expected


def test_pairs_and_masks_are_matched_by_name(pairs: Path, tmp_path: Path) -> None:
    save(tmp_path / "masks" / "z.png", np.full(SIZE, 255, np.uint8))
    with pytest.raises(ValueError, match="no fake of .* has a mask of its name"):
        read_paired(pairs, masks=tmp_path / "masks")
    for name in NAMES:
        (pairs / "real" / f"{name}.png").rename(pairs / "real" / f"{name}{name}.png")
    with pytest.raises(ValueError, match="no fake of .* has the name of an image in real/"):
        read_paired(pairs)


def test_a_limit_spreads_over_the_names_alike_for_every_generator(pairs: Path) -> None:
    data = read_paired(pairs, limit=3)
    assert data.photos.names == ("a", "c", "f")  # 0, 2.5 rounded to even, 5
    assert all([files.name for files in samples.files] == ["a", "c", "f"] for samples in data.generators.values())
    assert len(read_paired(pairs, limit=100).photos) == 6
    with pytest.raises(ValueError, match="at least 1"):
        read_paired(pairs, limit=0)


def test_a_pair_of_two_sizes_fails_when_it_is_read(pairs: Path) -> None:
    save(pairs / "fake" / "top" / "c.png", noise(10, 12))
    samples = read_paired(pairs).generators["top"]
    assert samples[1].name == "b"
    with pytest.raises(ImageError, match=r"c\.png is 32 x 24 .*c\.png is 12 x 10"):
        samples[2]


@pytest.mark.parametrize("missing", ["real", "fake"])
def test_pairs_need_both_sides(pairs: Path, missing: str) -> None:
    (pairs / missing).rename(pairs / "gone")
    with pytest.raises((ValueError, FileNotFoundError), match=f"{missing} does not exist"):
        read_paired(pairs)


def test_every_pixel_of_a_whole_fake_is_fake(whole: Path) -> None:
    data = read_whole(whole)
    assert data.photos.names == ("real/one/0", "real/one/1", "real/one/2", "real/two/3", "real/two/4")
    assert {name: len(samples) for name, samples in data.generators.items()} == {"diffusion": 2, "gan": 4}
    sample = data.generators["gan"][0]
    assert sample.name == "gan/0" and sample.real is None and not data.paired
    assert sample.true_map.shape == SIZE and sample.true_map.min() == 1
    assert sample.fake_pixels(0.05).all()


@pytest.mark.parametrize(("missing", "photos", "generators"), [("fake", 5, 0), ("real", 0, 2)])
def test_one_side_of_whole_images_is_enough(whole: Path, missing: str, photos: int, generators: int) -> None:
    (whole / missing).rename(whole / "gone")
    data = read_whole(whole)
    assert (len(data.photos), len(data.generators)) == (photos, generators)


def test_whole_images_need_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="neither real/ nor fake/"):
        read_whole(tmp_path)


def test_a_limit_of_whole_images_holds_for_photos_and_each_generator(whole: Path) -> None:
    data = read_whole(whole, limit=2)
    assert data.photos.names == ("real/one/0", "real/two/4")
    assert [len(samples) for samples in data.generators.values()] == [2, 2]


def test_real_and_fake_are_degraded_alike_and_the_truth_is_not(pairs: Path) -> None:
    data = read_paired(pairs, degrade=degradation("downscale", 0.5))
    sample, sharp = data.generators["left"][0], read_paired(pairs).generators["left"][0]
    assert sample.real is not None
    assert sample.fake.shape == sample.real.shape == data.photos[0].shape == (12, 16, 3)
    assert sample.size == SIZE and np.array_equal(sample.true_map, sharp.true_map)
