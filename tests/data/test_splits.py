"""No identity is in two splits, whatever swaps tie people together."""

import numpy as np
import pytest

from fakelocator_zoo.data.index import DataIndex, IndexedSample
from fakelocator_zoo.data.splits import identity_leaks, split_by_identity, training_and_validation

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def swaps(pairs, method="FaceSwap"):
    return [IndexedSample(method, fake=f"{a}_{b}", whole=True, identities=(a, b)) for a, b in pairs]


def reals(names):
    return [IndexedSample("real", real=name, identities=(name,)) for name in names]


@pytest.mark.parametrize("seed", range(5))
def test_random_swaps_never_leak(seed):
    rng = np.random.default_rng(seed)
    people = [str(i) for i in range(60)]
    samples = reals(people) + swaps(rng.choice(people, size=(25 + 30 * seed, 2)))
    dealt = split_by_identity(samples, SHARES, seed=seed)
    assert not identity_leaks(dealt)
    assert {each.split for each in dealt if each.fake} >= set(SHARES)


def test_pairs_of_people_are_dealt_in_the_shares_asked_for():
    """FaceForensics++ without its lists: 500 couples, and each method swaps both ways."""
    couples = [(f"{2 * i:03d}", f"{2 * i + 1:03d}") for i in range(500)]
    samples = swaps(couples) + swaps((b, a) for a, b in couples)
    dealt = split_by_identity(samples, SHARES)
    assert [sum(each.split == split for each in dealt) for split in SHARES] == [800, 100, 100]


def test_a_group_too_large_is_cut_and_what_ties_it_left_out():
    """Celeb-DF: almost everybody was swapped with almost everybody."""
    people = [f"id{i}" for i in range(20)]
    everybody = swaps((a, b) for a in people for b in people if a != b)
    dealt = split_by_identity(everybody + reals(people), {"train": 0.7, "val": 0.3})
    assert not identity_leaks(dealt)
    assert {each.split for each in dealt if each.fake} == {"train", "val", None}
    assert all(each.split for each in dealt if not each.fake)


def test_the_seed_decides():
    samples = swaps((str(i), str(i + 100)) for i in range(50))
    assert split_by_identity(samples, SHARES, seed=1) == split_by_identity(samples, SHARES, seed=1)
    assert split_by_identity(samples, SHARES, seed=1) != split_by_identity(samples, SHARES, seed=2)


def test_too_few_people_are_told():
    with pytest.raises(ValueError, match="no fake is left for train: .* for 2 splits"):
        split_by_identity(swaps([("a", "b")]), {"train": 0.9, "val": 0.1})


@pytest.mark.parametrize("shares", [{}, {"train": 0.5}, {"train": 1.0, "val": 0.0}])
def test_shares_sum_up_to_one(shares):
    with pytest.raises(ValueError, match="shares must be above 0 and sum up to 1"):
        split_by_identity(swaps([("a", "b")]), shares)


def index_of(samples, tmp_path):
    return DataIndex("faceforensics", tmp_path, samples, [], [])


def test_official_splits_are_used_where_they_are(tmp_path):
    official = [each._replace(split=split) for split in ("train", "val", "test") for each in swaps([(split, split)])]
    training, validation = training_and_validation(index_of(official, tmp_path), split="train")
    assert [each.split for each in training + validation] == ["train", "val"]


def test_official_splits_that_leak_are_not_trained_on(tmp_path):
    leaking = [swaps([("a", "b")])[0]._replace(split="train"), swaps([("b", "c")])[0]._replace(split="test")]
    with pytest.raises(ValueError, match="1 identities .* such as b in test and train"):
        training_and_validation(index_of(leaking, tmp_path), split="train")


def test_validation_without_the_method_is_taken_from_the_training_split(tmp_path):
    official = [each._replace(split="train") for each in swaps((str(i), str(i + 100)) for i in range(10))]
    official += [each._replace(split="val") for each in swaps([("a", "b")], "Deepfakes")]
    training, validation = training_and_validation(index_of(official, tmp_path), ["FaceSwap"], "train", share=0.2)
    assert (len(training), len(validation)) == (8, 2)


def test_without_official_validation_people_are_held_out(tmp_path):
    samples = swaps((str(i), str(i + 100)) for i in range(10))
    training, validation = training_and_validation(index_of(samples, tmp_path), share=0.2)
    assert (len(training), len(validation)) == (8, 2)


@pytest.mark.parametrize(
    ("methods", "split", "message"),
    [
        (["FaceSwop"], None, "no fakes of method 'FaceSwop'; did you mean 'FaceSwap'"),
        (["x"], None, "there are FaceSwap"),
        ([], "train", "no split 'train'; its samples are in none"),
    ],
)
def test_what_is_not_there_is_told(tmp_path, methods, split, message):
    with pytest.raises(ValueError, match=message):
        index_of(swaps([("a", "b")]), tmp_path).select(methods, split)
