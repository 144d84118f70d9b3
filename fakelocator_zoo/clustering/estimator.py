"""SingleSampleClustering: the label of one sample names the clusters of all."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from fakelocator_zoo.clustering import embedding as maps
from fakelocator_zoo.clustering.arguments import MIN_SAMPLES, Label, check_arguments, check_labelled
from fakelocator_zoo.clustering.reduction import fit_reduction
from fakelocator_zoo.clustering.separability import Separability, assess
from fakelocator_zoo.clustering.subsample import favour_sparse

_RARE = 0.2  # a cluster below this share may be lost in the embedding, and is looked for in the features


class NotSeparableWarning(UserWarning):
    """The samples do not fall into two clusters, so that labels would be guesses."""


class ContradictoryLabelsWarning(UserWarning):
    """Labelled samples of one cluster have different labels, or those of both clusters the same."""


class SingleSampleClustering(ClusterMixin, BaseEstimator):
    """Real or fake by the company a sample keeps: t-SNE, k-means with k = 2, and one sample whose label is known.

    FakeLocator's single sample clustering (Huang et al., arXiv 2001.09598): a classifier's boundary does not
    transfer to an unseen generator, but the encoder's features of real and fake images still form two clusters.
    The labelled sample's label is its cluster's, the other cluster gets the other one.

    t-SNE and k-means make two clusters of anything, so the partition is judged
    (:mod:`fakelocator_zoo.clustering.separability`); where it fails, :class:`NotSeparableWarning` says why. Beyond
    the paper: k-means halves the larger cluster where the other is below about a tenth of it, so where its
    partition fails, k-means of the features is tried, and kept if its smaller cluster is below a fifth and it
    passes the same judgement.

    Fitting runs on one thread, whatever is set: t-SNE magnifies rounding, which depends on the number of threads.

    Args:
        n_components: dimensions of the embedding, 2 or 3 in the paper; 1 works as well.
        method: ``"tsne"`` (scikit-learn, the paper's protocol; new samples lie at the mean of their nearest
            neighbours in the features) or ``"opentsne"`` (the extra ``cluster``; faster, and new samples are placed
            by its transform).
        perplexity: of t-SNE; clamped to a third of the samples.
        standardise: bring each feature to mean 0 and deviation 1 first, so that the many quiet ones count beside
            the few loud ones. Beyond the paper: on texture features it found more fakes and made up less.
        pca: features that are wider are reduced to so many principal components then; None never does.
        n_init: starts of k-means, the best is kept.
        n_repeats: how often the partition is found again to judge it, from other starts and fewer samples.
        max_samples: of more, t-SNE sees a subsample of this size, which favours sparse regions (by the square
            root of their share), and the rest is placed as new samples are, in chunks. One thread then takes 42 s for
            10,000 x 512 with ``"tsne"`` and 54 s for a million, beside which it needs 0.1 GB.
        random_state: of all that is random; an int gives the same labels each time.

    Attributes:
        labels_: (N,) int64, 0 real and 1 fake; without a labelled sample ``cluster_labels_``. They follow the
            clusters even where these are not separable, as in the paper: look at ``separable_`` first.
        cluster_labels_: (N,) int64, 0 (the first sample's) or 1.
        fake_probability_: (N,) float64 in [0, 1], the posterior of two Gaussians on the clusters in the embedding
            (for k-means' partition equal round ones, so that it depends on the distances to the centres alone);
            0.5 throughout where the clusters are not separable. Only with a labelled sample.
        embedding_: (N, n_components) float32.
        subsample_: (M,) int64, ascending: the samples that t-SNE saw; all of them up to ``max_samples``.
        silhouette_, feature_silhouette_: of the partition in the embedding and in the features, in [-1, 1].
        gap_: the clusters' distance in the features in standard deviations, lower 99 % bound.
        stability_: mean adjusted Rand index with the partitions found again, in [-1, 1]; 0 where that was not
            tried, since the gap had failed.
        separable_: bool. With as many labelled samples for one naming as for the other it is False as well.
        reason_: why not, one clause; empty where ``separable_``.
        contradictions_: labelled indices whose label is not their cluster's. Only with a labelled sample.
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
        method: maps.Method = "tsne",
        perplexity: float = 30.0,
        standardise: bool = True,
        pca: int | None = 50,
        n_init: int = 10,
        n_repeats: int = 3,
        max_samples: int = 4000,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.method = method
        self.perplexity = perplexity
        self.standardise = standardise
        self.pca = pca
        self.n_init = n_init
        self.n_repeats = n_repeats
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
            X: (N, D) features, at least four samples; float32 is not copied.
            y: ignored.
            labelled_index: row of a sample whose label is known, or several; their majority names the clusters,
                and the rest is reported in ``contradictions_``.
            labelled_as: ``"real"`` or ``"fake"`` (0 or 1), one for each index.

        Raises:
            ValueError: for NaN or infinite features, fewer than four samples, an index out of range, labels that
                are none, and bad arguments.
            ImportError: where openTSNE is asked for and not installed.
        """
        check_arguments(self)
        X = validate_data(self, X, dtype=[np.float32, np.float64], ensure_min_samples=MIN_SAMPLES)
        known = check_labelled(labelled_index, labelled_as, len(X))
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with threadpool_limits(limits=1):
            self._fit_clusters(X, known)
        self.labels_ = self.cluster_labels_
        for name in ("fake_cluster_", "contradictions_", "fake_probability_"):
            if hasattr(self, name):
                delattr(self, name)
        if known:
            self._name_clusters(known)
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
        """Labels (N,) of new features (N, D), as ``labels_``; nothing is fitted again.

        Raises:
            ValueError: for features of another width, or NaN.
            NotFittedError: before :meth:`fit`.
        """
        one = self._posterior(X) >= 0.5
        clusters = one.astype(np.int64)
        return clusters if not hasattr(self, "fake_cluster_") else (clusters == self.fake_cluster_).astype(np.int64)

    def fake_probability(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (N,) in [0, 1] of new features (N, D), as ``fake_probability_``.

        Raises:
            ValueError: for features of another width, or NaN, and where no labelled sample was given to fit.
            NotFittedError: before :meth:`fit`.
        """
        check_is_fitted(self)
        if not hasattr(self, "fake_cluster_"):
            raise ValueError("which cluster is fake is unknown; give fit a labelled_index and labelled_as")
        return self._as_probability(self._posterior(X))

    def _fit_clusters(self, X: np.ndarray, known: dict[int, int]) -> None:
        rng = np.random.default_rng(self._seed)
        chosen = np.arange(len(X))
        if len(X) <= self.max_samples:
            self.reduction_ = fit_reduction(X, self.standardise, self.pca, self._seed)
        else:
            pilot = np.sort(rng.choice(len(X), min(len(X), 5 * self.max_samples), replace=False))
            rows = X[pilot]
            self.reduction_ = fit_reduction(rows, self.standardise, self.pca, self._seed)
            chosen = pilot[favour_sparse(self.reduction_.transform(rows), self.max_samples, self._seed, rng)]
            chosen = np.unique(np.concatenate([chosen, np.array(sorted(known), dtype=chosen.dtype)]))
        self.subsample_ = chosen
        self.reference_ = self.reduction_.transform(X[chosen] if len(chosen) < len(X) else X)
        self._opentsne = None
        if len(np.unique(self.reference_, axis=0)) < 2:
            self._set_all_alike(len(X))
            return
        embedded, self._opentsne = maps.embed(
            self.reference_, self.n_components, self.method, self.perplexity, self._seed
        )
        self.reference_embedding_ = embedded.astype(np.float32)
        self._choose_partition()
        if len(chosen) == len(X):
            self.embedding_ = self.reference_embedding_
        else:
            self.embedding_ = np.empty((len(X), self.n_components), np.float32)
            for part in maps.chunks(len(X)):
                self.embedding_[part] = self._place(self.reduction_.transform(X[part]))
            self.embedding_[chosen] = self.reference_embedding_
        self._posterior_ = self.model_.posterior(self.embedding_)
        self.cluster_labels_ = (self._posterior_ >= 0.5).astype(np.int64)

    def _choose_partition(self) -> None:
        """k-means of the embedding or, where that fails and a small cluster passes, k-means of the features."""
        points = self.reference_embedding_

        def again(chosen: np.ndarray, seed: int) -> np.ndarray:
            # A random start: from PCA's every seed would lay the groups out in nearly the same way.
            embedded, _ = maps.embed(
                self.reference_[chosen], self.n_components, self.method, self.perplexity, seed, "random"
            )
            return maps.two_means(embedded, self.n_init, seed)

        self.model_ = maps.kmeans_model(points, self.n_init, self._seed)
        judged = self._judge(self.model_, again)
        if not judged.separable:
            rare = maps.two_means(self.reference_, self.n_init, self._seed)
            if 1 < min(rare.sum(), (1 - rare).sum()) < _RARE * len(rare):
                model = maps.partition_model(points, rare)
                by_features = self._judge(
                    model, lambda chosen, seed: maps.two_means(self.reference_[chosen], self.n_init, seed)
                )
                if by_features.separable:
                    self.model_, judged = model, by_features
        self._set_judgement(judged)

    def _judge(self, model: maps.ClusterModel, again: Any) -> Separability:
        clusters = (model.posterior(self.reference_embedding_) >= 0.5).astype(np.int64)
        return assess(self.reference_, self.reference_embedding_, clusters, again, self.n_repeats, self._seed)

    def _set_judgement(self, judged: Separability) -> None:
        self.silhouette_, self.feature_silhouette_ = judged.silhouette, judged.feature_silhouette
        self.gap_, self.stability_ = judged.gap, judged.stability
        self.separable_, self.reason_ = judged.separable, judged.reason

    def _set_all_alike(self, samples: int) -> None:
        self.reference_ = self.reference_[:1]
        self.reference_embedding_ = np.zeros((1, self.n_components), np.float32)
        self.embedding_ = np.zeros((samples, self.n_components), np.float32)
        one_place = np.zeros((2, self.n_components))
        round_ones = np.stack([np.eye(self.n_components)] * 2)
        # Everything is cluster 0: a share of next to nothing is left for the other.
        self.model_ = maps.ClusterModel(one_place, round_ones, np.array([1 - 1e-12, 1e-12]))
        self._posterior_ = np.zeros(samples)
        self.cluster_labels_ = np.zeros(samples, np.int64)
        self._set_judgement(Separability(0.0, 0.0, 0.0, 0.0, "all samples are alike"))

    def _name_clusters(self, known: dict[int, int]) -> None:
        # Each labelled sample votes for the cluster that is fake if its label is right.
        votes = {
            i: int(self.cluster_labels_[i]) if label else 1 - int(self.cluster_labels_[i]) for i, label in known.items()
        }
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
        self.labels_ = (self.cluster_labels_ == self.fake_cluster_).astype(np.int64)
        self.fake_probability_ = self._as_probability(self._posterior_)

    def _as_probability(self, posterior: np.ndarray) -> np.ndarray:
        if not self.separable_:
            return np.full(len(posterior), 0.5)
        return posterior if self.fake_cluster_ == 1 else 1 - posterior

    def _posterior(self, X: np.ndarray) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        if self._opentsne is None and self.method == "opentsne" and len(self.reference_) > 1:
            self._opentsne = maps.rebuild_opentsne(
                self.reference_, self.reference_embedding_, self.perplexity, self._seed
            )
        posterior = np.empty(len(X))
        with threadpool_limits(limits=1):
            for part in maps.chunks(len(X)):
                posterior[part] = self.model_.posterior(self._place(self.reduction_.transform(X[part])))
        return posterior

    def _place(self, reduced: np.ndarray) -> np.ndarray:
        return maps.place(reduced, self.reference_, self.reference_embedding_, self._opentsne)
