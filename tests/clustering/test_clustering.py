from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from fakelocator_zoo.clustering import (
    ContradictoryLabelsWarning,
    NotSeparableWarning,
    SingleSampleClustering,
    load_clustering,
    save_clustering,
)
from fakelocator_zoo.clustering.separability import lower_gap


def two(real: int, fake: int, width: int = 16, apart: float = 10.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two normal clusters, ``apart`` standard deviations from each other: features and labels."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=width)
    features = rng.normal(size=(real + fake, width))
    features[real:] += apart * direction / np.linalg.norm(direction)
    labels = np.repeat([0, 1], [real, fake])
    order = rng.permutation(real + fake)
    return features[order].astype(np.float32), labels[order]


def quick(**options: Any) -> SingleSampleClustering:
    return SingleSampleClustering(**{"random_state": 0, **options})


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([SingleSampleClustering()])
def test_is_a_scikit_learn_estimator(estimator: SingleSampleClustering, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("method", ["tsne", "opentsne"])
@pytest.mark.parametrize(("n_components", "label"), [(2, "fake"), (3, "real")])
def test_one_label_names_all(method: Any, n_components: int, label: Any) -> None:
    if method == "opentsne":
        pytest.importorskip("openTSNE")
    features, truth = two(40, 30)
    known = int(np.flatnonzero(truth == (label == "fake"))[0])
    clusters = quick(method=method, n_components=n_components)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels = clusters.fit_predict(features, labelled_index=known, labelled_as=label)
    np.testing.assert_array_equal(labels, truth)
    assert clusters.separable_
    assert clusters.reason_ == ""
    assert clusters.contradictions_ == []
    assert clusters.embedding_.shape == (70, n_components)
    assert clusters.embedding_.dtype == np.float32
    np.testing.assert_array_equal(clusters.fake_probability_ >= 0.5, truth == 1)
    assert clusters.fake_probability_.min() >= 0
    assert clusters.fake_probability_.max() <= 1
    assert clusters.silhouette_ > 0.6
    new, new_truth = two(20, 20)  # the same seed: the same direction
    np.testing.assert_array_equal(clusters.predict(new), new_truth)
    np.testing.assert_array_equal(clusters.fake_probability(new) >= 0.5, new_truth == 1)


def test_new_samples_do_not_depend_on_each_other() -> None:
    features, truth = two(40, 40, apart=6.0)
    clusters = quick().fit(features, labelled_index=0, labelled_as=int(truth[0]))
    np.testing.assert_allclose(clusters.fake_probability(features), clusters.fake_probability_, atol=1e-5)
    new, _ = two(10, 10, seed=3)
    together = clusters.fake_probability(new)
    alone = np.concatenate([clusters.fake_probability(row[None]) for row in new])
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize(("real", "fake", "width"), [(200, 10, 10), (10, 200, 10), (200, 10, 512)])
def test_a_rare_class_is_found(real: int, fake: int, width: int) -> None:
    features, truth = two(real, fake, width, apart=20.0 if width == 512 else 10.0)
    clusters = quick().fit(features, labelled_index=0, labelled_as=int(truth[0]))
    assert clusters.separable_
    np.testing.assert_array_equal(clusters.labels_, truth)


def blob(kind: str, samples: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    normal = rng.normal(size=(samples, width))
    return {
        "ball": normal,
        "tiny ball": 1e-4 * normal + 3,
        "cigar": normal * np.r_[10, np.ones(width - 1)],
        "uniform": rng.uniform(size=(samples, width)),
        "strip": np.c_[30 * rng.uniform(size=samples), normal[:, 1:]],
        "five groups": normal + 8 * rng.normal(size=(5, width))[np.arange(samples) % 5],
    }[kind]


@pytest.mark.parametrize(
    ("kind", "samples", "width"),
    [
        ("ball", 12, 2),
        ("ball", 150, 2),
        ("tiny ball", 60, 8),
        ("cigar", 100, 8),
        ("uniform", 100, 2),
        ("strip", 100, 8),
        ("five groups", 100, 8),
    ],
)
def test_one_crowd_is_not_separable(kind: str, samples: int, width: int) -> None:
    clusters = quick()
    with pytest.warns(NotSeparableWarning, match="do not fall into two clusters"):
        clusters.fit(blob(kind, samples, width), labelled_index=0, labelled_as="fake")
    assert not clusters.separable_
    assert clusters.reason_
    np.testing.assert_array_equal(clusters.fake_probability_, 0.5)
    np.testing.assert_array_equal(clusters.fake_probability(blob(kind, samples, width)), 0.5)


def test_all_alike() -> None:
    clusters = quick()
    with pytest.warns(NotSeparableWarning, match="all samples are alike"):
        clusters.fit(np.full((30, 4), 7.0), labelled_index=3, labelled_as="real")
    assert not clusters.cluster_labels_.any()
    assert not clusters.labels_.any()
    np.testing.assert_array_equal(clusters.fake_probability_, 0.5)
    np.testing.assert_array_equal(clusters.predict(np.zeros((2, 4))), 0)


def test_rounding_does_not_tell_images_apart() -> None:
    rng = np.random.default_rng(0)
    features = (rng.uniform(1, 9, 64) * (1 + 1e-7 * rng.normal(size=(30, 64)))).astype(np.float32)
    with pytest.warns(NotSeparableWarning, match="all samples are alike"):
        quick().fit(features)


def test_copies_of_two_images_are_no_clusters() -> None:
    features = np.repeat([[0.0, 0, 0], [5, 5, 5]], 20, axis=0)
    with pytest.warns(NotSeparableWarning, match="1 different samples, fewer than 5"):
        quick().fit(features, labelled_index=0, labelled_as="fake")


def test_one_of_a_hundred_is_not_made_up() -> None:
    features, truth = two(99, 1, 8, 30.0)
    with pytest.warns(NotSeparableWarning):
        clusters = quick().fit(features, labelled_index=int(np.flatnonzero(truth)[0]), labelled_as="fake")
    assert not clusters.separable_


FEATURES = np.random.default_rng(0).normal(size=(12, 3))


@pytest.mark.parametrize(
    ("options", "features", "known", "message"),
    [
        ({}, FEATURES, (12, "fake"), "row number, 0 to 11, got 12"),
        ({}, FEATURES, (-1, "fake"), "row number"),
        ({}, FEATURES, (1.0, "fake"), "row number"),
        ({}, FEATURES, (True, "fake"), "row number"),
        ({}, FEATURES, (0, "false"), "must be 'real' or 'fake'"),
        ({}, FEATURES, (0, 2), "must be 'real' or 'fake'"),
        ({}, FEATURES, (0, None), "together, or neither"),
        ({}, FEATURES, ([0, 1], ["fake"]), "one label for each"),
        ({}, FEATURES, ([0, 0], ["fake", "real"]), "sample 0 is labelled both"),
        ({}, np.where(FEATURES > 1, np.nan, FEATURES), (0, "fake"), "NaN"),
        ({}, np.where(FEATURES > 1, np.inf, FEATURES), (0, "fake"), "infinity"),
        ({}, FEATURES[:3], (0, "fake"), "minimum of 4"),
        ({"n_components": 4}, FEATURES, (0, "fake"), "n_components must be"),
        ({"method": "umap"}, FEATURES, (0, "fake"), "'tsne' or 'opentsne'"),
        ({"perplexity": 0}, FEATURES, (0, "fake"), "perplexity"),
        ({"max_samples": 5}, FEATURES, (0, "fake"), "max_samples"),
    ],
)
def test_clear_errors(options: dict[str, Any], features: np.ndarray, known: tuple[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quick(**options).fit(features, labelled_index=known[0], labelled_as=known[1])


def test_predict_needs_fit_and_names() -> None:
    with pytest.raises(NotFittedError):
        quick().predict(FEATURES)
    features, _ = two(20, 20)
    clusters = quick().fit(features)
    assert clusters.fake_probability_ is None
    np.testing.assert_array_equal(clusters.labels_, clusters.cluster_labels_)
    assert clusters.labels_[0] == 0
    with pytest.raises(ValueError, match="which cluster is fake is unknown"):
        clusters.fake_probability(features)
    with pytest.raises(ValueError, match="features"):
        clusters.predict(features[:, :3])


def test_a_second_fit_forgets_the_first() -> None:
    features, truth = two(20, 20)
    clusters = quick().fit(features, labelled_index=0, labelled_as=int(truth[0]))
    clusters.fit(features)
    assert clusters.fake_probability_ is None
    np.testing.assert_array_equal(clusters.labels_, clusters.cluster_labels_)


def test_the_majority_names_and_the_rest_is_reported() -> None:
    features, truth = two(30, 30)
    known = [int(row) for row in [*np.flatnonzero(truth)[:3], *np.flatnonzero(truth == 0)[:2]]]
    wrong = ["fake", "fake", "real", "real", "real"]
    with pytest.warns(ContradictoryLabelsWarning, match=f"1 of 5 labelled samples .*{known[2]}"):
        clusters = quick().fit(features, labelled_index=known, labelled_as=wrong)
    np.testing.assert_array_equal(clusters.labels_, truth)
    assert clusters.contradictions_ == [known[2]]
    assert clusters.separable_


def test_a_tie_decides_nothing() -> None:
    features, truth = two(30, 30)
    known = [int(row) for row in np.flatnonzero(truth)[:2]]
    with pytest.warns(ContradictoryLabelsWarning), pytest.warns(NotSeparableWarning, match="contradict each other"):
        clusters = quick().fit(features, labelled_index=known, labelled_as=["fake", "real"])
    np.testing.assert_array_equal(clusters.fake_probability_, 0.5)


def test_same_seed_same_labels_whatever_the_threads() -> None:
    features, _ = two(60, 60, 60, apart=3.0)  # hard, so that rounding would show
    results = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotSeparableWarning)
            clusters = quick().fit(features, labelled_index=0, labelled_as="fake")
        results.append(clusters)
    for other in results[1:]:
        np.testing.assert_array_equal(other.embedding_, results[0].embedding_)
        np.testing.assert_array_equal(other.labels_, results[0].labels_)


def test_above_max_samples_the_rest_is_placed() -> None:
    features, truth = two(1000, 150, 20)
    labelled = int(np.flatnonzero(truth)[0])
    clusters = quick(max_samples=200).fit(features, labelled_index=labelled, labelled_as="fake")
    assert len(clusters.subsample_) in (200, 201) and labelled in clusters.subsample_
    assert clusters.embedding_.shape == (len(clusters.subsample_), 2)
    assert clusters.separable_
    np.testing.assert_array_equal(clusters.labels_, truth)
    np.testing.assert_array_equal(clusters.predict(features), truth)


def test_standardised_quiet_features_count_beside_loud_ones() -> None:
    rng = np.random.default_rng(0)
    quiet, truth = two(40, 40, 4)
    features = np.c_[1e-3 * quiet, 1e3 * rng.normal(size=(80, 4)), np.full(80, 5.0)]  # the last says nothing
    clusters = quick().fit(features, labelled_index=0, labelled_as=int(truth[0]))
    assert clusters.separable_
    np.testing.assert_array_equal(clusters.labels_, truth)


def test_gap_of_halves_and_of_two() -> None:
    rng = np.random.default_rng(0)
    # From the moments of a halved normal and a halved uniform distribution: 2 sqrt(2/pi) / sqrt(1 - 2/pi), sqrt(12).
    normal, uniform = rng.normal(size=(4000, 1)), rng.uniform(-1, 1, size=(4000, 1))
    assert lower_gap(normal, (normal[:, 0] > 0).astype(int), 0) == pytest.approx(2.65 * (1 - 2.326 / 89), rel=0.04)
    assert lower_gap(uniform, (uniform[:, 0] > 0).astype(int), 0) == pytest.approx(12**0.5 * (1 - 2.326 / 89), rel=0.04)
    features, truth = two(2000, 2000, 4, 7.0)
    assert lower_gap(features, truth, 0) == pytest.approx(7 * (1 - 2.326 / 89), rel=0.04)


@pytest.mark.parametrize("method", ["tsne", "opentsne"])
def test_saved_and_loaded_it_predicts_the_same(method: Any, tmp_path: Path) -> None:
    if method == "opentsne":
        pytest.importorskip("openTSNE")
    features, truth = two(40, 40, 60, 20.0)
    clusters = quick(method=method).fit(features, labelled_index=0, labelled_as=int(truth[0]))
    save_clustering(clusters, tmp_path / "c", {"model": "m"})
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["config.json", "model.safetensors"]
    loaded, about = load_clustering(tmp_path / "c")
    assert about == {"model": "m"}
    assert loaded.separable_
    new, new_truth = two(15, 15, 60, 20.0)
    np.testing.assert_allclose(loaded.fake_probability(new), clusters.fake_probability(new), atol=1e-6)
    np.testing.assert_array_equal(loaded.predict(new), new_truth)


def test_a_folder_that_is_no_clustering(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no config.json"):
        load_clustering(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "fakelocator"}')
    with pytest.raises(ValueError, match="of type fakelocator, not single_sample_clustering"):
        load_clustering(tmp_path)


def test_without_opentsne_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(ImportError, match=r"pip install 'fakelocator-zoo\[cluster\]'"):
        quick(method="opentsne").fit(FEATURES)
