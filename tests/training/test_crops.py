from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import default_collate

from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.training.crops import (
    Kind,
    Steps,
    TrainingCrops,
    TrainingItems,
    match_source,
    read_pairs,
    read_photos,
)
from fakelocator_zoo.training.recipe import PairSource, Recipe, parse_recipe
from fakelocator_zoo.training.task import FakeLocatorTask


def write(path: Path, seed: int, size: int = 48) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    smooth = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(smooth).resize((size, size), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def data(tmp_path) -> Path:
    for number in range(4):
        write(tmp_path / f"photos/{number}.png", number)
        write(tmp_path / f"gan/real/{number}.png", number)
        write(tmp_path / f"gan/fake/{number}.png", number + 100)
        write(tmp_path / f"stylegan/{number}.png", number + 200)
    return tmp_path


def recipe(**changes: object) -> Recipe:
    values = {
        "data": {
            "photos": {"photos": 1.0},
            "pairs": {"gan": {"real": "gan/real", "fake": "gan/fake"}},
            "whole": {"stylegan": "stylegan"},
            "size": 32,
        }
    }
    return parse_recipe(values | changes)


def crops(data: Path, **changes: object) -> TrainingCrops:
    asked = recipe(**changes)
    return TrainingCrops(
        asked,
        photos=read_photos(data, asked.data.photos, []),
        pairs=read_pairs(data, asked.data.pairs, []),
        whole=read_photos(data, {"stylegan": 1.0}, []),
    )


def collate(items: list) -> TrainingItems:
    return TrainingItems(*default_collate(items))


def test_even_items_are_real_and_odd_items_fake(data):
    made = crops(data)
    kinds = [made[index].kind for index in range(64)]
    assert all((kind == Kind.REAL) == (index % 2 == 0) for index, kind in enumerate(kinds))
    assert {Kind.BANK, Kind.PAIR, Kind.WHOLE} <= set(kinds)


def test_an_item_depends_on_seed_and_index_alone(data):
    one, other = crops(data), crops(data)
    assert torch.equal(one[5].fake, other[5].fake) and torch.equal(one[4].real, other[4].real)
    assert not torch.equal(one[4].real, crops(data, seed=1)[4].real)


def test_steps_go_on_where_they_stopped():
    whole = list(Steps(0, 4, batch_size=2))
    assert list(Steps(0, 2, batch_size=2)) + list(Steps(2, 2, batch_size=2)) == whole
    assert whole == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_shares_of_zero_are_left_out(data):
    made = crops(data, fakes={"bank_share": 0.0, "whole_share": 0.0})
    kinds = {made[index].kind for index in range(64)}
    assert kinds == {Kind.REAL, Kind.PAIR}


def test_what_is_held_out_is_not_trained_on(data):
    assert len(read_photos(data, {"photos": 1.0}, ["photos/[01].png"])[0].images) == 2
    assert read_pairs(data, recipe().data.pairs, ["gan"]) == []
    with pytest.raises(ValueError, match="held out for validation"):
        read_photos(data, {"photos": 1.0}, ["photos/*"])


def test_reals_named_by_a_suffix(data):
    for name in ("000_GANrow", "001_GANrow"):
        write(data / f"edits/real/{name}.png", 0)
    for name in ("000_GAN_Bald", "000_GAN_Young", "001_GAN_Bald", "001_VAE_Bald"):
        write(data / f"edits/fake/{name}.png", 1)
    source = PairSource(real="edits/real", fake="edits/fake", pattern=["*_GAN_*"], real_suffix="row")
    matched = [(real.stem, fake.stem) for real, fake in match_source(data, source)]
    assert matched == [
        ("000_GANrow", "000_GAN_Bald"),
        ("000_GANrow", "000_GAN_Young"),
        ("001_GANrow", "001_GAN_Bald"),
    ]


def test_pairs_of_two_sizes_are_named(data):
    write(data / "gan/fake/3.png", 9, size=40)
    with pytest.raises(ValueError, match=r"real.3\.png is 48 x 48 .*fake.3\.png is 40 x 40"):
        read_pairs(data, recipe().data.pairs, [])


def test_a_batch(data, tiny_model):
    task = FakeLocatorTask(tiny_model, recipe(partial_augmentation=1.0), [Generator(width=4).eval()]).train()
    made = crops(data)
    items = collate([made[index] for index in range(32)])
    batch = task.make_batch(items)
    reals = int((batch.label == 0).sum())
    assert reals == 16 and not batch.label[:reals].any() and batch.label[reals:].all()
    assert not batch.fakeness_map[:reals].any() and not batch.mask[:reals].any()
    assert (batch.fakeness_map[reals:] <= batch.mask[reals:] + 0.5).all()
    assert batch.known.sum() == 32 - (items.kind == Kind.WHOLE).sum()
    assert batch.images.min() >= 0 and batch.images.max() <= 1


def test_only_real_images_are_augmented(data, tiny_model):
    made = crops(data, fakes={"bank_share": 0.0, "pairs_share": 0.0})
    items = collate([made[index] for index in range(16)])
    task = FakeLocatorTask(tiny_model, recipe(degradation=0.0)).train()
    batch = task.make_batch(items)
    torch.testing.assert_close(batch.images[8:], items.fake[1::2])
    assert not torch.equal(batch.images[:8], items.real[::2])
    torch.testing.assert_close(task.eval().make_batch(items).images[:8], items.real[::2])
