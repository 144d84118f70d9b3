"""Standardisation and principal components of features, t-SNE, and k-means with k = 2."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler

Method = Literal["tsne", "opentsne"]
#: Principal components that are kept of wider features.
COMPONENTS = 50
_ROUNDING = 1e-6  # of float32 after a sum or two, as a share of the value
_N_INIT = 10  # starts of k-means, the best is kept


class Reduction(NamedTuple):
    """Standardisation, then principal components, of features of D dimensions."""

    mean: np.ndarray  #: (D,) float32
    scale: np.ndarray  #: (D,) float32, what is divided by
    components: np.ndarray  #: (K, D) float32

    def transform(self, features: np.ndarray) -> np.ndarray:
        """Features (N, D) -> (N, K) float32."""
        scaled = ((features - self.mean) / self.scale).astype(np.float32, copy=False)
        return scaled @ self.components.T


def fit_reduction(features: np.ndarray, seed: int) -> Reduction:
    """The reduction for features (N, D) to at most :data:`COMPONENTS` dimensions."""
    scaler = StandardScaler().fit(features)
    deviation = np.sqrt(scaler.var_)
    # A feature that varies only by rounding becomes 0; standardised, it would separate equal images.
    scale = np.where(deviation > _ROUNDING * np.abs(scaler.mean_), deviation, np.inf).astype(np.float32)
    mean = scaler.mean_.astype(np.float32)
    whole = Reduction(mean, scale, np.eye(len(mean), dtype=np.float32))
    if len(mean) <= COMPONENTS or not np.isfinite(scale).any():
        return whole
    scaled = ((features - mean) / scale).astype(np.float32)
    pca = PCA(min(COMPONENTS, len(features) - 1), random_state=seed).fit(scaled)
    return Reduction(mean, scale, pca.components_.astype(np.float32))


def embed(
    features: np.ndarray,
    n_components: int,
    method: Method,
    perplexity: float,
    seed: int,
    initialization: Literal["pca", "random"] = "pca",
) -> np.ndarray:
    """t-SNE of features (N, D): the embedding (N, n_components) float64.

    Raises:
        ImportError: where openTSNE is asked for and not installed.
    """
    # The start from PCA needs as many columns as the embedding has.
    features = np.pad(features, ((0, 0), (0, max(0, n_components - features.shape[1]))))
    # t-SNE takes three times the perplexity of neighbours, so it may be at most a third of the others.
    perplexity = max(1.0, min(float(perplexity), (len(features) - 1) / 3))
    if method == "tsne":
        # scikit-learn's rule for the learning rate (Belkina et al. 2019) without its floor of 50, at which few
        # samples in three dimensions fly apart: of 70, divergence 1.57 instead of 0.14.
        rate = max(len(features) / 48, 2.0)
        tsne = TSNE(
            n_components, perplexity=perplexity, init=initialization, learning_rate=rate, random_state=seed, n_jobs=1
        )
        return np.asarray(tsne.fit_transform(features), dtype=np.float64)
    try:
        import openTSNE
    except ImportError as error:
        raise ImportError(
            f"method='opentsne' needs the extra: pip install 'fakelocator-zoo[cluster]' ({error})"
        ) from error
    open_tsne = openTSNE.TSNE(
        n_components,
        perplexity=perplexity,
        initialization=initialization,
        # FFT pays off with many points, and exists for up to two dimensions.
        negative_gradient_method="bh" if len(features) < 2000 or n_components > 2 else "fft",
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(open_tsne.fit(features), dtype=np.float64)


def two_means(points: np.ndarray, seed: int) -> np.ndarray:
    """k-means with k = 2: (N,) of 0 and 1; the first sample's cluster is 0."""
    labels = KMeans(2, n_init=_N_INIT, random_state=seed).fit(points).labels_
    return (labels != labels[0]).astype(np.int64)
