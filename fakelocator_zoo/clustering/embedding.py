"""t-SNE of features, places of new samples in it, and the two clusters in it. All of it by scikit-learn or openTSNE."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

Method = Literal["tsne", "opentsne"]
_NEIGHBOURS = 5
_CHUNK = 20_000  # rows placed at once: a few MB of memory for each
_SPREAD = 0.02  # smallest standard deviation of a cluster, as a share of the whole embedding's


class ClusterModel(NamedTuple):
    """Two Gaussians in the embedding, of C dimensions; what k-means stands for has equal, round ones."""

    means: np.ndarray  #: (2, C)
    covariances: np.ndarray  #: (2, C, C)
    weights: np.ndarray  #: (2,), sum 1

    def posterior(self, embedding: np.ndarray) -> np.ndarray:
        """P(cluster 1) of points (N, C), (N,) float64 in [0, 1]."""
        scores = []
        for mean, covariance, weight in zip(self.means, self.covariances, self.weights, strict=True):
            centred = embedding.astype(np.float64) - mean
            distance = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
            scores.append(np.log(weight) - 0.5 * (np.linalg.slogdet(covariance)[1] + distance))
        return 1 / (1 + np.exp(np.clip(scores[0] - scores[1], -700, 700)))


def clamp_perplexity(perplexity: float, samples: int) -> float:
    """t-SNE looks at three times the perplexity of neighbours, so it may be at most a third of the others."""
    return max(1.0, min(float(perplexity), (samples - 1) / 3))


def embed(
    features: np.ndarray,
    n_components: int,
    method: Method,
    perplexity: float,
    seed: int,
    initialization: Literal["pca", "random"] = "pca",
) -> tuple[np.ndarray, Any]:
    """t-SNE of features (N, D): the embedding (N, n_components) float64, and openTSNE's object where it made it.

    Raises:
        ImportError: where openTSNE is asked for and not installed.
    """
    features = _at_least(features, n_components)
    if method == "tsne":
        tsne = TSNE(
            n_components,
            perplexity=clamp_perplexity(perplexity, len(features)),
            init=initialization,
            # scikit-learn's rule (Belkina et al. 2019) without its floor of 50, at which few samples in three
            # dimensions fly apart: of 70, divergence 1.57 instead of 0.14.
            learning_rate=max(len(features) / 48, 2.0),
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(tsne.fit_transform(features), dtype=np.float64), None
    opentsne = import_opentsne()
    model = opentsne.TSNE(
        n_components,
        perplexity=clamp_perplexity(perplexity, len(features)),
        initialization=initialization,
        # FFT pays off with many points, and exists for up to two dimensions.
        negative_gradient_method="bh" if len(features) < 2000 or n_components > 2 else "fft",
        random_state=seed,
        n_jobs=1,
    ).fit(features)
    return np.asarray(model, dtype=np.float64), model


def rebuild_opentsne(reference: np.ndarray, embedding: np.ndarray, perplexity: float, seed: int) -> Any:
    """openTSNE's object of an embedding (N, C) that was made earlier from features (N, D); only for its transform.

    Raises:
        ImportError: where openTSNE is not installed.
    """
    opentsne = import_opentsne()
    reference = _at_least(reference, embedding.shape[1])
    affinities = opentsne.affinity.PerplexityBasedNN(
        reference, perplexity=clamp_perplexity(perplexity, len(reference)), n_jobs=1, random_state=seed
    )
    return opentsne.TSNEEmbedding(
        np.array(embedding, dtype=np.float64),
        affinities,
        negative_gradient_method="bh" if len(reference) < 2000 or embedding.shape[1] > 2 else "fft",
        random_state=seed,
        n_jobs=1,
    )


def place(new: np.ndarray, reference: np.ndarray, embedding: np.ndarray, opentsne_model: Any) -> np.ndarray:
    """Places (M, C) of new features (M, D) in the embedding (N, C) of features (N, D).

    With openTSNE's object by its transform, without by the nearest neighbours among the features: the mean of
    their places, weighted by inverse squared distance, so that a known sample lies where it lay.
    """
    if opentsne_model is not None:
        moved = opentsne_model.transform(_at_least(new, embedding.shape[1]))
        return np.asarray(moved, dtype=np.float64)
    search = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(reference)), algorithm="brute").fit(reference)
    distances, neighbours = search.kneighbors(new)
    # A share of the mean distance is too little to move a sample, and keeps the weight of a copy finite.
    smallest = max(1e-6 * float(np.abs(reference).max()), 1e-30)
    weights = 1 / np.square(np.maximum(distances, smallest))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkc->nc", weights, embedding[neighbours])


def chunks(rows: int) -> Iterator[slice]:
    """Slices of bounded length that cover ``rows``."""
    for start in range(0, rows, _CHUNK):
        yield slice(start, min(start + _CHUNK, rows))


def kmeans_model(embedding: np.ndarray, n_init: int, seed: int) -> ClusterModel:
    """k-means with k = 2 of an embedding (N, C), as two equal round Gaussians: P = 1/2 where k-means divides.

    Cluster 0 is the one of the first sample, so that equal partitions have equal numbers.
    """
    labels = two_means(embedding, n_init, seed)
    means = np.stack([embedding[labels == cluster].mean(axis=0) for cluster in (0, 1)])
    variance = float(np.square(embedding - means[labels]).mean())
    covariance = np.eye(embedding.shape[1]) * max(variance, (_SPREAD**2) * float(embedding.var()), 1e-12)
    return ClusterModel(means, np.stack([covariance, covariance]), np.array([0.5, 0.5]))


def partition_model(embedding: np.ndarray, labels: np.ndarray) -> ClusterModel:
    """The two Gaussians (means, covariances, shares) of a given partition (N,) of an embedding (N, C)."""
    floor = np.eye(embedding.shape[1]) * max((_SPREAD**2) * float(embedding.var()), 1e-12)
    groups = [embedding[labels == cluster] for cluster in (0, 1)]
    return ClusterModel(
        np.stack([group.mean(axis=0) for group in groups]),
        np.stack([np.atleast_2d(np.cov(group, rowvar=False, bias=True)) + floor for group in groups]),
        np.array([len(group) / len(embedding) for group in groups]),
    )


def two_means(points: np.ndarray, n_init: int, seed: int) -> np.ndarray:
    """k-means with k = 2: (N,) of 0 and 1; the first sample's cluster is 0."""
    labels = KMeans(2, n_init=n_init, random_state=seed).fit(points).labels_
    return (labels != labels[0]).astype(np.int64)


def import_opentsne() -> Any:
    """The library openTSNE.

    Raises:
        ImportError: of one sentence, where it is not installed.
    """
    try:
        import openTSNE
        import openTSNE.affinity
    except ImportError as error:
        raise ImportError(
            f"method='opentsne' needs the extra: pip install 'fakelocator-zoo[cluster]' ({error})"
        ) from error
    return openTSNE


def _at_least(features: np.ndarray, columns: int) -> np.ndarray:
    """Features with zero columns added up to ``columns``: the start from PCA needs as many as the embedding has."""
    missing = columns - features.shape[1]
    return features if missing <= 0 else np.pad(features, ((0, 0), (0, missing)))
