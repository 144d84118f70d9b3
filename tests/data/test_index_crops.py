"""Crops of any indexed data set hold something fake, and its true map."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fakelocator_zoo.data.index import IndexedSample
from fakelocator_zoo.data.index_crops import IndexCrops
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from tests.data.trees import write_image, write_video


@pytest.fixture
def pair(tmp_path: Path) -> IndexedSample:
    """A photo of 200 x 300 of which 9 x 9 pixels were changed."""
    photo = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    changed = photo.copy()
    changed[150:159, 20:29] ^= 128
    write_image(tmp_path / "real.png", photo)
    write_image(tmp_path / "fake.png", changed)
    return IndexedSample("gan", tmp_path / "real.png", tmp_path / "fake.png", identities=("a",))


def mask(path: Path, value: int, rows: slice) -> Path:
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[rows] = value
    write_image(path, pixels)
    return path


def test_every_crop_of_a_pair_holds_some_of_what_is_fake(pair):
    crops = IndexCrops([pair], 32, 50)
    sizes = set()
    for index in range(len(crops)):
        sample = crops[index]
        assert sample.real.shape == sample.fake.shape == (3, 32, 32) and sample.fakeness_map.shape == (1, 32, 32)
        torch.testing.assert_close(sample.fakeness_map, fakeness_map(sample.real, sample.fake))
        sizes.add(int((sample.fakeness_map > 0).sum()))
    assert min(sizes) > 0 and max(sizes) == 81 and len(sizes) > 1, "anywhere in the crop, not in its middle alone"


def test_outside_its_mask_a_pair_is_untouched(pair, tmp_path):
    """Compression changes every pixel of a video; the mask tells what the generator changed."""
    crops = IndexCrops([pair._replace(mask=mask(tmp_path / "mask.png", 255, slice(150, 153)))], 32, 10)
    assert max(int((crops[index].fakeness_map > 0).sum()) for index in range(10)) == 27


def test_without_a_real_partner_the_mask_is_the_map(pair, tmp_path):
    graded = mask(tmp_path / "mask.png", 51, slice(0, 100))
    samples = [IndexedSample("faceapp", fake=pair.fake, mask=graded), IndexedSample("real", pair.real)]
    sample = IndexCrops(samples, 32, 1)[0]
    assert sample.fakeness_map.max() == pytest.approx(0.2), "51 of 255: grey stays grey"


def test_a_mask_of_zeros_and_ones_is_black_and_white(pair, tmp_path):
    ones = mask(tmp_path / "mask.png", 1, slice(0, 200))
    samples = [IndexedSample("faceapp", fake=pair.fake, mask=ones), IndexedSample("real", pair.real)]
    assert IndexCrops(samples, 32, 1)[0].fakeness_map.min() == 1


def test_an_empty_mask_is_named(pair, tmp_path):
    empty = mask(tmp_path / "mask.png", 0, slice(0, 200))
    with pytest.warns(UserWarning, match=r"mask\.png is an empty mask"), pytest.raises(ValueError):
        IndexCrops([IndexedSample("faceapp", fake=pair.fake, mask=empty), IndexedSample("real", pair.real)], 32, 1)[0]


def test_a_whole_fake_is_fake_everywhere(pair):
    samples = [IndexedSample("stylegan", fake=pair.fake, whole=True), IndexedSample("real", pair.real)]
    assert IndexCrops(samples, 256, 1)[0].fakeness_map.min() == 1, "mirrored at the border, where it is too small"


def test_crops_depend_on_seed_epoch_and_index_alone(pair):
    one, two = (IndexCrops([pair], 32, 10, seed=5) for _ in range(2))
    assert torch.equal(one[3].fake, two[3].fake) and not torch.equal(one[3].fake, one[4].fake)
    two.epoch = 1
    assert not torch.equal(one[3].fake, two[3].fake)


def test_videos_give_the_same_frame_of_both(tmp_path):
    pytest.importorskip("av")
    shades = [np.full((64, 64, 3), 9 * i, np.uint8) for i in range(20)]
    painted = [frame.copy() for frame in shades]
    for frame in painted:
        frame[16:48, 16:48] += 60
    write_video(tmp_path / "000.mp4", shades)
    write_video(tmp_path / "000_003.mp4", painted[:16])
    sample = IndexedSample("FaceSwap", tmp_path / "000.mp4", tmp_path / "000_003.mp4", identities=("000", "003"))
    crops = IndexCrops([sample], 64, 30, frames_per_video=4)
    seen = set()
    for index in range(30):
        real, _, truth = crops[index]
        assert truth[0, 20:44, 20:44].mean() == pytest.approx(60 / 255, abs=0.01)
        assert truth[0, :12].max() < 0.02
        seen.add(round(float(real.mean()) * 255 / 9))
    assert seen == {2, 6, 10, 14}, "the middles of four parts of the 16 frames that both have"


def test_a_broken_file_is_named_once_and_the_rest_goes_on(pair, tmp_path):
    (tmp_path / "cut.png").write_bytes(pair.fake.read_bytes()[:500])
    crops = IndexCrops([pair, pair._replace(fake=tmp_path / "cut.png")], 32, 20)
    with pytest.warns(UserWarning, match=r"cut\.png is damaged") as told:
        for index in range(20):
            assert crops[index].fakeness_map.max() > 0
    assert len(told) == 1


def test_where_nothing_can_be_read_it_ends(pair, tmp_path):
    crops = IndexCrops([pair._replace(fake=tmp_path / "gone.png")], 32, 1)
    with pytest.warns(UserWarning, match="gone"), pytest.raises(ValueError, match="fakelocator data check"):
        crops[0]


@pytest.mark.parametrize(
    ("fake", "message"),
    [(np.zeros((10, 10, 3), np.uint8), "they must have one size"), (None, "does not differ")],
)
def test_pairs_that_are_none_are_told(pair, fake, message):
    if fake is None:
        pair.fake.write_bytes(pair.real.read_bytes())
    else:
        write_image(pair.fake, fake)
    with pytest.warns(UserWarning, match=message), pytest.raises(ValueError):
        IndexCrops([pair], 32, 1)[0]


def test_what_cannot_be_trained_on_is_refused(pair):
    with pytest.raises(ValueError, match="no fakes whose true map is known"):
        IndexCrops([IndexedSample("stargan", fake=pair.fake), IndexedSample("real", pair.real)], 32, 1)
    with pytest.raises(ValueError, match="need real images beside them"):
        IndexCrops([IndexedSample("stylegan", fake=pair.fake, whole=True)], 32, 1)
