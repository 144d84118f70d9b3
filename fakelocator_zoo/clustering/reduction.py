"""Features before t-SNE: brought to one scale, then to few dimensions. Fitted once, used for new samples as well."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

_ROUNDING = 1e-6  # of float32 after a sum or two, as a share of the value


class Reduction(NamedTuple):
    """A linear map of features, of D dimensions."""

    mean: np.ndarray  #: (D,) float32
    scale: np.ndarray  #: (D,) float32: what is divided by; ones where features are not standardised
    components: np.ndarray | None  #: (K, D) float32; None keeps all D dimensions

    def transform(self, features: np.ndarray) -> np.ndarray:
        """Features (N, D) -> (N, K) or (N, D), float32."""
        scaled = _scaled(features, self.mean, self.scale)
        return scaled if self.components is None else scaled @ self.components.T


def fit_reduction(features: np.ndarray, standardise: bool, pca: int | None, seed: int) -> Reduction:
    """The reduction for features (N, D).

    Args:
        standardise: whether each feature gets deviation 1, or 0 where it varies by no more than float32 rounds.
        pca: the most dimensions that are kept; None keeps all.
        seed: of the principal components where they are found by chance.
    """
    scaler = StandardScaler().fit(features)
    mean, scale = scaler.mean_.astype(np.float32), np.ones(features.shape[1], np.float32)
    if standardise:
        deviation = np.sqrt(scaler.var_)
        # Otherwise images that are all alike would differ as much as any: by the order of sums in their batch.
        scale = np.where(deviation > _ROUNDING * np.abs(scaler.mean_), deviation, np.inf).astype(np.float32)
    components = None
    if pca is not None and features.shape[1] > pca:
        scaled = _scaled(features, mean, scale)
        if scaled.any():  # samples that are all alike have no components
            components = PCA(min(pca, len(features) - 1), random_state=seed).fit(scaled).components_.astype(np.float32)
    return Reduction(mean, scale, components)


def _scaled(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return ((features - mean) / scale).astype(np.float32, copy=False)
