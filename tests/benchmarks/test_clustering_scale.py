from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness import clustering_scale
from benchmarks.harness.cells import run_cells
from benchmarks.harness.clustering_scale import APART, two_clusters
from benchmarks.harness.options import BenchOptions


def test_clusters_are_as_far_apart_as_the_table_says() -> None:
    features, labels = two_clusters(6000, 0)
    assert features.dtype == np.float32
    assert labels.mean() == pytest.approx(1 / 3, abs=0.02)
    direction = features[labels == 1].mean(axis=0) - features[labels == 0].mean(axis=0)
    along = features @ (direction / np.linalg.norm(direction))
    assert along[labels == 1].mean() - along[labels == 0].mean() == pytest.approx(APART, rel=0.05)
    assert along[labels == 0].std() == pytest.approx(1, rel=0.05)


@pytest.mark.slow
def test_a_row_a_method(tmp_path: Path) -> None:
    options = BenchOptions(out=tmp_path, quick=True)
    section = clustering_scale.section(run_cells(clustering_scale.cells(options), tmp_path), tmp_path)
    rows = [dict(zip(section.columns, row, strict=True)) for row in section.rows]
    assert [row["method"] for row in rows] == ["tsne", "opentsne"]
    assert {row["samples"] for row in rows} == {"600"}
    assert all(float(row["accuracy"]) > 0.99 for row in rows)
    assert all(float(row["peak MB"]) >= float(row["before"]) > 50 for row in rows)
