"""A subsample in which sparse regions, such as a rare class, keep more than their share."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import MiniBatchKMeans

_CELLS = 64


def favour_sparse(features: np.ndarray, samples: int, seed: int, rng: np.random.Generator) -> np.ndarray:
    """Indices (samples,) of features (N, D), N > ``samples``: of each of 64 cells by the square root of its share.

    Args:
        features: in few dimensions, since k-means divides them into the cells.
        samples: how many are drawn.
        seed: of the cells.
        rng: draws within each cell.
    """
    cells = MiniBatchKMeans(_CELLS, batch_size=4096, n_init=1, random_state=seed).fit(features).labels_
    counts = np.bincount(cells, minlength=_CELLS)
    quota = np.zeros(_CELLS)
    # What a small cell cannot give falls to the others.
    while (left := samples - quota.sum()) >= 1 and (open_ := quota < counts).any():
        share = np.sqrt(counts) * open_
        quota = np.minimum(counts, quota + left * share / share.sum())
    # Rounded so that the sum stays; a share that is a whole number already is not changed.
    numbers = np.diff(np.floor(np.cumsum(quota) + 0.5), prepend=0).astype(int)
    chosen = [rng.choice(np.flatnonzero(cells == cell), number, replace=False) for cell, number in enumerate(numbers)]
    return np.concatenate(chosen)
