"""Each table on tiny data: rows whose figures are known beforehand, and what is said where something is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy.ndimage import gaussian_filter

from benchmarks.harness import contenders
from benchmarks.harness.options import Options
from benchmarks.harness.table import Row, Skipped, Table, table_function
from benchmarks.tables import _end_to_end, clustering, controls, cross_attribute, design, speed, verdicts, zoo
from fakelocator_zoo.evaluation.samples import read_paired
from fakelocator_zoo.face_parsing import FaceParser
from fakelocator_zoo.training.validation import PHOTOS
from fakelocator_zoo.zoo.models import list_models
from tests.benchmarks.conftest import ENCODER, photo, write

MODEL = "tiny"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks of seconds: a face parser with random weights, a small network for `cross-attribute`."""
    torch.manual_seed(0)
    parser = FaceParser(encoder_name=ENCODER, side=64).freeze()
    monkeypatch.setattr(cross_attribute, "_face_parser", lambda: parser)
    network = {"encoder_name": ENCODER, "decoder_channels": [8, 8, 8], "texture_channels": None}
    monkeypatch.setattr(cross_attribute, "NETWORK", network)
    caches = (cross_attribute._prepare, cross_attribute._fakes, contenders.load_model)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def made(name: str, options: Options) -> Table:
    """The table, with as many cells in every row as it has columns."""
    table = table_function(name)(options)
    for rows in (table.rows, *table.details.values()):
        assert rows and all(len(row) == len(table.columns) for row in rows)
    return table


def cells(table: Table, row: Row) -> dict[str, str]:
    """Column -> cell."""
    return dict(zip(table.columns, row, strict=True))


def test_pairs_stand_beside_the_trivial_maps(options: Options) -> None:
    table = made("pairs", options)
    rows = {row[:2]: cells(table, row) for row in table.rows}
    # Two kinds of masks, six degradations; a model and four trivial maps.
    assert len(rows) == 2 * 6 * 5
    assert set(table.details) == {"smooth", "dark"}
    for (images, predictor), row in rows.items():
        if predictor == "constant":
            assert row["pixel AUC"] == "0.500 [0.500, 0.500]", images
        if predictor == "empty":
            assert row["COSS"] == row["map level"] == "0.000 [0.000, 0.000]"
        assert (row["fakes called fake"] == "-") == (predictor != MODEL)


def test_whole_fakes_have_no_pixel_auc_and_a_constant_map_is_right(options: Options) -> None:
    table = made("whole", options)
    rows = {row[:2]: cells(table, row) for row in table.rows}
    assert rows["as they are", "constant"]["COSS"].startswith("1.000")
    assert {row["pixel AUC"] for row in rows.values()} == {"-"}


def test_edits_are_a_row_a_set_and_degradation(options: Options) -> None:
    table = made("attributes", options)
    assert {row[0] for row in table.rows} == {"gan", "gan, JPEG 75"}


def test_false_alarms_are_the_share_above_the_threshold(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    model = contenders.load_model(options.models[0], options.device)
    for threshold, share in ((1e-9, "1.000"), (1 - 1e-9, "0.000")):
        monkeypatch.setattr(model, "threshold", threshold)
        table = made("controls", replace(options, out=options.out / share))
        photos = [cells(table, row) for row in table.rows if row[0].startswith("real photos: ")]
        noisy = [cells(table, row) for row in table.rows if row[0].startswith("real photos with noise: ")]
        assert {row["called fake"].split()[0] for row in photos + noisy} == {share} and len(noisy) > 1
    # Photos of 64 px are one size; those of up to 300 px are measured at 512 px as well, where they stay as they are.
    sizes = {(row["what"], row["size"]) for row in photos}
    assert ("real photos: photos/camera", "512 px") in sizes and (
        "real photos: faces/set/images",
        "512 px",
    ) not in sizes
    assert not any("masks" in what for what, _ in sizes)
    everything = [row for row in photos if row["what"] == f"real photos: {controls.EVERY}"]
    assert len({row["images"] for row in everything}) == 1 and len(everything) == len(controls.SIDES)


def test_controls_change_the_region_alone(data: Path) -> None:
    files = next(iter(read_paired(data / "pairs").generators.values())).files
    for name, control in controls.CONTROLS.items():
        sample = controls.ControlFakes(files, control)[0]
        outside = sample.mask == 0
        if control.everywhere is None:
            assert np.array_equal(sample.fake[outside], sample.real[outside]), name
            assert not np.array_equal(sample.fake, sample.real), name
        assert sample.true_map.shape == sample.mask.shape


def test_half_and_back_keeps_size_and_loses_fine_detail() -> None:
    image = photo(0)
    changed = controls.half_and_back(image)
    assert changed.shape == image.shape

    def detail(values: np.ndarray) -> float:
        return float(np.abs(values - gaussian_filter(values.astype(float), (1, 1, 0))).mean())

    assert detail(changed) < detail(image) / 2


def test_clustering_has_a_row_a_generator(options: Options) -> None:
    table = made("clustering", options)
    assert [row[0] for row in table.rows] == ["attributes/gan", "pairs/dark", "pairs/smooth", "whole/flat"]
    assert {cells(table, row)["one answer"] for row in table.rows} == {"0.500"}


def test_clustering_says_why_it_refuses() -> None:
    row = {"test": "t", "model": "m", "real": 3, "fake": 1, "right": 2, "mean": 0.75, "std": 0.0, "reason": "too few"}
    shown = clustering._row(row)
    assert shown[3:4] == ("0.750",) and shown[5:] == ("(0.750 ± 0.000)", "no: too few")


def test_rivals_are_trained_once_and_those_from_outside_run(options: Options, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def predict(images):\n    return images.std(dim=1)\n")
    with_rival = replace(options, rivals=(f"{tmp_path / 'mine.py'}:predict",))
    table = made("rivals", with_rival)
    predictors = {row[1] for row in table.rows}
    assert {MODEL, "mine:predict", "smp.Unet, RGB, Dice", "FFD-style map", "classifier with Grad-CAM"} < predictors
    weights = {path: path.stat().st_mtime_ns for path in (options.out / "weights").rglob("*.safetensors")}
    assert len(weights) == 1
    made("rivals", with_rival)
    assert weights == {path: path.stat().st_mtime_ns for path in (options.out / "weights").rglob("*.safetensors")}


def test_a_training_needs_a_bank_or_says_so(options: Options) -> None:
    for name in ("design", "cross-attribute"):
        with pytest.raises(Skipped, match="give --bank"):
            table_function(name)(replace(options, bank=None))


def test_speed_stands_beside_its_bases(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _end_to_end, "time_start", lambda *_: {"seconds": {_end_to_end.IMPORTS: [1.0], _end_to_end.FIRST: [1.25]}}
    )
    monkeypatch.setattr(
        _end_to_end, "time_ray", lambda *_: {"count": 4, "seconds": {"Ray, 1 worker": [8.0], "Ray, 2 workers": [4.0]}}
    )
    monkeypatch.setattr(_end_to_end, "peak_memory", lambda *_: {"megabytes": 812.4})
    table = made("speed", options)
    rows = {row[2]: cells(table, row) for row in table.rows}
    assert [*rows][:4] == [speed.UNET, speed.PLAIN, speed.ATTENDING, speed.PARSER]
    assert (rows[speed.UNET]["times as fast"], rows[speed.PLAIN]["as"]) == ("-", speed.UNET)
    assert rows[_end_to_end.FOLDER]["as"] == _end_to_end.BARE
    assert rows[_end_to_end.FIRST]["times as fast"] == "0.80 [0.80, 0.80]"
    assert rows["Ray, 2 workers"]["times as fast"] == "2.00 [2.00, 2.00]"
    assert rows["Ray, 2 workers"]["measured"] == "1000.0 [1000.0, 1000.0] ms"
    assert rows["peak memory"]["measured"] == "812 MB"
    assert {"pixel AUC, int8", "image AUC, float32"} <= {*rows}


@pytest.mark.slow
def test_processes_are_timed_and_weighed(options: Options) -> None:
    name = options.models[0]
    seconds = _end_to_end.time_start(name, options, 1)["seconds"]
    assert seconds[_end_to_end.FIRST][0] > 0 < seconds[_end_to_end.IMPORTS][0]
    assert 100 < _end_to_end.peak_memory(name, options)["megabytes"] < 4000


def test_the_networks_timed_differ_as_they_say(options: Options) -> None:
    config = contenders.load_model(options.models[0], options.device).config
    found = speed.timed_networks(config)
    assert found[speed.PLAIN].face_parser is None and found[speed.ATTENDING].face_parser is found[speed.PARSER]

    def encoder(network: torch.nn.Module) -> int:
        return sum(1 for _ in network.encoder.parameters())

    assert encoder(found[speed.UNET]) == encoder(found[speed.PLAIN])


@pytest.mark.slow
def test_design_has_a_row_a_change(options: Options) -> None:
    table = made("design", options)
    assert [row[0] for row in table.rows] == list(design.QUICK)
    assert cells(table, table.rows[0])["Δ COSS"] == "-" and cells(table, table.rows[1])["Δ COSS"] != "-"


def test_differences_of_the_design_are_from_the_reference() -> None:
    def result(value: float) -> dict:
        return {"scores": dict.fromkeys(design.FIGURES, value), "minutes": 2.0}

    found = {"reference/0": result(0.5), "reference/1": result(0.7), "other/0": result(0.8), "other/1": result(0.8)}
    reference, other = design._rows(found)
    assert reference[:2] == ("reference", "0.600 ± 0.100")
    assert other[1 + len(design.FIGURES) :] == ("+0.200", "+0.200", "+0.200", "2", "2.0")


def test_a_bounded_design_names_what_it_left_out(options: Options) -> None:
    table = table_function("design")(replace(options, minutes=0.0))
    assert not table.rows and "run it again" in table.notes[0]


def test_every_change_of_the_design_is_a_recipe(recipe: Path) -> None:
    from benchmarks.harness.training import merged
    from fakelocator_zoo.training.recipe import parse_recipe

    base = yaml.safe_load(recipe.read_text())
    for name, changes in design.VARIANTS.items():
        assert (parse_recipe(merged(base, changes)) == parse_recipe(base)) == (name == design.REFERENCE), name


def test_verdicts_on_what_a_recipe_holds_out(options: Options, tiny_folder: Path, tmp_path: Path) -> None:
    generators = {name: {"real": "pairs/real", "fake": f"pairs/fake/{name}"} for name in ("smooth", "dark")}
    wanted = {"generators": list(generators), "photos": ["faces/set/images/*.png", "photos/camera/*.png"], "side": 64}
    folder = shutil.copytree(tiny_folder, tmp_path / "tiny")
    values = {"data": {"pairs": generators}, "validation": {**wanted, "images": 2, "threshold_photos": 2}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values))
    table = made("verdicts", replace(options, models=(str(folder),)))
    rows = {row[0]: cells(table, row) for row in table.rows}
    assert set(rows) == {*generators, *wanted["photos"], *verdicts.ALL}
    assert {rows[name]["count"] for name in wanted["photos"]} == {"4"}, "two of six are those of the threshold"
    for name, row in rows.items():
        shares = [float(row[verdict].split()[0]) for verdict in verdicts.VERDICTS]
        assert sum(shares) == pytest.approx(1, abs=0.002), name
        assert (row["ECE"] == "-") == (name not in (*generators, verdicts.ALL[0]))


def test_calibration_errors_are_of_temperatures_that_were_fitted_to_others() -> None:
    """One generator's fakes are certain and right, the other's certain and wrong: each spoils the other's fit."""
    labels = np.tile([0, 1], 40)
    groups = np.where(labels == 0, PHOTOS, np.repeat(["good", "bad"], 40))
    margins = np.where(labels == 0, -4.0, np.where(groups == "good", 4.0, -4.0))
    errors, of_noise = verdicts.held_out_errors(np.stack([margins, 0 * margins]), labels, groups)
    assert errors["bad"] == pytest.approx(0.5, abs=0.03), "its fakes pass as photos, at a temperature for good ones"
    assert errors["good"] > 0.1, "and those of the good one are doubted"
    assert errors["bad"] > errors[verdicts.ALL[0]] > errors["good"]
    assert set(of_noise) == set(errors), "a condition that nothing was fitted to"


def test_the_zoo_has_a_row_for_each_model(options: Options) -> None:
    table = made("zoo", options)
    assert [row[0] for row in table.rows] == [f"`{name}`" for name in list_models(pretrained=True)]


def test_figures_of_a_card_are_means_over_generators_as_they_are() -> None:
    def result(name: str, **metrics: float) -> dict:
        named = [{"name": key.replace("_", " "), "value": value} for key, value in metrics.items()]
        return {"dataset": {"name": name}, "metrics": named}

    results = [
        result("validation: one", pixel_AUC=0.5, image_AUC=0.6),
        result("validation: two", pixel_AUC=0.7, image_AUC=0.8),
        result("validation: two, JPEG 75", pixel_AUC=0.1, image_AUC=0.1),
        result("validation: gan", image_AUC=0.9),
    ]
    found = zoo.card_figures({"model-index": [{"results": results}]})
    assert found == pytest.approx(dict(zip(zoo.COLUMNS[3:6], (0.6, 0.7, 0.9), strict=True)))
    assert zoo.card_figures({}) == {}


def test_runs_of_one_recipe_stand_side_by_side(options: Options, tiny_folder: Path) -> None:
    table = made("runs", replace(options, models=(str(tiny_folder), "fakelocator_mobilenetv4_conv_small.open")))
    assert {row[1] for row in table.rows} == {"run 1", "run 2"}
    assert "*run 1* is `tiny`" in table.text
    validation = {row[1]: cells(table, row) for row in table.rows if row[0] == "validation"}
    assert validation["run 1"]["pixel AUC"] == "-"  # its card says nothing
    assert 0.5 < float(validation["run 2"]["pixel AUC"]) < 1
    with pytest.raises(Skipped, match="at least twice"):
        made("runs", options)


def test_cross_attribute_has_attention_beside_its_baselines(options: Options) -> None:
    table = made("cross-attribute", options)
    names = [cross_attribute.NONE, cross_attribute.AFTERWARDS, cross_attribute.ALONE]
    names += [cross_attribute.FACE, cross_attribute.PART]
    assert [row[0] for row in table.rows] == names * 2
    assert set(table.details) == set(names)
    # Attention in place of a map decides nothing.
    assert cells(table, table.rows[2])["image AUC"] == "-"


def test_means_are_over_pairs_of_parts_and_seeds() -> None:
    def result(part: str, seed: int, same: float, other: float) -> dict:
        tests = {each: same if each == part else other for each in cross_attribute.MANIPULATED}
        scores = {name: dict.fromkeys(cross_attribute.FIGURES, value) for name, value in tests.items()}
        return {"part": part, "seed": seed, "scores": {cross_attribute.NONE: scores}}

    results = [result("hair", 0, 1.0, 0.5), result("hair", 1, 0.8, 0.7), result("mouth", 0, 1.0, 0.5)]
    rows, details = cross_attribute.summarised(results)
    others, same = rows
    assert others[:4] == (cross_attribute.NONE, cross_attribute.EACH, cross_attribute.OTHERS, "0.600")
    assert same[3] == "0.900"
    assert len(details[cross_attribute.NONE]) == 2 * len(cross_attribute.MANIPULATED)


def test_a_broken_photo_is_named_and_the_others_go_on(options: Options, tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"data/whole/real/web/{number}.png", photo(number))
        write(tmp_path / f"data/whole/fake/flat/{number}.png", photo(9 + number))
    (tmp_path / "data/whole/real/web/1.png").write_bytes(b"no image")
    table = made("whole", replace(options, data=tmp_path / "data"))
    assert any("1.png" in note for note in table.notes)
    assert len(table.rows) == 3 * 5
