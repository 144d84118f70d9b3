"""The accuracy of single sample clustering over draws of the labelled sample."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.harness.protocol import single_sample_protocol
from fakelocator_zoo.clustering import SingleSampleClustering
from tests.clustering.test_clustering import two


def test_protocol() -> None:
    features, truth = two(40, 30, apart=7.0)
    result = single_sample_protocol(features, truth, clustering=SingleSampleClustering(random_state=0))
    assert len(result.accuracies) == 10
    assert truth[list(result.drawn)].tolist() == [1, 0] * 5
    assert len(set(result.drawn)) == 10
    assert result.mean > 0.98
    assert result.clusters.separable_
    # What fitting anew with each labelled sample gives.
    for row, accuracy in zip(result.drawn[:2], result.accuracies[:2], strict=True):
        labels = SingleSampleClustering(random_state=0).fit_predict(
            features, labelled_index=row, labelled_as=int(truth[row])
        )
        assert (labels == truth).mean() == pytest.approx(accuracy)


def test_protocol_of_a_sample_in_the_wrong_cluster() -> None:
    features, truth = two(20, 20)
    odd = int(np.flatnonzero(truth == 1)[0])
    features[odd] = features[truth == 0].mean(axis=0)
    result = single_sample_protocol(features, truth, draws=40, clustering=SingleSampleClustering(random_state=0))
    assert sorted(result.drawn) == list(range(40))
    assert result.accuracies[result.drawn.index(odd)] == pytest.approx(1 / 40)
    assert result.mean == pytest.approx((39 * 39 / 40 + 1 / 40) / 40)


@pytest.mark.parametrize(
    ("labels", "message"), [([0, 1], "one for each"), ([1] * 12, "both present"), ([0, 2] * 6, "must be 0")]
)
def test_protocol_errors(labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        single_sample_protocol(np.zeros((12, 3)), labels)
