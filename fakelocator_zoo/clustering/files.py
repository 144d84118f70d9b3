"""A fitted clustering as a folder: config.json and model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fakelocator_zoo.clustering.embedding import Reduction
from fakelocator_zoo.clustering.estimator import SingleSampleClustering
from fakelocator_zoo.hub.files import CONFIG, WEIGHTS, read_config, read_tensors, write_folder

#: Digits of the largest integer in config.json, a seed of 32 bits.
SEED_DIGITS = 10
_TYPE = "single_sample_clustering"
_VALUES = ("silhouette_", "feature_silhouette_", "gap_", "stability_", "separable_", "reason_", "fake_cluster_")


def save_clustering(
    clusters: SingleSampleClustering, folder: str | Path, about: Mapping[str, Any] | None = None
) -> None:
    """Save a fitted clustering for new samples, whole or not at all.

    Args:
        clusters: fitted.
        folder: made where needed.
        about: a JSON object that :func:`load_clustering` returns.

    Raises:
        OSError: where the folder cannot be written.
    """
    import torch

    check_is_fitted(clusters)
    arrays = {f"reduction.{name}": values for name, values in clusters.reduction_._asdict().items()}
    arrays["coef"] = clusters.coef_
    config = {
        "model_type": _TYPE,
        "options": {**clusters.get_params(), "random_state": clusters._seed},
        "intercept": clusters.intercept_,
        "values": {name: getattr(clusters, name) for name in _VALUES},
        "about": dict(about or {}),
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in arrays.items()}
    write_folder(Path(folder), tensors, {CONFIG: json.dumps(config, indent=2) + "\n"})


def load_clustering(folder: str | Path) -> tuple[SingleSampleClustering, dict[str, Any]]:
    """The clustering, without attributes of the samples it was fitted to (``labels_``, ...), and its ``about``.

    Raises:
        ValueError: where the folder holds no complete clustering.
    """
    folder = Path(folder)
    config = read_config(folder, SEED_DIGITS)
    kind = config.get("model_type")
    if kind != _TYPE:
        raise ValueError(f"{folder / CONFIG} describes a model of type {kind or 'unknown'}, not {_TYPE}")
    tensors = {name: tensor.numpy() for name, tensor in read_tensors(folder).items()}
    try:
        clusters = SingleSampleClustering(**config["options"])
        clusters._check_arguments()
        clusters.reduction_ = Reduction(**{name: tensors[f"reduction.{name}"] for name in Reduction._fields})
        clusters.coef_, clusters.intercept_ = tensors["coef"].astype(np.float64), float(config["intercept"])
        for name in _VALUES:
            setattr(clusters, name, config["values"][name])
        about = dict(config["about"])
        clusters._seed = int(config["options"]["random_state"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder} is no whole clustering: {CONFIG} and {WEIGHTS} lack {error}") from None
    clusters.n_features_in_ = len(clusters.reduction_.mean)
    return clusters, about
