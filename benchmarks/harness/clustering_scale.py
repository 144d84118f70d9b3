"""Table `clustering-scale`: seconds, memory and accuracy of single sample clustering on many features.

``python -m benchmarks.harness.clustering_scale SAMPLES METHOD SEED`` measures one row in a process of its own, whose
peak memory is that row's, and prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.cells import Cell, Section, Skipped, skip_sentences
from benchmarks.harness.evaluations import sentences
from benchmarks.harness.options import BenchOptions
from fakelocator_zoo.clustering import SingleSampleClustering
from fakelocator_zoo.evaluation.environment import processor

WIDTH = 512
#: Distance of the two clusters' means, in standard deviations.
APART = 8.0
#: A million, whose features alone take 2 GB, has to be asked for, by the command above.
SAMPLES, QUICK_SAMPLES = (1_000, 100_000), (600,)
METHODS = ("tsne", "opentsne")


def cells(options: BenchOptions) -> list[Cell]:
    """One for each method and number of samples."""
    return [
        Cell(
            f"{method}/{samples}",
            {"width": WIDTH, "apart": APART, "seed": options.seed, "processor": processor()},
            partial(_in_a_process, samples, method, options.seed),
        )
        for method in METHODS
        for samples in (QUICK_SAMPLES if options.quick else SAMPLES)
    ]


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """A row for each method and number of samples."""
    rows: list[tuple[str, ...]] = [
        (
            f"{result['samples']:,}",
            result["method"],
            f"{result['wall_seconds']:.1f}",
            f"{result['cpu_seconds']:.1f}",
            f"{result['peak_megabytes']:.0f}",
            f"{result['megabytes_before']:.0f}",
            f"{result['accuracy']:.4f}",
            f"{result['subsample_accuracy']:.4f}",
        )
        for result in results.values()
        if "samples" in result
    ]
    text = (
        f"Two normal clusters in {WIDTH} dimensions, one twice as large as the other, their means {APART:g} standard "
        "deviations apart; `SingleSampleClustering` with its defaults and one labelled sample. Fitting runs on one "
        "thread. Seconds by the clock and of the processor (on a shared machine the second is the cost); peak memory "
        "of a process that does nothing else, and how much of it was there before fitting: the features and the "
        "libraries; accuracy of all samples and of the subsample that t-SNE saw."
    )
    columns = ("samples", "method", "s", "CPU s", "peak MB", "before", "accuracy", "of the subsample")
    return Section("clustering-scale", "Clustering at scale", sentences(text, skip_sentences(results)), columns, rows)


def two_clusters(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, :data:`WIDTH`) float32 and labels (N,), a third of them 1."""
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(WIDTH, dtype=np.float32)
    direction *= APART / np.linalg.norm(direction)
    features = rng.standard_normal((samples, WIDTH), dtype=np.float32)
    labels = (rng.random(samples) < 1 / 3).astype(np.int64)
    for start in range(0, samples, 10_000):  # in parts: memory is what is measured
        part = slice(start, start + 10_000)
        features[part] += labels[part, None] * direction
    return features, labels


def _in_a_process(samples: int, method: str, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.harness.clustering_scale", str(samples), method, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise Skipped(f"{method} of {samples} samples was not measured: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def _measure(samples: int, method: str, seed: int) -> dict[str, Any]:
    features, labels = two_clusters(samples, seed)
    clusters = SingleSampleClustering(method=method, random_state=seed)  # type: ignore[arg-type]
    before = _peak_megabytes()
    wall, cpu = time.perf_counter(), time.process_time()
    clusters.fit(features, labelled_index=0, labelled_as="fake" if labels[0] else "real")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = clusters.labels_ == labels
    return {
        "samples": samples,
        "method": method,
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "peak_megabytes": _peak_megabytes(),
        "megabytes_before": before,
        "accuracy": float(found.mean()),
        "subsample_accuracy": float(found[clusters.subsample_].mean()),
        "separable": bool(clusters.separable_),
    }


def _peak_megabytes() -> float:
    import resource

    # Kilobytes, but bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))  # noqa: T201
