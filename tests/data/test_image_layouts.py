"""Layouts of images: pairs, whole fakes, DFFD, CelebAMask-HQ."""

from pathlib import Path

import numpy as np
import pytest

from fakelocator_zoo.data.celebamask_hq import index_celebamask_hq
from fakelocator_zoo.data.dffd import index_dffd
from fakelocator_zoo.data.index import DataIndex
from fakelocator_zoo.data.pair_folders import index_pairs, index_whole
from fakelocator_zoo.data.splits import identity_leaks
from tests.data.trees import touch, write_image


def unmatched(index: DataIndex) -> dict[str, str]:
    return {each.path.relative_to(index.root).as_posix(): each.reason for each in index.unmatched}


def fakes(index: DataIndex) -> dict[str, tuple]:
    return {
        each.fake.relative_to(index.root).as_posix(): (each.method, each.real and each.real.name, each.mask is not None)
        for each in index.samples
        if each.fake is not None
    }


def test_pairs_by_generator_with_masks(tmp_path):
    touch(tmp_path, "real/a.jpg", "real/b.jpg", "fake/gan/a.png", "fake/gan/b.png", "fake/vae/a.png", "mask/a.png")
    index = index_pairs(tmp_path)
    assert fakes(index) == {
        "fake/gan/a.png": ("gan", "a.jpg", True),
        "fake/gan/b.png": ("gan", "b.jpg", False),
        "fake/vae/a.png": ("vae", "a.jpg", True),
    }
    assert not index.unmatched and index.notes == ["vae: 1 of 2 missing, such as b"]


def test_a_folder_that_both_sides_have_is_no_generator(tmp_path):
    touch(tmp_path, "real/inside/a.png", "fake/inside/a.png")
    assert fakes(index_pairs(tmp_path)) == {"fake/inside/a.png": ("fake", "a.png", False)}


def test_every_file_without_a_partner_is_told(tmp_path):
    touch(tmp_path, "real/a.png", "real/alone.png", "real/a.txt", "fake/a.png", "fake/gan/z.png", "mask/q.png")
    assert unmatched(index_pairs(tmp_path)) == {
        "real/a.txt": "no image, or a second of its name",
        "real/alone.png": "no fake of this name",
        "fake/gan/z.png": "no real image z",
        "mask/q.png": "a mask, but no fake has its name",
    }


def test_hidden_files_are_nobodys(tmp_path):
    touch(tmp_path, "real/a.png", "fake/a.png", "real/._a.png", "fake/.DS_Store", ".git/real/b.png")
    assert not index_pairs(tmp_path).unmatched


def test_splits_of_pairs_and_the_same_photo_in_two(tmp_path):
    for split, shade in (("train", 0), ("validation", 9)):
        for side in ("original", "altered"):
            write_image(tmp_path / split / side / "0.png", np.full((9, 9, 3), shade, np.uint8))
    (tmp_path / "validation" / "original" / "0.png").write_bytes(b"another photo")
    index = index_pairs(tmp_path)
    assert {each.split for each in index.samples} == {"train", "val"}
    assert not identity_leaks(index.samples), "equal names alone are no leak: numbers begin anew in every split"
    for side in ("original", "altered"):
        photo = (tmp_path / "train" / side / "0.png").read_bytes()
        (tmp_path / "validation" / side / "0.png").write_bytes(photo)
    assert list(identity_leaks(index_pairs(tmp_path).samples).values()) == [("train", "val")]


def test_whole_fakes_need_no_partner(tmp_path):
    touch(tmp_path, "real/0.png", "fake/stylegan2/7.png", "fake/8.png")
    index = index_whole(tmp_path)
    assert fakes(index) == {"fake/8.png": ("fake", None, False), "fake/stylegan2/7.png": ("stylegan2", None, False)}
    assert all(each.usable and (each.whole or each.fake is None) for each in index.samples)


def test_dffd_by_generator(tmp_path):
    touch(tmp_path, "ffhq/train/0.png", "stylegan_ffhq/train/0.png", "pggan_v1/validation/0.png")
    touch(tmp_path, "faceapp/train/0.png", "faceapp/train/1.png", "faceapp/masks/train/0.png")
    touch(tmp_path, "stargan/test/0.png", "readme.txt", "ffhq/9.png", "faceapp/masks/train/7.png", "other/train/0.png")
    index = index_dffd(tmp_path)
    counts = {(each.method, each.split, each.whole, each.usable) for each in index.samples}
    assert counts == {
        ("real", "train", False, True),
        ("stylegan_ffhq", "train", True, True),
        ("pggan_v1", "val", True, True),
        ("faceapp", "train", False, True),
        ("faceapp", "train", False, False),
        ("stargan", "test", False, False),
    }
    assert "faceapp: 1 fakes have no mask and are not used" in index.notes
    assert "pggan_v2: none there" in index.notes
    assert unmatched(index) == {
        "ffhq/9.png": "not in a folder <generator>/<train|validation|test>",
        "other/train/0.png": "other is no part of DFFD",
        "faceapp/masks/train/7.png": "a mask, but there is no fake of this name",
    }
    assert not identity_leaks(index.samples)


@pytest.mark.parametrize(
    "masks", ["faceapp/masks/train", "faceapp_masks/train", "faceapp/train_mask", "faceapp/train/mask"]
)
def test_dffd_masks_lie_where_people_put_them(tmp_path, masks):
    touch(tmp_path, "faceapp/train/0.png", f"{masks}/0.png")
    index = index_dffd(tmp_path)
    assert index.samples[0].mask == tmp_path / masks / "0.png" and not index.unmatched


def test_dffd_as_its_baseline_wants_it(tmp_path):
    touch(
        tmp_path, "train/Real/0.png", "train/Fake/0.png", "train/Mask/0.png", "eval/Fake/1.png", "test/Fake/sub/2.png"
    )
    touch(tmp_path, "test/Mask/sub/2.png")
    index = index_dffd(tmp_path)
    assert {(each.method, each.split, each.usable) for each in index.samples} == {
        ("real", "train", True),
        ("fake", "train", True),
        ("fake", "val", False),
        ("fake", "test", True),
    }
    assert not index.unmatched


def celebamask(root: Path) -> Path:
    touch(root, "CelebA-HQ-img/0.jpg", "CelebA-HQ-img/2.jpg", "CelebA-HQ-img/10.jpg")
    touch(root, "CelebAMask-HQ-mask-anno/0/00000_skin.png", "CelebAMask-HQ-mask-anno/0/00010_hair.png")
    return root


def test_celebamask_photos_are_real(tmp_path):
    touch(celebamask(tmp_path), "CelebAMask-HQ-mask-anno/0/00004_nose.png", "CelebAMask-HQ-mask-anno/0/00000_tail.png")
    index = index_celebamask_hq(tmp_path)
    assert [each.real.name for each in index.samples] == ["0.jpg", "2.jpg", "10.jpg"]
    assert "photos with parts: 1 of 3 missing, such as 2" in index.notes
    assert unmatched(index) == {
        "CelebAMask-HQ-mask-anno/0/00000_tail.png": "not named <number>_<part>.png",
        "CelebAMask-HQ-mask-anno/0/00004_nose.png": "no photo 4",
    }


def test_celebamask_people_come_from_the_lists_of_celeba(tmp_path):
    celebamask(tmp_path)
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "      idx  orig_idx  orig_file\n        0    119613    119614.jpg\n        2    72388    072389.jpg\n"
    )
    (tmp_path / "identity_CelebA.txt").write_text("072389.jpg 17\n119614.jpg 17\n")
    people = {each.real.stem: each.identities for each in index_celebamask_hq(tmp_path).samples}
    assert people == {"0": ("person 17",), "2": ("person 17",), "10": ("photo 10",)}
