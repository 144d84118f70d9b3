"""Splits without identity leaks: a check of official splits, and new splits for data sets without them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from fakelocator_zoo.data.index import DataIndex, IndexedSample


def identity_leaks(samples: Sequence[IndexedSample]) -> dict[str, tuple[str, ...]]:
    """Identities that are in more than one split, and their splits.

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
    """Training samples of ``split``, and validation samples: the official ``val``, or else ``share`` of the people.

    Raises:
        ValueError: for an unknown method or split, and where somebody is in two of the official splits.
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

    A face swap ties two people together. People are put in an order in which those who are tied stand close to each
    other, and each split takes a run of it. Swaps between people of two splits belong to none (``split`` is None).

    Args:
        samples: any split that they have is replaced.
        shares: split -> share of the people with fakes, and of those without; above 0, together 1.
        seed: same seed, same split.

    Raises:
        ValueError: where the shares are none, or there are too few people for so many splits.
    """
    if not shares or min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"shares must be above 0 and sum up to 1, got {dict(shares)}")
    people = [sample.identities or tuple(map(str, sample.files)) for sample in samples]
    swaps = [together for sample, together in zip(samples, people, strict=True) if sample.fake is not None]
    with_fakes = {person for together in swaps for person in together}
    order = _order(people, np.random.default_rng(seed))
    split_of = _deal([person for person in order if person in with_fakes], swaps, shares)
    split_of |= _deal([person for person in order if person not in with_fakes], people, shares)

    dealt = []
    for sample, together in zip(samples, people, strict=True):
        splits = {split_of[person] for person in together}
        dealt.append(sample._replace(split=splits.pop() if len(splits) == 1 else None))
    wanting = set(shares) - {sample.split for sample in dealt if sample.fake is not None}
    if wanting and swaps:
        raise ValueError(
            f"no fake is left for {' and '.join(sorted(wanting))}: there are too few people who are not tied to all "
            f"others by swaps for {len(shares)} splits; add data, or take fewer splits"
        )
    return dealt


def _order(people: Sequence[tuple[str, ...]], rng: np.random.Generator) -> list[str]:
    """Everybody once: groups tied by any chain of swaps in random order, neighbours in a group tied to each other."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee

    names = rng.permutation(sorted({person for together in people for person in together})).tolist()
    number = {name: i for i, name in enumerate(names)}
    ties = [(number[a], number[b]) for together in people for a in together for b in together]
    places = tuple(np.array(ties, np.int32).reshape(-1, 2).T)
    graph = coo_array((np.ones(len(ties), np.int8), places), shape=(len(names), len(names))).tocsr()
    count, group_of = connected_components(graph, directed=False)
    rank = rng.permutation(count)
    walk = reverse_cuthill_mckee(graph, symmetric_mode=True)
    return [names[i] for i in sorted(walk, key=lambda i: rank[group_of[i]])]


def _deal(queue: Sequence[str], groups: Sequence[tuple[str, ...]], shares: Mapping[str, float]) -> dict[str, str]:
    """People in order -> splits, the smaller ones first: a share of the people, and at least one group whole."""
    split_of: dict[str, str] = {}
    waiting = deque(queue)
    *smaller, largest = sorted(shares, key=shares.__getitem__)
    for split in smaller:
        taken: set[str] = set()
        while waiting and (len(taken) < shares[split] * len(queue) or not any(map(taken.issuperset, groups))):
            taken.add(waiting.popleft())
        split_of |= dict.fromkeys(taken, split)
    return split_of | dict.fromkeys(waiting, largest)
