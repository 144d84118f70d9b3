"""The paper's protocol: the accuracy of single sample clustering over draws of the labelled sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from fakelocator_zoo.clustering.estimator import SingleSampleClustering


class ProtocolResult(NamedTuple):
    """Accuracy over draws of the labelled sample."""

    mean: float  #: of the accuracies
    std: float  #: of the accuracies, of the population
    accuracies: tuple[float, ...]  #: of each draw, in [0, 1]
    drawn: tuple[int, ...]  #: the labelled sample of each draw
    clusters: SingleSampleClustering  #: fitted, unnamed; look at its ``separable_``


def single_sample_protocol(
    features: np.ndarray,
    labels: ArrayLike,
    draws: int = 10,
    random_state: int | None = 0,
    clustering: SingleSampleClustering | None = None,
) -> ProtocolResult:
    """Mean and standard deviation of the accuracy over random labelled samples (ten in the paper).

    Draws take turns between fake and real, without repetition while there are enough. The embedding does not depend
    on the labelled sample, so it is made once for a seed; draws differ in which cluster is named fake. Hence each
    accuracy is a or 1 - a. For the deviation over embeddings, call with several seeds.

    Args:
        features: (N, D).
        labels: (N,) of 0 (real) and 1 (fake), both present.
        draws: how many labelled samples are drawn.
        random_state: of the draws and, where ``clustering`` is None, of the embedding.
        clustering: with the options wanted; cloned, not changed. None takes the defaults.

    Raises:
        ValueError: for labels of another length or other values, of one class alone, and as ``fit`` does.
    """
    truth = np.asarray(labels)
    if truth.shape != (len(features),) or set(np.unique(truth).tolist()) != {0, 1}:
        raise ValueError(f"labels must be 0 (real) or 1 (fake), both present, one for each of {len(features)} samples")
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, got {draws}")
    chosen = SingleSampleClustering(random_state=random_state) if clustering is None else clone(clustering)
    chosen.fit(features)
    rng = np.random.default_rng(random_state)
    queues: dict[int, list[int]] = {0: [], 1: []}
    drawn, accuracies = [], []
    for draw in range(draws):
        label = (draw + 1) % 2
        if not queues[label]:
            queues[label] = rng.permutation(np.flatnonzero(truth == label)).tolist()
        sample = queues[label].pop()
        as_labelled = chosen.cluster_labels_ == chosen.cluster_labels_[sample]
        accuracies.append(float(np.mean(as_labelled == (truth == label))))
        drawn.append(sample)
    return ProtocolResult(
        float(np.mean(accuracies)), float(np.std(accuracies)), tuple(accuracies), tuple(drawn), chosen
    )
