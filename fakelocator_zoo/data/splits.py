"""Splits that no identity crosses: a check of those that a data set brings, and a split for those without."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fakelocator_zoo.data.index import DataIndex, IndexedSample

if TYPE_CHECKING:
    from scipy.sparse import coo_array


def identity_leaks(samples: Sequence[IndexedSample]) -> dict[str, tuple[str, ...]]:
    """Identities that are in more than one split, and the splits; empty where all is well.

    >>> swap = IndexedSample("FaceSwap", split="train", identities=("000", "003"))
    >>> identity_leaks([swap, IndexedSample("real", split="test", identities=("003",))])
    {'003': ('test', 'train')}
    """
    splits: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample.split is not None:
            for identity in sample.identities:
                splits[identity].add(sample.split)
    return {identity: tuple(sorted(found)) for identity, found in sorted(splits.items()) if len(found) > 1}


def training_and_validation(
    index: DataIndex, methods: Collection[str] = (), split: str | None = None, *, share: float = 0.1, seed: int = 0
) -> tuple[list[IndexedSample], list[IndexedSample]]:
    """The samples of ``split`` to train on, and those of its official ``val``, or else ``share`` of its people.

    Raises:
        ValueError: where methods or split are not there, and where somebody is in two of the official splits.
    """
    chosen = index.select(methods, split)
    if split is not None:
        leaks = identity_leaks(index.samples)
        if leaks:
            who, splits = next(iter(leaks.items()))
            raise ValueError(
                f"{len(leaks)} identities of {index.root} are in more than one split, such as {who} in "
                f"{' and '.join(splits)}; fakelocator data check lists them"
            )
    if split == "train" and any(sample.split == "val" for sample in index.samples):
        validation = index.select(methods, "val")
        if any(sample.fake is not None for sample in validation):
            return chosen, validation
    dealt = split_by_identity(chosen, {"train": 1 - share, "val": share}, seed=seed)
    return [each for each in dealt if each.split == "train"], [each for each in dealt if each.split == "val"]


def split_by_identity(
    samples: Sequence[IndexedSample], shares: Mapping[str, float], *, seed: int = 0
) -> list[IndexedSample]:
    """Give every sample a split, so that no identity is in two.

    A face swap ties two people together, so what is dealt out are groups of people tied by any chain of swaps.
    A group larger than the largest share is cut where few swaps tie it, and the swaps across the cut belong to no
    split (``split`` is None).

    Args:
        samples: any split that they have is replaced.
        shares: split -> share of the fakes, and of the reals without fakes; above 0, together 1.
        seed: same seed, same split.

    Raises:
        ValueError: where the shares are none, or there are too few people for so many splits.
    """
    if not shares or min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"shares must be above 0 and sum up to 1, got {dict(shares)}")
    people = [sample.identities or tuple(map(str, sample.files)) for sample in samples]
    swaps = [together for sample, together in zip(samples, people, strict=True) if sample.fake is not None]
    rng = np.random.default_rng(seed)
    group_of = _tied_groups(people)
    fakes = Counter(group_of[together[0]] for together in swaps)
    split_of: dict[str, str] = {}
    for group, count in fakes.items():
        if count > max(shares.values()) * len(swaps):
            members = [person for person in group_of if group_of[person] == group]
            cut = _cut(members, [together for together in swaps if group_of[together[0]] == group], shares, rng)
            split_of |= cut
            group_of |= {person: person for person in cut}
    with_fakes = Counter(group_of[together[0]] for together in swaps)
    without = Counter(group_of[together[0]] for together in people)
    for groups in (with_fakes, without):
        split_of |= _deal({group: size for group, size in groups.items() if group not in split_of}, shares, rng)

    dealt = []
    for sample, people_of in zip(samples, people, strict=True):
        splits = {split_of[group_of[person]] for person in people_of}
        dealt.append(sample._replace(split=splits.pop() if len(splits) == 1 else None))
    wanting = set(shares) - {sample.split for sample in dealt if sample.fake is not None}
    if wanting and swaps:
        raise ValueError(
            f"no fake is left for {' and '.join(sorted(wanting))}: there are too few people who are not tied to all "
            f"others by swaps for {len(shares)} splits; add data, or take fewer splits"
        )
    return dealt


def _tied_groups(people: Sequence[tuple[str, ...]]) -> dict[str, str]:
    """Each person -> one person who stands for all those tied to them."""
    from scipy.sparse.csgraph import connected_components

    names = sorted({person for together in people for person in together})
    labels = connected_components(_ties(names, people), directed=False)[1]
    first = {label: name for name, label in zip(reversed(names), reversed(labels), strict=True)}
    return {name: first[label] for name, label in zip(names, labels, strict=True)}


def _cut(
    members: Sequence[str], swaps: Sequence[tuple[str, ...]], shares: Mapping[str, float], rng: np.random.Generator
) -> dict[str, str]:
    """People tied to each other -> splits: a share of the people each, and at least one swap where there is one."""
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    names = [members[i] for i in rng.permutation(len(members))]
    # In this order those who are tied stand close to each other, so that a cut parts few.
    queue = [names[i] for i in reverse_cuthill_mckee(_ties(names, swaps).tocsr(), symmetric_mode=True)]
    split_of: dict[str, str] = {}
    *smaller, largest = sorted(shares, key=shares.__getitem__)
    for split in smaller:
        taken: set[str] = set()
        while queue and (len(taken) < shares[split] * len(names) or not any(taken.issuperset(swap) for swap in swaps)):
            taken.add(queue.pop(0))
        split_of |= dict.fromkeys(taken, split)
    return split_of | dict.fromkeys(queue, largest)


def _ties(names: Sequence[str], people: Sequence[tuple[str, ...]]) -> coo_array:
    """Graph (N, N) of who is tied to whom."""
    from scipy.sparse import coo_array

    number = {name: i for i, name in enumerate(names)}
    ties = [(number[a], number[b]) for together in people for a in together for b in together]
    rows, columns = np.array(ties, dtype=np.int32).reshape(-1, 2).T
    return coo_array((np.ones(len(ties), np.int8), (rows, columns)), shape=(len(names), len(names)))


def _deal(weights: Mapping[str, int], shares: Mapping[str, float], rng: np.random.Generator) -> dict[str, str]:
    """Groups -> splits: a small one for each, so that none stays empty; then the largest where most is wanting."""
    groups = sorted(weights)
    rng.shuffle(groups)
    groups.sort(key=weights.__getitem__)
    total = sum(weights.values())
    wanting = {split: share * total for split, share in shares.items()}
    dealt: dict[str, str] = {}

    def give(group: str, split: str) -> None:
        dealt[group] = split
        wanting[split] -= weights[group]

    by_share = sorted(shares, key=shares.__getitem__)
    if len(groups) >= len(by_share):
        for split in by_share:
            give(groups.pop(0), split)
    for group in reversed(groups):
        give(group, max(wanting, key=wanting.__getitem__))
    return dealt
