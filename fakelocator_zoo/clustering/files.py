"""A fitted clustering as a folder: config.json and model.safetensors, without pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fakelocator_zoo.clustering.arguments import check_arguments
from fakelocator_zoo.clustering.embedding import ClusterModel
from fakelocator_zoo.clustering.estimator import SingleSampleClustering
from fakelocator_zoo.clustering.reduction import Reduction
from fakelocator_zoo.hub.files import CONFIG, WEIGHTS, read_config, read_tensors, write_folder

_TYPE = "single_sample_clustering"
_JUDGEMENT = ("silhouette_", "feature_silhouette_", "gap_", "stability_", "separable_", "reason_")
_ARRAYS = ("reference_", "reference_embedding_")


def save_clustering(
    clusters: SingleSampleClustering, folder: str | Path, about: Mapping[str, Any] | None = None
) -> None:
    """Write what a fitted clustering needs for new samples, whole or not at all; those it was fitted to stay out.

    Args:
        clusters: fitted.
        folder: made where needed.
        about: anything JSON can hold, given back by :func:`load_clustering`.

    Raises:
        OSError: where the folder cannot be written.
    """
    import torch
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(clusters)
    options = {**clusters.get_params(), "random_state": clusters._seed}
    arrays = {name: getattr(clusters, name) for name in _ARRAYS}
    arrays |= {f"model.{name}": values for name, values in clusters.model_._asdict().items()}
    arrays |= {
        f"reduction.{name}": values for name, values in clusters.reduction_._asdict().items() if values is not None
    }
    config = {
        "model_type": _TYPE,
        "options": options,
        "judgement": {name: getattr(clusters, name) for name in _JUDGEMENT},
        "fake_cluster": getattr(clusters, "fake_cluster_", None),
        "about": dict(about or {}),
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in arrays.items()}
    write_folder(Path(folder), tensors, {CONFIG: json.dumps(config, indent=2) + "\n"})


def load_clustering(folder: str | Path) -> tuple[SingleSampleClustering, dict[str, Any]]:
    """A clustering that predicts as the one that was saved, and what was saved about it.

    It lacks the attributes of the samples it was fitted to (``labels_``, ``embedding_``, ...).

    Raises:
        ValueError: where the folder holds no whole clustering.
    """
    folder = Path(folder)
    config = read_config(folder)
    kind = config.get("model_type")
    if kind != _TYPE:
        raise ValueError(f"{folder / CONFIG} describes a model of type {kind or 'unknown'}, not {_TYPE}")
    tensors = {name: tensor.numpy() for name, tensor in read_tensors(folder).items()}
    try:
        clusters = SingleSampleClustering(**config["options"])
        check_arguments(clusters)
        for name in _ARRAYS:
            setattr(clusters, name, tensors[name])
        clusters.reduction_ = Reduction(
            tensors["reduction.mean"], tensors["reduction.scale"], tensors.get("reduction.components")
        )
        clusters.model_ = ClusterModel(
            **{name: tensors[f"model.{name}"].astype(np.float64) for name in ClusterModel._fields}
        )
        for name in _JUDGEMENT:
            setattr(clusters, name, config["judgement"][name])
        fake_cluster, about = config["fake_cluster"], dict(config["about"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder} is no whole clustering: {CONFIG} and {WEIGHTS} lack {error}") from None
    if fake_cluster is not None:
        clusters.fake_cluster_ = fake_cluster
    clusters.n_features_in_ = len(clusters.reduction_.mean)
    clusters._seed = int(config["options"]["random_state"])
    clusters._opentsne = None
    return clusters, about
