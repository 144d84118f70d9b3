"""Pieces of the benchmark whose answer can be worked out by hand."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.harness import runtimes
from benchmarks.harness.controls import CONTROLS, QUALITIES, Control, ControlSamples, half_and_back, pasted
from benchmarks.harness.evaluations import difference, shown
from benchmarks.harness.fft_peaks import fft_peaks_map
from benchmarks.harness.footprint import footprint
from benchmarks.harness.html import html_page
from benchmarks.harness.report import text_columns
from benchmarks.harness.timing import count_gflop, interleaved_seconds, quartiles
from fakelocator_zoo.evaluation.environment import command_line
from fakelocator_zoo.evaluation.results import MAP_METRICS, Evaluation, ScoredFake
from fakelocator_zoo.evaluation.samples import read_pairs
from fakelocator_zoo.evaluation.statistics import Interval
from fakelocator_zoo.transforms.degradations import jpeg


def evaluation(name: str, scores: dict[str, float]) -> Evaluation:
    fakes = tuple(
        ScoredFake(each, "gan", dict.fromkeys(MAP_METRICS, value), float("nan")) for each, value in scores.items()
    )
    return Evaluation(name, 0.05, True, ("gan",), fakes, (), ())


def test_differences_are_of_the_same_fakes():
    ours = evaluation("ours", {"anna": 0.9, "bert": 0.8, "cleo": 0.1})
    theirs = evaluation("theirs", {"bert": 0.5, "anna": 0.6})
    found = difference(ours, theirs, "coss", ["gan"])
    assert found.mean == pytest.approx(0.3) and found.low == pytest.approx(0.3) and found.count == 2


def test_figures_are_shown_with_their_interval():
    assert shown(Interval(0.92, 0.9012, 0.9378, 24)) == "0.920 [0.901, 0.938]"
    assert shown(Interval(float("nan"), float("nan"), float("nan"), 0)) == "-"
    assert shown({"mean": None, "low": None, "high": None, "count": 0}) == "-"


# Controls


def test_controls_change_the_region_alone(bench_data):
    files = read_pairs(bench_data / "pairs").generators["dark"].files
    for control in (each for each in CONTROLS.values() if each.everywhere is None):
        sample = ControlSamples(files, control)[0]
        inside = sample.mask > 0.5
        assert sample.true_map[inside].mean() > 0.004 and sample.true_map[~inside].max() == 0


def test_photos_compressed_twice_are_so_in_the_region_or_everywhere(bench_data):
    files = read_pairs(bench_data / "pairs").generators["dark"].files
    region, everywhere = (ControlSamples(files, each)[0] for each in CONTROLS.values() if each.everywhere is not None)
    first, second = QUALITIES
    real, inside = region.real, region.mask > 0.5
    once, twice = jpeg(real, second), jpeg(jpeg(real, first), second)
    np.testing.assert_array_equal(everywhere.fake, twice)
    # Blocks of JPEG away from the region's border: compressed twice inside, once outside.
    far_inside, far_outside = np.s_[32, 32], np.s_[:8, :8]
    assert inside[far_inside] and not inside[far_outside].any()
    np.testing.assert_array_equal(region.fake[far_outside], once[far_outside])
    assert not np.array_equal(region.fake[inside], once[inside])


def test_a_pasted_region_comes_from_the_next_photo(bench_data):
    files = read_pairs(bench_data / "pairs").generators["dark"].files
    samples = ControlSamples(files, Control(pasted))
    inside = samples[1].mask > 0.5
    np.testing.assert_array_equal(samples[0].fake[inside], samples[1].real[inside])
    last = samples[len(files) - 1]
    np.testing.assert_array_equal(last.fake[inside], samples[0].real[inside])


def test_half_and_back_keeps_size_and_loses_fine_detail():
    checks = (np.indices((31, 40)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    back = half_and_back(checks)
    assert back.shape == checks.shape and back[4:-4, 4:-4].std() < 10 < checks.std()


# FFT peaks


def test_fft_peaks_are_found_where_pixels_were_doubled():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 128, 3)).astype(np.uint8)
    coarse = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    image[:, 64:] = 128 + 40 * (np.indices((64, 64))[0][..., None] % 4 == 0) + coarse[0, 0] // 16
    peaks = fft_peaks_map(image)
    assert peaks.shape == (64, 128) and peaks.min() >= 0 and peaks.max() <= 1
    assert peaks[:, 80:].mean() > 0.9 > 0.6 > peaks[:, :48].mean()


@pytest.mark.parametrize("shape", [(20, 50), (33, 32), (64, 64)])
def test_fft_peaks_of_any_size_and_of_nothing(shape):
    peaks = fft_peaks_map(np.full((*shape, 3), 90, np.uint8))
    assert peaks.shape == shape and peaks.max() < 1e-3


# Timing


def test_gflop_of_a_convolution_are_counted_by_hand():
    conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    assert count_gflop(conv, torch.rand(2, 3, 10, 12)) == pytest.approx(2 * (2 * 10 * 12 * 8 * 3 * 9) / 1e9)


def test_networks_take_turns_and_stop_at_the_budget():
    order: list[str] = []

    def action(name: str) -> None:
        order.append(name)
        time.sleep(0.005)

    seconds = interleaved_seconds({"a": lambda: action("a"), "b": lambda: action("b")}, budget=0.1, rounds=1000)
    assert order == ["a", "b"] * (len(order) // 2)
    assert 3 <= len(seconds["a"]) == len(seconds["b"]) < 100 and min(seconds["a"]) >= 0.005


def test_three_rounds_are_run_whatever_the_budget():
    assert len(interleaved_seconds({"a": lambda: None}, budget=0.0)["a"]) == 3


def test_quartiles_are_those_of_numpy():
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0], 1) == "3.0 [2.0, 4.0]"


@pytest.mark.parametrize("name", ["ONNX Runtime", "OpenVINO"])
def test_other_runtimes_give_the_same_map(name, tiny_model):
    if name not in runtimes.available():
        pytest.skip(f"{name} is not installed")
    images = torch.rand(1, 3, 64, 64)
    expected = tiny_model.predict(images)
    outputs = runtimes.prepare(name, tiny_model, images, threads=1)()
    np.testing.assert_allclose(outputs[0], expected.fakeness_map.numpy(), atol=1e-4)
    np.testing.assert_allclose(outputs[1], expected.logits.numpy(), atol=1e-4)


def test_a_runtime_that_cannot_take_the_network_says_so():
    if "ONNX Runtime" not in runtimes.available():
        pytest.skip("ONNX Runtime is not installed")
    with pytest.raises(RuntimeError, match="ONNX Runtime cannot run it"):
        runtimes.prepare("ONNX Runtime", nn.Identity(), torch.rand(1, 3, 8, 8), threads=1)


# Report


def test_the_page_escapes_text_and_holds_its_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(b"pixels")
    page = html_page(
        "# A & B\n\n<script>x</script>\n\n| a | b |\n|---|---:|\n| 1 | 2 |\n\n![a < b](a.png)\n", tmp_path, "T"
    )
    assert "<script>" not in page and "&lt;script&gt;" in page and "A &amp; B" in page
    assert "data:image/png;base64,cGl4ZWxz" in page and "a &lt; b" in page
    interval = html_page("| a |\n|---|\n| 0.1 [-0.2, 0.3] |\n", tmp_path, "T")
    assert "0.1 [-0.2,&nbsp;0.3]" in interval, "a figure may break before its interval, and not inside it"
    with pytest.raises(FileNotFoundError):
        html_page("![a](missing.png)", tmp_path, "T")


def test_text_stands_left_and_numbers_right():
    rows = [("pairs: gan", "2 threads", "24", "0.920 [0.901, 0.938]"), ("whole: gan", "ours", "24", "-")]
    assert text_columns(rows) == 2
    assert text_columns([("a", "b")]) == 2


def test_a_command_is_shown_without_where_data_lies():
    shown = command_line(["/opt/bin/cli.py", "bench", "speed", "--data", "/home/me/photos", "--limit", "4"])
    assert shown == "fakelocator bench speed --data .../photos --limit 4"


@pytest.mark.slow
def test_the_peak_is_of_the_process_alone(tiny_folder):
    hoard = np.ones(150_000_000)  # 1.2 GB, which a child process must not be charged with
    found = footprint("fakelocator", str(tiny_folder), 64)
    assert 100 < found["peak_megabytes"] < hoard.nbytes / 1e6
    assert 0 < found["loaded"] <= found["first_image"] < found["process_seconds"]


@pytest.mark.slow
def test_a_process_that_fails_says_so():
    with pytest.raises(OSError, match="failed"):
        footprint("unet", '{"encoder_name": "no_such_encoder"}', 64)
