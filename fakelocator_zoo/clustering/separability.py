"""Whether a partition is one of two clusters: t-SNE and k-means split any data, so the features are tested.

Measured on 540 sets without clusters (normal, uniform, exponential, log-normal, t-distributed and others; 12 to 200
samples, 2 to 512 features):

- The silhouette is not enough: without clusters it reached 0.92 in the embedding and 0.70 in the features; for two
  clusters six to ten standard deviations apart it was 0.4 to 0.9 and 0.1 to 0.6.
- The gap is the distance of the cluster means along a linear discriminant fitted to other samples, in standard
  deviations. Halves of a normal distribution have 2.65, of a uniform one 3.46, the most of a symmetric unimodal
  distribution. Its lower 99 % bound was at most 3.4 without clusters.
- Data of several groups has a large gap for many partitions. Then t-SNE from another start gives another partition
  (adjusted Rand index below 0.75), or one of the two clusters has as large a gap inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.model_selection import StratifiedKFold

#: Least lower bound of the gap; above that of any unimodal distribution.
MIN_GAP = 3.6
#: Least mean adjusted Rand index with partitions from other starts of four fifths of the samples.
MIN_STABILITY = 0.75
#: Least number of different samples in a cluster.
MIN_CLUSTER = 5
#: Least silhouette in the embedding, that of the halves of a single cluster.
MIN_SILHOUETTE = 0.25
#: The silhouette in the features must be larger: at 0 the other cluster is as near.
MIN_FEATURE_SILHOUETTE = 0.0
#: Largest gap inside a cluster, as a share of the gap between the two.
MAX_INNER_GAP = 0.75
_REPEATS = 3  # partitions that the stability is taken over
_SAMPLE = 2000  # silhouettes and gaps of more samples are those of a random sample of this size
_STABILITY_SAMPLE = 600
_ONE_SIDED_99 = 2.326


class Separability(NamedTuple):
    """Evidence that a partition is one of two clusters."""

    silhouette: float  #: in the embedding, in [-1, 1]
    feature_silhouette: float  #: in the features, in [-1, 1]
    gap: float  #: distance of the means along the discriminant, in standard deviations: the lower 99 % bound
    stability: float  #: mean adjusted Rand index, in [-1, 1]
    reason: str  #: one clause that says why they are not two clusters; empty where they are

    @property
    def separable(self) -> bool:
        """Whether there are two clusters."""
        return not self.reason


def assess(
    features: np.ndarray,
    embedding: np.ndarray,
    clusters: np.ndarray,
    again: Callable[[np.ndarray, int], np.ndarray],
    seed: int,
) -> Separability:
    """Test a partition.

    Args:
        features: (N, D).
        embedding: (N, C).
        clusters: (N,) of 0 and 1.
        again: partitions the samples of given indices (M,) with a given seed, (M,) of 0 and 1.
        seed: of all that is random here.
    """
    distinct = [len(np.unique(features[clusters == cluster], axis=0)) for cluster in (0, 1)]
    if min(distinct) < MIN_CLUSTER:
        few = f"the smaller cluster has {min(distinct)} different samples, fewer than {MIN_CLUSTER}"
        return Separability(0.0, 0.0, 0.0, 0.0, few)
    rng = np.random.default_rng(seed)
    some = _stratified_sample(clusters, _SAMPLE, rng)
    silhouette = float(silhouette_score(embedding[some], clusters[some]))
    feature_silhouette = float(silhouette_score(features[some], clusters[some]))
    gap = lower_gap(features[some], clusters[some], seed)
    if gap < MIN_GAP:
        # Nothing found again could make up for this, and finding it again is the costly part.
        return Separability(silhouette, feature_silhouette, gap, 0.0, f"there is no gap between them ({gap:.1f})")
    inner = max(_inner_gap(features[some][clusters[some] == cluster], seed) for cluster in (0, 1))
    if inner >= max(MIN_GAP, MAX_INNER_GAP * gap):
        many = f"there are more than two of them (a gap of {gap:.1f} between, of {inner:.1f} inside)"
        return Separability(silhouette, feature_silhouette, gap, 0.0, many)
    agreement = []
    for repeat in range(_REPEATS):
        size = min(max(round(0.8 * len(clusters)), 2 * MIN_CLUSTER), _STABILITY_SAMPLE, len(clusters))
        chosen = _stratified_sample(clusters, size, rng)
        agreement.append(adjusted_rand_score(clusters[chosen], again(chosen, seed + 1 + repeat)))
    stability = float(np.mean(agreement))
    reason = ""
    if stability < MIN_STABILITY:
        reason = f"other seeds divide the samples otherwise (agreement {stability:.2f})"
    elif silhouette < MIN_SILHOUETTE:
        reason = f"they overlap in the embedding (silhouette {silhouette:.2f})"
    elif feature_silhouette <= MIN_FEATURE_SILHOUETTE:
        reason = f"they overlap in the features (silhouette {feature_silhouette:.2f})"
    return Separability(silhouette, feature_silhouette, gap, stability, reason)


def lower_gap(features: np.ndarray, clusters: np.ndarray, seed: int) -> float:
    """The lower 99 % bound of the distance between two clusters, in standard deviations within them.

    The distance is taken along a linear discriminant (shrunk covariance, Ledoit and Wolf 2004) that was fitted to other
    samples: with many features a discriminant separates any samples it was fitted to. The standard error is that of a
    standardised mean difference (Hedges and Olkin 1985), with the smaller cluster's size.

    Args:
        features: (N, D).
        clusters: (N,) of 0 and 1, at least :data:`MIN_CLUSTER` of each.
    """
    counts = np.bincount(clusters, minlength=2)
    smaller = int(counts.min())
    folds = StratifiedKFold(min(5, smaller // 2), shuffle=True, random_state=seed)
    # In units of the features' own spread: shrinkage must not depend on the camera's or the encoder's scale.
    scale = float(features.std()) or 1.0
    features = (features - features.mean(axis=0)) / scale
    differences, squares, degrees = [], np.zeros(2), np.zeros(2)
    for train, test in folds.split(features, clusters):
        discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        discriminant.fit(features[train], clusters[train])
        scores = discriminant.decision_function(features[test])
        groups = [scores[clusters[test] == cluster] for cluster in (0, 1)]
        differences.append(groups[1].mean() - groups[0].mean())
        squares += [float(np.square(group - group.mean()).sum()) for group in groups]
        degrees += [len(group) - 1 for group in groups]
    spread = float(np.sqrt((squares / np.maximum(degrees, 1)).mean()))
    if spread <= 0:
        return 0.0
    gap = float(np.mean(differences)) / spread
    error = np.sqrt(counts.sum() / counts.prod() + gap**2 / (4 * smaller))
    return float(gap - _ONE_SIDED_99 * error)


def _inner_gap(features: np.ndarray, seed: int) -> float:
    """The gap between the two halves that k-means finds in one cluster (N, D); 0 where they are too small."""
    if len(features) < 2 * MIN_CLUSTER:
        return 0.0
    halves = KMeans(2, n_init=3, random_state=seed).fit(features).labels_
    if min(len(np.unique(features[halves == half], axis=0)) for half in (0, 1)) < MIN_CLUSTER:
        return 0.0
    return lower_gap(features, halves, seed)


def _stratified_sample(clusters: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Sorted indices of about ``size`` samples, each cluster by its share but at least MIN_CLUSTER of it."""
    chosen = []
    for cluster in (0, 1):
        members = np.flatnonzero(clusters == cluster)
        wanted = max(round(size * len(members) / len(clusters)), MIN_CLUSTER)
        chosen.append(rng.choice(members, min(wanted, len(members)), replace=False))
    return np.sort(np.concatenate(chosen))
