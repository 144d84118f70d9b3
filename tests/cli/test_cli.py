from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import fakelocator_zoo
from fakelocator_zoo import cli, zoo
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.hub import sources
from fakelocator_zoo.inference.localizer import Localizer
from tests.inference.stubs import StubModel, noise

runner = CliRunner()


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch) -> StubModel:
    model = StubModel().eval()

    def load(name: str) -> StubModel:
        print("Loading weights from local directory")  # as libraries do, on stdout
        return model

    monkeypatch.setattr(fakelocator_zoo, "from_pretrained", load)
    return model


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(10):
        Image.fromarray(noise(20, 30, index)).save(folder / f"{index}.png")
    return folder


def locate(*arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(cli.app, ["locate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_help_imports_no_torch() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); sys.argv = ['fakelocator', '--help']\n"
        "from fakelocator_zoo.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "heavy = {'torch', 'skimage', 'scipy', 'timm', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print('SECONDS', time.perf_counter() - start)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    for command in ("demo", "locate", "models"):
        assert command in done.stdout


def test_locate_writes_maps_and_overlays(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, stdout, _ = locate(photos / "1.png", "--out", out)
    assert code == 0
    assert "1 │" in stdout or "no face" in stdout
    assert sorted(path.name for path in out.iterdir()) == ["1_map.png", "1_overlay.png"]
    assert np.asarray(Image.open(out / "1_map.png")).dtype == np.uint16
    assert Image.open(out / "1_overlay.png").size == (30, 20)


@pytest.mark.parametrize("attends", [False, True])
def test_explain_draws_what_the_map_was_made_of(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attends: bool
) -> None:
    model = StubModel(attention=attends).eval()
    monkeypatch.setattr(fakelocator_zoo, "from_pretrained", lambda name: model)
    code, stdout, _ = locate(photos / "1.png", "--explain", "--json", "--out", tmp_path)
    assert code == 0
    sheet = Path(json.loads(stdout)["explanation"])
    assert sheet.name == "1_explain.png"
    # Photo, map and overlay of 576 pixels each; a model with attention has one panel more.
    assert Image.open(sheet).width == 8 + (4 if attends else 3) * (576 + 8)
    _, stdout, _ = locate(photos / "1.png", "--explain", "--out", tmp_path)
    assert ("attention" in stdout) is not attends, "the note says why a panel is missing"


def test_json_is_all_there_is_on_stdout(photos: Path, tmp_path: Path, stub: StubModel) -> None:
    code, stdout, _ = locate(photos, "--out", tmp_path / "out", "--json")
    assert code == 0
    rows = [json.loads(line) for line in stdout.splitlines()]
    assert len(rows) == 10
    assert set(rows[0]) == {
        "path",
        "fake_probability",
        "whole_image",
        "faces",
        "map_mean",
        "map_peak",
        "map",
        "overlay",
    }
    expected = Localizer(stub)(photos / "0.png")
    assert rows[0]["fake_probability"] == pytest.approx(expected.fake_probability, abs=1e-6)
    assert rows[0]["whole_image"] is True
    assert Path(rows[0]["map"]).is_file()


def test_one_bad_file_in_ten(photos: Path, tmp_path: Path) -> None:
    content = (photos / "4.png").read_bytes()
    (photos / "4.png").write_bytes(content[: len(content) // 2])
    code, stdout, stderr = locate(photos, "--out", tmp_path / "out", "--json")
    assert code == 1
    assert len(stdout.splitlines()) == 9
    assert "4.png is damaged or cut off" in stderr
    assert "9 located, 1 failed" in stderr
    assert len(list((tmp_path / "out").iterdir())) == 18
    assert "Traceback" not in stderr


def test_bad_paths_do_not_stop_the_good_ones(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, stdout, stderr = locate(
        tmp_path / "none.jpg", tmp_path / "empty", photos / "0.png", "--json", "--out", tmp_path / "out"
    )
    assert code == 1
    assert len(stdout.splitlines()) == 1
    assert "none.jpg does not exist" in stderr
    assert "holds no image" in stderr


def test_nothing_is_made_where_every_path_is_bad(tmp_path: Path) -> None:
    code, _, stderr = locate(tmp_path / "none.jpg", "--out", tmp_path / "out")
    assert code == 1
    assert "does not exist" in stderr
    assert not (tmp_path / "out").exists()


def test_same_stem_in_two_folders(photos: Path, tmp_path: Path) -> None:
    (photos / "sub").mkdir()
    Image.fromarray(noise(8, 8)).save(photos / "sub" / "0.png")
    Image.fromarray(noise(8, 8)).save(photos / "0.bmp")
    code, _, _ = locate(photos / "0.png", photos / "0.bmp", photos / "sub", "--out", tmp_path / "out")
    assert code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"0{number}_{kind}.png" for number in ("", "-2", "-3") for kind in ("map", "overlay")}


def test_results_of_an_earlier_run_are_not_scored(photos: Path) -> None:
    for _ in range(2):
        code, stdout, _ = locate(photos, "--out", photos / "out", "--json")
        assert code == 0
        assert len(stdout.splitlines()) == 10


@pytest.mark.parametrize("size", [(1, 1), (8, 8000)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.fromarray(noise(*size)).save(tmp_path / "a.png")
    code, _, stderr = locate(tmp_path / "a.png", "--out", tmp_path / "out")
    assert code == 0, stderr
    assert Image.open(tmp_path / "out" / "a_map.png").size == size[::-1]


def test_output_that_cannot_be_written(photos: Path) -> None:
    code, stdout, stderr = locate(photos, "--out", photos / "0.png" / "out")
    assert code == 1
    assert stdout == ""
    assert stderr.startswith("error: cannot write into")
    assert stderr.count("\n") == 1


def test_unknown_model(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fakelocator_zoo, "from_pretrained", zoo.from_pretrained)
    code, _, stderr = locate(photos, "--out", tmp_path / "out", "--model", "fakelocator_mobilenetv4_conv_smal.open")
    assert code == 1
    assert "error: " in stderr
    assert "did you mean" in stderr or "fakelocator_" in stderr
    assert "Traceback" not in stderr


def test_usage_errors(photos: Path) -> None:
    assert locate()[0] == 2
    assert locate(photos, "--nonsense")[0] == 2
    assert locate(photos, "--device", "abacus", "--out", photos / "out")[0] == 2
    assert runner.invoke(cli.app, ["demo", "--part", "ear"]).exit_code == 2


def test_interrupt_leaves_nothing_half_written(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Image.Image, path: Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupt)
    code, _, _ = locate(photos, "--out", tmp_path / "out")
    assert code == 130
    assert list((tmp_path / "out").iterdir()) == []


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    Generator("nearest", levels=1, width=4).save_pretrained(tmp_path / "hub" / "generator_demo.open")
    monkeypatch.setattr(sources, "bundled_root", lambda: tmp_path / "hub")
    result = runner.invoke(cli.app, ["demo", "--out", str(tmp_path / "out"), "--part", "eyes"])
    assert result.exit_code == 0, result.stderr
    for words in ("located", "constant", "centred Gaussian", "high-pass", "COSS", "untouched", "manipulated"):
        assert words in result.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["demo.png"]


def test_models(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "name": "fakelocator_x.open",
        "architecture": "fakelocator_x",
        "tag": "open",
        "parameters": 1_234_567,
        "megabytes": 2.5,
        "license": "MIT",
        "trained_on": "photos",
        "description": "small",
    }
    monkeypatch.setattr(zoo, "model_table", lambda: [row])
    shown = runner.invoke(cli.app, ["models"])
    assert shown.exit_code == 0
    assert "1.23 M" in shown.stdout
    printed = runner.invoke(cli.app, ["models", "--json"])
    assert json.loads(printed.stdout) == row
