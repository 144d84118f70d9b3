"""Adaptation to an unseen generator: labels for a folder of images from one labelled image, and an adapter.

An adapter is a fitted clustering with the identity of the model whose features it clusters. With it, `locate` takes the
decision from the clusters and the map from the model.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fakelocator_zoo.clustering import (
    ContradictoryLabelsWarning,
    NotSeparableWarning,
    SingleSampleClustering,
    load_clustering,
    save_clustering,
)
from fakelocator_zoo.clustering.embedding import Method
from fakelocator_zoo.clustering.estimator import MIN_SAMPLES
from fakelocator_zoo.clustering.files import SEED_DIGITS
from fakelocator_zoo.clustering.scatter import draw_scatter
from fakelocator_zoo.clustering.separability import MIN_GAP
from fakelocator_zoo.hub.files import CONFIG, WEIGHTS, read_config, write_whole
from fakelocator_zoo.images import ImageError, make_folder, write_image
from fakelocator_zoo.inference.features import extract_features, model_identity
from fakelocator_zoo.inference.localizer import Localization
from fakelocator_zoo.models.fakelocator import FakeLocator

RESULTS, SCATTER, ADAPTER = "results.csv", "scatter.png", "adapter"


@dataclasses.dataclass(frozen=True, eq=False)
class Adaptation:
    """The result of :func:`adapt` for the M images that could be read."""

    paths: tuple[Path, ...]  #: (M,) those that could be read
    clusters: SingleSampleClustering  #: fitted to the M features; check its ``separable_``
    contradictions: tuple[Path, ...]  #: labelled images whose label is not their cluster's
    failures: dict[Path, str]  #: one sentence for each image that could not be read

    @property
    def labels(self) -> list[str]:
        """(M,) of ``"real"`` and ``"fake"``, or of empty strings where the clusters are not separable."""
        if not self.clusters.separable_:
            return [""] * len(self.paths)
        return ["fake" if label else "real" for label in self.clusters.labels_]


class Adapter:
    """Decides photos by the clusters of an adaptation.

    Args:
        folder: what ``fakelocator adapt`` wrote.
        model: the one whose features were clustered.

    Raises:
        ValueError: where the folder holds no whole adapter, or one of another model.
    """

    def __init__(self, folder: str | Path, model: FakeLocator) -> None:
        self.model = model
        self.clusters, about = load_clustering(folder)
        if self.clusters.fake_cluster_ is None or {"weights", "config", "crop"} - set(about):
            raise ValueError(f"{folder} is no adapter; make one with 'fakelocator adapt'")
        if model_identity(model) != {key: about[key] for key in ("weights", "config")}:
            raise ValueError(
                f"the adapter {folder} was made with other weights ({about.get('model')}) than those of this model; "
                "adapt again, or give the model it was made with"
            )
        self._crop: int | None = about["crop"]

    def fake_probability(self, image: np.ndarray) -> float:
        """Of a photo (H, W, 3) uint8, in [0, 1]."""
        features = extract_features(self.model, [image], crop=self._crop)
        return float(self.clusters.fake_probability(features.values)[0])

    def __call__(self, result: Localization) -> Localization:
        """The result with the clusters' decision on the whole photo and without faces; "not judged" stays."""
        probability = self.fake_probability(result.image)
        verdict, reason = result.verdict, result.reason
        if verdict != "not judged":
            verdict, reason = "fake" if probability >= 0.5 else "real", None
        return dataclasses.replace(
            result, fake_probability=probability, verdict=verdict, reason=reason, faces=(), whole_image=True
        )


def adapter_model(folder: str | Path) -> str | None:
    """The name or folder of an adapter's model, as it was given to :func:`adapt`.

    Raises:
        ValueError: where the folder holds no adapter.
    """
    about = read_config(Path(folder), SEED_DIGITS).get("about")
    if not isinstance(about, dict):
        raise ValueError(f"{folder} is no adapter; make one with 'fakelocator adapt'")
    name = about.get("model")
    return None if name is None else str(name)


def parse_labelled(arguments: Sequence[str], folder: Path) -> dict[Path, str]:
    """``["a.png=fake", ...]`` -> {path: "fake" or "real"}; a path may be relative to ``folder``.

    Raises:
        ValueError: for anything but IMAGE=fake and IMAGE=real, and for one image with both labels.
        ImageError: for an image that does not exist.
    """
    known: dict[Path, str] = {}
    for argument in arguments:
        name, _, label = argument.rpartition("=")
        if not name or label not in ("fake", "real"):
            raise ValueError(f"--labelled takes IMAGE=fake or IMAGE=real, got {argument!r}")
        path = next((each for each in (Path(name), folder / name) if each.is_file()), None)
        if path is None:
            raise ImageError(f"the labelled image {name} does not exist, here or in {folder}; check its spelling")
        if known.setdefault(path.resolve(), label) != label:
            raise ValueError(f"{name} is labelled both real and fake")
    if not known:
        raise ValueError("give the label of one image at least, as --labelled IMAGE=fake")
    return known


def adapt(
    model: FakeLocator,
    photos: Sequence[Path],
    labelled: Mapping[Path, str],
    out: Path,
    *,
    model_name: str | None = None,
    method: Method = "tsne",
    crop: int | None = 512,
    seed: int = 0,
    device: str | None = None,
    track: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> Adaptation:
    """Cluster photos, name the clusters by labelled ones, and write results.csv, scatter.png and the adapter.

    Where the clusters do not separate, labels and probabilities in results.csv are empty and no adapter is written; one
    of an earlier run is removed. Centres of whole photos are compared, not faces: whether a face was found would itself
    form clusters.

    Args:
        model: a FakeLocator.
        photos: image files.
        labelled: {resolved path: "fake" or "real"}; added to ``photos`` where they are missing.
        out: output folder.
        model_name: the model that ``locate --adapter`` loads; None for the default model.
        method, seed: as in :class:`~fakelocator_zoo.SingleSampleClustering`.
        crop: longer sides are cut to so many pixels around the centre; None keeps them.
        device: None leaves the model where it is.
        track: gives the photos one by one, and may show how far it is.

    Raises:
        ValueError: where no labelled image can be read, or fewer than four images.
        OSError: where ``out`` cannot be written.
    """
    make_folder(out)
    present = {path.resolve() for path in photos}
    everything = [*photos, *(path for path in labelled if path not in present)]
    if device is not None:
        model = model.to(device)
    features = extract_features(model, track(everything), crop=crop)
    paths = tuple(everything[row] for row in features.rows)
    failures = {everything[row]: why for row, why in features.failures.items()}
    row_of = {path.resolve(): row for row, path in enumerate(paths)}
    known = {row_of[path]: label for path, label in labelled.items() if path in row_of}
    if not known:
        raise ImageError(f"no labelled image can be read: {next(iter(failures.values()))}")
    if len(paths) < MIN_SAMPLES:
        raise ImageError(
            f"{len(paths)} images can be read, and clustering needs {MIN_SAMPLES} at least; give more of them"
        )
    clusters = SingleSampleClustering(method=method, random_state=seed)
    with warnings.catch_warnings():
        # The result holds the same information.
        warnings.simplefilter("ignore", NotSeparableWarning)
        warnings.simplefilter("ignore", ContradictoryLabelsWarning)
        clusters.fit(features.values, labelled_index=list(known), labelled_as=list(known.values()))  # type: ignore[arg-type]
    found = Adaptation(paths, clusters, tuple(paths[row] for row in clusters.contradictions_), failures)
    write_whole(out / RESULTS, _csv(found).encode())
    write_image(out / SCATTER, draw_scatter(clusters, found.paths, list(known)))
    if clusters.separable_:
        about: dict[str, Any] = {**model_identity(model), "model": model_name, "crop": crop}
        save_clustering(clusters, out / ADAPTER, about)
    else:
        # One of an earlier run would not belong to these results.
        for name in (CONFIG, WEIGHTS):
            (out / ADAPTER / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not there, or the user keeps files of their own in it
            (out / ADAPTER).rmdir()
    return found


def describe(found: Adaptation, report: Callable[[str], None]) -> None:
    """Report an adaptation in sentences."""
    clusters = found.clusters
    report(
        f"silhouette {clusters.silhouette_:.2f} in the embedding, {clusters.feature_silhouette_:.2f} in the features; "
        f"gap {clusters.gap_:.1f} ({MIN_GAP} needed); stability {clusters.stability_:.2f}"
    )
    for path in found.contradictions:
        report(f"contradiction: {path} is labelled otherwise than its cluster")
    if clusters.separable_:
        fake = found.labels.count("fake")
        report(f"{fake} fake, {len(found.paths) - fake} real")
    else:
        report(f"not separable: {clusters.reason_}; no labels are given and no adapter is written")


def _csv(found: Adaptation) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "cluster", "label", "probability"))
    assert found.clusters.fake_probability_ is not None
    shown = [f"{p:.6f}" if found.clusters.separable_ else "" for p in found.clusters.fake_probability_]
    writer.writerows(zip(found.paths, found.clusters.cluster_labels_.tolist(), found.labels, shown, strict=True))
    return text.getvalue()
