"""The whole benchmark on tiny data: every table, one report, resumed where it was killed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.harness import pictures, runtimes
from benchmarks.harness.adapters import load_function
from benchmarks.harness.cells import Skipped
from benchmarks.harness.options import BenchOptions, data_folders
from benchmarks.harness.parallel import compute_tables
from benchmarks.harness.rivals import RIVALS, contenders
from benchmarks.harness.run import TABLES, check_tables, run_bench
from fakelocator_zoo.cli import app

#: Tables whose figures are no times, so that two runs agree to the last digit.
STEADY = ("generators", "robustness", "ablation", "controls")


def tables(out: Path) -> dict:
    return json.loads((out / "bench.json").read_text())["tables"]


def figures(out: Path, table: str) -> dict[str, list[str]]:
    """Rows of a table by their first two cells."""
    return {f"{row[0]}, {row[1]}": row for row in tables(out)[table]["rows"]}


@pytest.mark.slow
def test_a_killed_run_ends_with_the_tables_of_one_that_was_not(options, tmp_path):
    pytest.importorskip("matplotlib")
    whole = run_bench(options, STEADY)

    killed = dataclasses.replace(options, out=tmp_path / "killed")
    starts = 0
    for stop in (3, 12, 40, 10**6):

        def report(what: str, done: int, total: int, stop: int = stop) -> None:
            if done == stop:
                raise KeyboardInterrupt

        starts += 1
        contenders.cache_clear()  # another process has nothing in memory
        try:
            resumed = run_bench(killed, STEADY, report)
            break
        except KeyboardInterrupt:
            assert not (killed.out / "bench.json").exists()
    assert starts == 4
    assert resumed == whole
    assert tables(killed.out) == tables(options.out)
    for name in ("bench.json", "bench.md", "bench.html", "pictures/robustness.png"):
        assert (killed.out / name).stat().st_size > 500
    # Nothing is computed by the same command once more.
    before = {path: path.stat().st_mtime_ns for path in killed.out.rglob("cells/**/*.json")}
    run_bench(killed, STEADY)
    assert {path: path.stat().st_mtime_ns for path in killed.out.rglob("cells/**/*.json")} == before


def test_tables_computed_at_once_are_those_computed_in_turn(options, tmp_path):
    options = dataclasses.replace(options, rivals=("fakelocator", "constant"))
    in_turn = run_bench(options, ("generators", "controls"))
    at_once = dataclasses.replace(options, out=tmp_path / "at-once", jobs=2, threads=1)
    heard: list[tuple[str, int, int]] = []
    contenders.cache_clear()
    assert run_bench(at_once, ("generators", "controls"), lambda *said: heard.append(said)) == in_turn
    cells = [path for table in ("generators", "controls") for path in (at_once.cells / table).glob("*.json")]
    assert [done for _, done, _ in heard] == [*range(len(cells)), len(cells)]
    assert {what.split(":")[0] for what, _, _ in heard} == {"generators", "controls", "report"}


def test_what_goes_wrong_in_another_process_ends_the_run(options):
    options = dataclasses.replace(options, jobs=2)
    with pytest.raises(ZeroDivisionError):
        compute_tables(_broken, options, ("generators", "speed"), 1, lambda *said: None)


def _broken(options, table, report):
    assert table == "generators", "tables of time are left to the caller"
    raise ZeroDivisionError


def test_known_predictors_score_what_they_must(options):
    options = dataclasses.replace(options, rivals=("constant", "gaussian"), whole=None)
    run_bench(options, ("generators", "controls"))
    rows = figures(options.out, "generators")
    columns = tables(options.out)["generators"]["columns"]
    constant = dict(zip(columns, rows["pairs: dark, constant"], strict=True))
    assert constant["fakes"] == "2"
    assert constant["pixel AUC"] == "0.500 [0.500, 0.500]" and constant["Pearson"] == "0.000 [0.000, 0.000]"
    assert constant["AUC"] == "0.500 [0.500, 0.500]" and constant["accuracy"] == "0.500 [0.500, 0.500]"
    truth = dict(zip(columns, rows["pairs: smooth, true mask"], strict=True))
    assert truth["pixel AUC"] == "1.000 [1.000, 1.000]" and truth["AUC"] == "-"
    # The mask is central: knowing where faces sit is worth much, with and without a generator's work.
    gaussian = figures(options.out, "controls")["median 3 x 3, centred Gaussian"]
    assert float(gaussian[3].split()[0]) > 0.9 and gaussian[4] == "1.000 [1.000, 1.000]"


def test_differences_are_paired_with_the_chosen_baseline(options):
    options = dataclasses.replace(options, rivals=("constant", "gaussian"), baseline="constant", whole=None)
    run_bench(options, ("generators",))
    columns = tables(options.out)["generators"]["columns"]
    rows = figures(options.out, "generators")
    gaussian = dict(zip(columns, rows["pairs: dark, centred Gaussian"], strict=True))
    # Constant maps score exactly 0.5, so the difference is the Gaussian's own figure less 0.5.
    assert float(gaussian["Δ pixel AUC"].split()[0]) == pytest.approx(float(gaussian["pixel AUC"].split()[0]) - 0.5)
    assert rows["pairs: dark, constant"][-2:] == ["-", "-"]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_no_other_file_and_no_script(options):
    pytest.importorskip("matplotlib")
    run_bench(dataclasses.replace(options, rivals=("gaussian",)), ("robustness", "cross-attribute", "demo"))
    text = (options.out / "bench.html").read_text()
    page = Page()
    page.feed(text)
    assert "script" not in page.tags and "link" not in page.tags
    assert page.tags.count("img") == 2 and page.tags.count("table") >= 2
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert "@media print" in text and "url(" not in text and "@import" not in text


def test_the_report_says_where_it_was_measured_but_not_where_data_lies(options):
    run_bench(dataclasses.replace(options, rivals=("gaussian",)), ("generators",))
    values = json.loads((options.out / "bench.json").read_text())
    assert {"date", "command", "machine", "python", "versions", "commit", "seed"} <= values["about"].keys()
    assert values["options"]["pairs"] == "pairs" and values["options"]["limit"] == 2
    cells = values["tables"]["generators"]["cells"]
    one = cells["pairs/centred Gaussian/dark"]
    assert one["settings"]["predictor"] == {"rival": "gaussian"} and len(one["result"]["fakes"]) == 2
    text = (options.out / "bench.md").read_text()
    assert "NaN" not in (options.out / "bench.json").read_text()
    assert str(options.pairs.parent) not in text + (options.out / "bench.json").read_text()


@pytest.mark.slow
def test_speed_stands_beside_unet_and_the_bare_encoder(options, monkeypatch):
    monkeypatch.setattr(runtimes, "available", lambda: ["eager"])
    (section,) = run_bench(dataclasses.replace(options, threads=1), ("speed",))
    assert {"tiny", "smp.Unet, same encoder", "bare encoder"} <= {row[1] for row in section.rows}
    unet = [row for row in section.rows if row[1].startswith("smp.Unet")]
    assert all(row[4] == "1.00 [1.00, 1.00]" for row in unet)
    assert all(row[-1].endswith("%") for row in section.rows)
    assert "OpenVINO: not installed; pip install openvino" in section.text
    assert "`fakelocator --help`" in section.text and "peak MB" in section.text
    cost = {line.split("|")[1].strip(): line for line in section.text.splitlines() if line.startswith("| ")}
    assert "1.00 [1.00, 1.00]" in cost["without attention"]
    assert {"with attention", "face parser alone", "mobilenetv3_small_100"} <= cost.keys()


# What is missing is skipped, with a sentence


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("generators", "--data a folder with pairs/, whole/ or attributes/"),
        ("robustness", "--data a folder with pairs/"),
        ("ablation", "--data a folder with pairs/"),
        ("controls", "pairs/real and pairs/mask"),
        ("cross-generator", "--data"),
        ("cross-attribute", "give"),
        ("in-domain", "--data a folder with pairs/"),
    ],
)
def test_a_table_without_its_data_is_skipped(options, table, sentence):
    bare = BenchOptions(out=options.out, models=options.models, quick=True)
    (section,) = run_bench(bare, (table,))
    assert section.text.startswith("Skipped: ") and sentence in section.text and not section.rows
    assert "Skipped" in (options.out / "bench.html").read_text()


def test_baselines_without_photos_are_skipped_and_the_others_go_on(options):
    options = dataclasses.replace(options, faces=None, whole=None, rivals=("unet-dice", "gaussian"))
    (section,) = run_bench(options, ("generators",))
    assert "U-Net with Dice, same steps: it trains on real photos, and there are none" in section.text
    assert {row[1] for row in section.rows} == {"tiny", "centred Gaussian", "true mask"}


def test_a_rival_that_fails_is_skipped_and_the_others_go_on(options, tmp_path):
    (tmp_path / "theirs.py").write_text("def predict(images):\n    raise MemoryError('too large')\n")
    options = dataclasses.replace(options, whole=None, rivals=(f"{tmp_path / 'theirs.py'}:predict", "gaussian"))
    (section,) = run_bench(options, ("generators",))
    assert "theirs.py:predict failed: too large" in section.text and len(section.rows) == 3 * 3 * 2


def test_a_broken_photo_is_named_and_the_others_go_on(options, tmp_path):
    import shutil

    pairs = shutil.copytree(options.pairs, tmp_path / "pairs")
    (pairs / "fake/dark/anna.png").write_bytes(b"\x89PNG broken")
    options = dataclasses.replace(options, pairs=pairs, whole=None, rivals=("gaussian",), limit=4)
    (section,) = run_bench(options, ("generators",))
    assert "anna.png" in section.text
    counts = {row[0]: row[2] for row in section.rows if row[1] == "centred Gaussian"}
    assert counts["pairs: dark"] == "3" and counts["pairs: smooth"] == "4"


def test_without_matplotlib_there_are_rows_and_a_sentence(options, monkeypatch):
    def missing(*_: object, **__: object) -> None:
        raise Skipped("no picture was drawn: pip install 'fakelocator-zoo[bench]'")

    from benchmarks.harness import robustness

    monkeypatch.setattr(robustness, "draw_panels", missing)
    (section,) = run_bench(dataclasses.replace(options, rivals=("gaussian",)), ("robustness",))
    assert section.rows and not section.pictures and "pip install" in section.text


def test_the_extra_is_named_where_matplotlib_is_missing(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    line = pictures.Series([1, 2], [0.5, 0.6], [0.4, 0.5], [0.6, 0.7])
    with pytest.raises(Skipped, match=r"fakelocator-zoo\[bench\]"):
        pictures.draw_panels(tmp_path / "a.png", [pictures.Panel("JPEG", "quality", "AUC", {"ours": line})])


def test_every_table_has_cells_and_a_section():
    import importlib

    for module in TABLES.values():
        table = importlib.import_module(f"benchmarks.harness.{module}")
        assert callable(table.cells) and callable(table.section)


@pytest.mark.parametrize("name", ["tiny_ladeda", "photoholmes_method", "transformers_classifier"])
def test_documented_rivals_are_skipped_where_they_are_not_installed(name, monkeypatch):
    import fakelocator_zoo

    for variable in ("TINY_LADEDA", "HF_CLASSIFIER"):
        monkeypatch.delenv(variable, raising=False)
    folder = Path(fakelocator_zoo.__file__).parents[1] / "benchmarks" / "rivals"
    if not folder.is_dir():
        pytest.skip("not in a checkout")
    with pytest.raises(Skipped):
        load_function(f"{folder / name}.py:predict")


# Bad input


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rivals": ("unet-dise",)}, "unknown rival 'unet-dise'; did you mean 'unet-dice'"),
        ({"rivals": ("zzz",)}, "there are fakelocator, unet-dice"),
        ({"rivals": ("gaussian", "gaussian")}, "two predictors are called 'centred Gaussian'"),
        ({"size": 33}, "an even side of at least 32, got 33"),
        ({"baseline": "theirs"}, "no predictor is called 'theirs'; --baseline takes one of tiny"),
        ({"models": ("fakelocator_mobilenetv4_conv_smal",)}, "did you mean"),
        ({"rivals": ("onnx:missing.onnx",)}, "missing.onnx does not exist"),
    ],
)
def test_what_is_mistyped_is_said_before_anything_is_computed(options, change, sentence):
    with pytest.raises((ValueError, OSError), match=sentence):
        run_bench(dataclasses.replace(options, **change), ("generators",))
    assert not options.cells.exists()


def test_an_unknown_table_is_suggested():
    with pytest.raises(ValueError, match="unknown table 'robustnes'; did you mean 'robustness'"):
        check_tables(["robustnes"])
    assert check_tables([]) == tuple(TABLES)


def test_a_data_folder_must_hold_something(tmp_path, bench_data):
    assert set(data_folders(bench_data)) == {"pairs", "whole", "faces"}
    with pytest.raises(FileNotFoundError, match="holds none of pairs/, whole/"):
        data_folders(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        data_folders(tmp_path / "nowhere")


# The command


@pytest.fixture
def command(bench_data, tiny_folder, tmp_path) -> Callable[..., tuple[int, str]]:
    def run(*arguments: str) -> tuple[int, str]:
        given = ["bench", *arguments, "--models", str(tiny_folder), "--out", str(tmp_path / "out"), "--quick"]
        result = CliRunner().invoke(app, given)
        return result.exit_code, result.output

    return run


def test_the_command_writes_the_report(command, bench_data, tmp_path):
    code, said = command("generators", "controls", "--data", str(bench_data), "--rivals", "gaussian", "--limit", "2")
    assert code == 0, said
    assert "generators: " in said and "bench.html" in said
    assert set(tables(tmp_path / "out")) == {"generators", "controls"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("generator",), "did you mean 'generators'"),
        (("generators", "--data", "nowhere"), "nowhere is no folder"),
        (("generators", "--rivals", "fdd"), "did you mean 'ffd'"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_sentence(command, arguments, sentence):
    code, said = command(*arguments)
    assert code == 1 and sentence in said and "Traceback" not in said


def test_rivals_of_the_default_command_exist():
    from benchmarks.harness.commands import DEFAULT_RIVALS

    assert set(DEFAULT_RIVALS.split(",")) == set(RIVALS)


def test_figures_are_finite_where_something_is_measured(options):
    run_bench(dataclasses.replace(options, rivals=("fft-peaks", "high-pass")), ("robustness",))
    for row in figures(options.out, "robustness").values():
        assert all(np.isfinite(float(figure.split()[0])) for figure in row[3:6])
