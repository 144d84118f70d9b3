"""SingleSampleClustering: one labelled sample names two clusters."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from fakelocator_zoo.clustering.embedding import Method, embed, fit_reduction, two_means
from fakelocator_zoo.clustering.separability import Separability, assess

Label = Literal["real", "fake", 0, 1]
#: The fewest samples that are clustered; so few are never called separable.
MIN_SAMPLES = 4
_RARE = 0.2  # below this share of a cluster, k-means of the embedding splits the other one
_LABELS = {"real": 0, "fake": 1, 0: 0, 1: 1}


class NotSeparableWarning(UserWarning):
    """The samples do not form two clusters: labels would be guesses."""


class ContradictoryLabelsWarning(UserWarning):
    """Labelled samples of one cluster have different labels, or those of both clusters the same."""


class SingleSampleClustering(ClusterMixin, BaseEstimator):
    """Single sample clustering (Huang et al., arXiv 2001.09598): t-SNE, k-means with k = 2, one labelled sample.

    A classifier's boundary does not transfer to an unseen generator, but the encoder's features of real and fake
    images still form two clusters. The labelled sample's label is its cluster's, the other cluster gets the other one.

    Features are standardised and reduced to 50 principal components first. t-SNE and k-means split any data into two
    clusters, so the partition is tested (:mod:`fakelocator_zoo.clustering.separability`); where it fails,
    :class:`NotSeparableWarning` gives the reason. Beyond the paper: where it fails, k-means of the features is tried,
    and kept if its smaller cluster is below a fifth and it passes the test, since k-means of an embedding splits the
    larger cluster where the other is rare.

    A new sample belongs to the nearer centroid of the reduced features, in the clusters' shared (shrunk) covariance.
    Fitting runs on one thread: t-SNE magnifies rounding, which depends on the number of threads.

    Args:
        n_components: dimensions of the embedding: 1, 2 or 3.
        method: ``"tsne"`` (scikit-learn) or ``"opentsne"`` (the extra ``cluster``; faster).
        perplexity: of t-SNE; clamped to a third of the samples.
        max_samples: of more samples t-SNE sees a random subsample, and the rest is labelled as new samples are.
        random_state: of all that is random; an int gives the same labels each time.

    Attributes:
        labels_: (N,) int64, 0 real and 1 fake; without a labelled sample ``cluster_labels_``. As in the paper, they
            follow the clusters even where these are not separable: check ``separable_`` first.
        cluster_labels_: (N,) int64, 0 (the first sample's) or 1.
        fake_probability_: (N,) float64 in [0, 1], by the distances to the two centroids; 0.5 throughout where the
            clusters are not separable. None without a labelled sample.
        embedding_: (M, n_components) float32, of the samples ``subsample_``.
        subsample_: (M,) int64, ascending: the samples that t-SNE saw; all of them up to ``max_samples``.
        silhouette_, feature_silhouette_, gap_, stability_, separable_, reason_: see
            :class:`~fakelocator_zoo.clustering.separability.Separability`. With as many labelled samples for one
            naming as for the other ``separable_`` is False as well.
        contradictions_: labelled indices whose label is not their cluster's.
        n_features_in_: D.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> features = np.concatenate([rng.normal(0, 1, (40, 8)), rng.normal(4, 1, (20, 8))])
        >>> clusters = SingleSampleClustering(random_state=0)
        >>> labels = clusters.fit_predict(features, labelled_index=50, labelled_as="fake")
        >>> clusters.separable_, int(labels.sum()), clusters.predict([[4.0] * 8, [0.0] * 8]).tolist()
        (True, 20, [1, 0])
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        method: Method = "tsne",
        perplexity: float = 30.0,
        max_samples: int = 4000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.method = method
        self.perplexity = perplexity
        self.max_samples = max_samples
        self.random_state = random_state

    def fit(
        self,
        X: np.ndarray,
        y: None = None,
        *,
        labelled_index: int | Sequence[int] | None = None,
        labelled_as: Label | Sequence[Label] | None = None,
    ) -> SingleSampleClustering:
        """Cluster features and, with a labelled sample, name the clusters.

        Args:
            X: (N, D) features, at least four samples.
            y: ignored.
            labelled_index: row of a sample whose label is known, or several; their majority names the clusters,
                and the rest is reported in ``contradictions_``.
            labelled_as: ``"real"`` or ``"fake"`` (0 or 1), one for each index.

        Raises:
            ValueError: for NaN or infinite features, fewer than four samples, an index out of range, unknown
                labels, and arguments out of range.
            ImportError: where openTSNE is asked for and not installed.
        """
        self._check_arguments()
        X = validate_data(self, X, dtype=[np.float32, np.float64], ensure_min_samples=MIN_SAMPLES)
        known = _check_labelled(labelled_index, labelled_as, len(X))
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with threadpool_limits(limits=1):
            posterior = self._fit_clusters(X, sorted(known))
        self.fake_cluster_: int | None = None
        self.contradictions_: list[int] = []
        if known:
            self._name_clusters(known)
        self.labels_ = self._named(self.cluster_labels_)
        self.fake_probability_ = None if self.fake_cluster_ is None else self._as_probability(posterior)
        if not self.separable_:
            warnings.warn(
                f"the samples do not fall into two clusters: {self.reason_}; labels would be guesses",
                NotSeparableWarning,
                stacklevel=2,
            )
        return self

    def fit_predict(self, X: np.ndarray, y: None = None, **labelled: Any) -> np.ndarray:
        """:meth:`fit`, with its keywords, and ``labels_``."""
        return self.fit(X, y, **labelled).labels_

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Labels (N,) of new features (N, D), as ``labels_``; ValueError for another width, or NaN."""
        return self._named((self._posterior(X) >= 0.5).astype(np.int64))

    def fake_probability(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (N,) in [0, 1] of new features (N, D), as ``fake_probability_``.

        Raises:
            ValueError: for features of another width, or NaN, and where no labelled sample was given to fit.
        """
        check_is_fitted(self)
        if self.fake_cluster_ is None:
            raise ValueError("which cluster is fake is unknown; give fit a labelled_index and labelled_as")
        return self._as_probability(self._posterior(X))

    def _check_arguments(self) -> None:
        if self.n_components not in (1, 2, 3):
            raise ValueError(f"n_components must be 1, 2 or 3, got {self.n_components}")
        if self.method not in ("tsne", "opentsne"):
            raise ValueError(f"method must be 'tsne' or 'opentsne', got {self.method!r}")
        if not self.perplexity > 0 or self.max_samples < 100:
            raise ValueError(
                f"perplexity must be positive and max_samples at least 100, got {self.perplexity}, {self.max_samples}"
            )

    def _fit_clusters(self, X: np.ndarray, known: list[int]) -> np.ndarray:
        """Cluster and judge; P(cluster 1) of all samples."""
        chosen = np.arange(len(X))
        if len(X) > self.max_samples:
            drawn = np.random.default_rng(self._seed).choice(len(X), self.max_samples, replace=False)
            chosen = np.unique(np.concatenate([drawn, np.array(known, np.int64)]))
        self.subsample_ = chosen
        self.reduction_ = fit_reduction(X[chosen], self._seed)
        reduced = self.reduction_.transform(X)
        reference = reduced[chosen]
        if len(np.unique(reference, axis=0)) < 2:
            self.embedding_ = np.zeros((len(chosen), self.n_components), np.float32)
            self._set_judgement(Separability(0.0, 0.0, 0.0, 0.0, "all samples are alike"))
            self.cluster_labels_ = np.zeros(len(X), np.int64)
            self.coef_, self.intercept_ = np.zeros(reference.shape[1]), -30.0
            return np.zeros(len(X))
        embedding = embed(reference, self.n_components, self.method, self.perplexity, self._seed)
        self.embedding_ = embedding.astype(np.float32)
        partition = self._partition(reference)
        centroids = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(reference, partition)
        self.coef_, self.intercept_ = centroids.coef_[0], float(centroids.intercept_[0])
        posterior = self._posterior_of(reduced)
        self.cluster_labels_ = (posterior >= 0.5).astype(np.int64)
        self.cluster_labels_[chosen] = partition
        return posterior

    def _partition(self, features: np.ndarray) -> np.ndarray:
        """k-means of the embedding or, where that fails and a small cluster passes, k-means of the features."""

        def embedded_again(chosen: np.ndarray, seed: int) -> np.ndarray:
            # A random start: from PCA's every seed would lay the groups out in nearly the same way.
            points = embed(features[chosen], self.n_components, self.method, self.perplexity, seed, "random")
            return two_means(points, seed)

        partition = two_means(self.embedding_, self._seed)
        judged = assess(features, self.embedding_, partition, embedded_again, self._seed)
        if not judged.separable:
            rare = two_means(features, self._seed)
            if 1 < min(rare.sum(), (1 - rare).sum()) < _RARE * len(rare):
                by_features = assess(
                    features,
                    self.embedding_,
                    rare,
                    lambda chosen, seed: two_means(features[chosen], seed),
                    self._seed,
                )
                if by_features.separable:
                    partition, judged = rare, by_features
        self._set_judgement(judged)
        return partition

    def _set_judgement(self, judged: Separability) -> None:
        for name, value in judged._asdict().items():
            setattr(self, f"{name}_", value)
        self.separable_ = judged.separable

    def _name_clusters(self, known: dict[int, int]) -> None:
        # Each labelled sample votes for the cluster that is fake if its label is right.
        votes = {i: int(self.cluster_labels_[i] == label) for i, label in known.items()}
        for_one = sum(votes.values())
        tie = 2 * for_one == len(votes)
        self.fake_cluster_ = next(iter(votes.values())) if tie else int(2 * for_one > len(votes))
        self.contradictions_ = [i for i, vote in votes.items() if vote != self.fake_cluster_]
        if self.contradictions_:
            rows = ", ".join(map(str, self.contradictions_[:10]))
            warnings.warn(
                f"{len(self.contradictions_)} of {len(votes)} labelled samples contradict the others (rows {rows})",
                ContradictoryLabelsWarning,
                stacklevel=3,
            )
        if tie and self.separable_:
            self.separable_, self.reason_ = False, "the labelled samples contradict each other, one to one"

    def _named(self, clusters: np.ndarray) -> np.ndarray:
        return clusters if self.fake_cluster_ is None else (clusters == self.fake_cluster_).astype(np.int64)

    def _as_probability(self, posterior: np.ndarray) -> np.ndarray:
        if not self.separable_:
            return np.full(len(posterior), 0.5)
        return posterior if self.fake_cluster_ == 1 else 1 - posterior

    def _posterior(self, X: np.ndarray) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        with threadpool_limits(limits=1):
            return self._posterior_of(self.reduction_.transform(X))

    def _posterior_of(self, reduced: np.ndarray) -> np.ndarray:
        return expit(reduced.astype(np.float64) @ self.coef_ + self.intercept_)


def _check_labelled(
    index: int | Sequence[int] | None, labels: Label | Sequence[Label] | None, samples: int
) -> dict[int, int]:
    """{row: 0 or 1} of the labelled samples."""
    if index is None and labels is None:
        return {}
    if index is None or labels is None:
        raise ValueError("give labelled_index and labelled_as together, or neither")
    rows: list[Any] = [index] if np.ndim(index) == 0 else list(index)  # type: ignore[arg-type]
    names: list[Any] = [labels] if np.ndim(labels) == 0 else list(labels)  # type: ignore[arg-type]
    if not rows or len(rows) != len(names):
        raise ValueError(f"give one label for each labelled sample, got {len(rows)} samples and {len(names)} labels")
    known: dict[int, int] = {}
    for row, name in zip(rows, names, strict=True):
        if not isinstance(row, int | np.integer) or isinstance(row, bool) or not 0 <= row < samples:
            raise ValueError(f"labelled_index must be a row number, 0 to {samples - 1}, got {row!r}")
        if isinstance(name, bool) or name not in _LABELS:
            raise ValueError(f"labelled_as must be 'real' or 'fake' (0 or 1), got {name!r}")
        if known.setdefault(int(row), _LABELS[name]) != _LABELS[name]:
            raise ValueError(f"sample {row} is labelled both real and fake")
    return known
