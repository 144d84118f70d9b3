from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness import cross_generator
from benchmarks.harness.cells import Skipped, run_cells
from benchmarks.harness.cross_generator import AUGMENTED, PLAIN, TRAINED_HERE, held_out, training_recipe
from benchmarks.harness.options import BenchOptions


@pytest.fixture
def options(bench_data: Path, tiny_folder: Path, tmp_path: Path) -> BenchOptions:
    """One optimiser step of the tiny model, a generator of edits beside the pairs and whole fakes."""
    edits = tmp_path / "attributes" / "gan"
    for index in range(5):
        name = edits / ("real" if index == 0 else "fake") / f"{index}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (64, 64, 3), np.uint8)).save(name)
    return BenchOptions(
        out=tmp_path / "out",
        models=(str(tiny_folder),),
        pairs=bench_data / "pairs",
        whole=bench_data / "whole",
        attributes=tmp_path / "attributes",
        faces=bench_data / "faces",
        steps=1,
        size=32,
        quick=True,
    )


def test_whole_images_of_each_held_out_generator_beside_its_photos(options: BenchOptions) -> None:
    tests = {test.name: test for test in held_out(options)}
    assert sorted(tests) == ["attributes/gan", "pairs/dark", "pairs/smooth", "whole/flat"]
    assert len(tests["attributes/gan"].real) == 1
    assert len(tests["attributes/gan"].fake) == 4
    assert {path.parent.name for path in tests["pairs/dark"].fake} == {"dark"}
    assert all(len(test.fake) == 2 for test in held_out(replace(options, limit=2)))


def test_the_two_trainings_differ_in_partial_augmentation_alone(options: BenchOptions) -> None:
    plain, augmented = (training_recipe(options, strength, stem=True) for strength in (0.0, 1.0))
    assert plain.partial_augmentation == plain.texture_augmentation == 0
    assert augmented.partial_augmentation == 1
    assert replace(augmented, partial_augmentation=0.0, texture_augmentation=0.0) == plain


def test_rows_of_the_trainings_and_of_the_models(options: BenchOptions, tmp_path: Path) -> None:
    results = run_cells(cross_generator.cells(options), tmp_path / "cells")
    section = cross_generator.section(results, tmp_path)
    assert [row[:2] for row in section.rows[:2]] == [("pairs/dark", TRAINED_HERE), ("pairs/dark", "tiny")]
    assert len(section.rows) == 8
    rows = {row[:2]: dict(zip(section.columns, row, strict=True)) for row in section.rows}
    edits = rows["attributes/gan", TRAINED_HERE]
    assert edits["real + fake"] == "1 + 4"
    assert edits["one answer"] == "0.800"
    assert 0 <= float(edits[PLAIN].split()[0]) <= 1
    assert 0 <= float(edits[AUGMENTED].split()[0]) <= 1
    # Five images are no two clusters of five.
    assert edits["+ clustering"] == "not separable"
    assert "fewer than 5" in edits["clusters"]
    assert rows["pairs/dark", "tiny"][PLAIN] == "-"
    # The second run trains nothing and finds the same.
    assert run_cells(cross_generator.cells(options), tmp_path / "cells") == results


def test_separable_clusters_have_a_mean_and_a_deviation_over_draws(tmp_path: Path) -> None:
    clustered = {"clustering": {"mean": 0.9, "std": 0.3, "separable": True, "reason": ""}}
    common = {"test": "pairs/a", "real": 10, "fake": 10, "failures": ["x.png is damaged"]}
    results = {
        "1": {**common, "network": PLAIN, "real_scores": [0.1] * 10, "fake_scores": [0.2] * 10, "clustering": None},
        "2": {**common, "network": AUGMENTED, "real_scores": [0.1] * 10, "fake_scores": [0.5] * 10, **clustered},
    }
    section = cross_generator.section(results, tmp_path)
    (row,) = section.rows
    figures = dict(zip(section.columns, row, strict=True))
    # Everything real, and everything right: a draw moves the share of photos, and in the second nothing.
    assert figures[PLAIN].startswith("0.500 [0.") and figures[AUGMENTED] == "1.000 [1.000, 1.000]"
    assert figures["Δ"].startswith("0.500 [")
    assert row[:4] == ("pairs/a", TRAINED_HERE, "10 + 10", "0.500") and row[-2:] == ("0.900 ± 0.300", "separable")
    assert section.text.count("x.png is damaged") == 1


def test_without_fakes_it_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(Skipped, match="needs fakes"):
        cross_generator.cells(BenchOptions(out=tmp_path))


def test_without_photos_the_models_are_measured_all_the_same(options: BenchOptions, tmp_path: Path) -> None:
    results = run_cells(cross_generator.cells(replace(options, faces=None)), tmp_path / "cells")
    section = cross_generator.section(results, tmp_path)
    assert {row[1] for row in section.rows} == {"tiny"}
    assert "trains on real photos, and there are none" in section.text
