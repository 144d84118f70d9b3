"""The paper's protocol: how accurate single sample clustering is over draws of the labelled sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from fakelocator_zoo.clustering.estimator import SingleSampleClustering


class ProtocolResult(NamedTuple):
    """Accuracy over draws of the labelled sample."""

    mean: float  #: of the accuracies
    std: float  #: of the accuracies, of the population (no draw is left out)
    accuracies: tuple[float, ...]  #: of each draw, in [0, 1]
    drawn: tuple[int, ...]  #: the labelled sample of each draw
    clusters: SingleSampleClustering  #: fitted, unnamed; its ``separable_`` says whether to believe any of it


def single_sample_protocol(
    features: np.ndarray,
    labels: ArrayLike,
    draws: int = 10,
    random_state: int | None = 0,
    clustering: SingleSampleClustering | None = None,
) -> ProtocolResult:
    """Mean and standard deviation of the accuracy over random labelled samples (ten in the paper).

    Draws take turns between fake and real, without repetition while there are enough: a draw from each class alike.
    The embedding does not depend on which sample is labelled, so it is made once for a seed; draws then differ in
    which cluster is named fake. Hence each accuracy is a or 1 - a, and the deviation says how often the labelled
    sample itself was in the wrong cluster. For the deviation over embeddings, call with several seeds.

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
    if truth.ndim != 1 or len(truth) != len(features) or not np.isin(truth, (0, 1)).all():
        raise ValueError(f"labels must be 0 (real) or 1 (fake), one for each of the {len(features)} samples")
    if truth.min() == truth.max():
        raise ValueError("labels must hold both classes: an accuracy on one alone says nothing")
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
        accuracies.append(float(np.mean(np.where(as_labelled, label, 1 - label) == truth)))
        drawn.append(sample)
    return ProtocolResult(
        float(np.mean(accuracies)), float(np.std(accuracies)), tuple(accuracies), tuple(drawn), chosen
    )
