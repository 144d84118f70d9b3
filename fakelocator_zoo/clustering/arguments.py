"""What SingleSampleClustering takes, checked: its options, and the labelled samples that fit is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fakelocator_zoo.clustering.embedding import import_opentsne

if TYPE_CHECKING:
    from fakelocator_zoo.clustering.estimator import SingleSampleClustering

Label = Literal["real", "fake", 0, 1]
#: The fewest samples that are clustered; of these no partition is ever called separable.
MIN_SAMPLES = 4
_NAMES = {"real": 0, "fake": 1}


def check_arguments(clusters: SingleSampleClustering) -> None:
    """Check the options of a clustering, which scikit-learn wants done in ``fit``.

    Raises:
        ValueError: for the first that is out of range.
        ImportError: where openTSNE is asked for and not installed.
    """
    if clusters.n_components not in (1, 2, 3):
        raise ValueError(f"n_components must be 1, 2 or 3, got {clusters.n_components}")
    if clusters.method not in ("tsne", "opentsne"):
        raise ValueError(f"method must be 'tsne' or 'opentsne', got {clusters.method!r}")
    if not clusters.perplexity > 0:
        raise ValueError(f"perplexity must be positive, got {clusters.perplexity}")
    if clusters.pca is not None and clusters.pca < 1:
        raise ValueError(f"pca must be a number of components from 1 on, or None; got {clusters.pca}")
    if clusters.n_init < 1 or clusters.n_repeats < 1:
        raise ValueError(f"n_init and n_repeats must be 1 or more, got {clusters.n_init} and {clusters.n_repeats}")
    if clusters.max_samples < 100:
        raise ValueError(f"max_samples must be 100 or more, got {clusters.max_samples}")
    if clusters.method == "opentsne":
        import_opentsne()


def check_labelled(
    index: int | Sequence[int] | None, labels: Label | Sequence[Label] | None, samples: int
) -> dict[int, int]:
    """{row: 0 or 1} of what fit was told, empty where it was told nothing.

    Raises:
        ValueError: for an index without a label and the reverse, one out of range of ``samples``, a label that is
            none, and one sample with both labels.
    """
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
        if not isinstance(row, int | np.integer) or isinstance(row, bool):
            raise ValueError(f"labelled_index must be a row number, got {row!r}")
        if not 0 <= row < samples:
            raise ValueError(f"labelled_index {row} is out of range for {samples} samples, 0 to {samples - 1}")
        label = _NAMES.get(name) if isinstance(name, str) else name
        if isinstance(label, bool) or label not in (0, 1):
            raise ValueError(f"labelled_as must be 'real' or 'fake' (0 or 1), got {name!r}")
        if known.setdefault(int(row), int(label)) != label:
            raise ValueError(f"sample {row} is labelled both real and fake")
    return known
