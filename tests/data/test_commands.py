"""`fakelocator data check` shows what a data set holds before anything is trained."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fakelocator_zoo import cli
from tests.data.trees import touch, video_name, write_image, write_splits


def check(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(cli.app, ["data", "check", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    touch(tmp_path, video_name("youtube", "000"), video_name("youtube", "003"), video_name("Face2Face", "000_003"))
    write_splits(tmp_path, train=[["000", "003"]])
    return tmp_path


def test_counts_by_split_and_method(root):
    code, stdout, _ = check(root)
    assert code == 0
    rows = [line.split() for line in stdout.splitlines()]
    assert ["real", "2", "2", "train"] in rows and ["Face2Face", "1", "1", "1", "train"] in rows
    assert "FaceSwap: none there" in stdout


def test_everything_is_in_the_json(root):
    touch(root, *(video_name("Face2Face", f"9{i:02d}_000") for i in range(30)))
    code, stdout, _ = check(root, "--json")
    report = json.loads(stdout)
    assert code == 0 and report["layout"] == "faceforensics" and len(report["unmatched"]) == 30
    assert report["counts"][0] == {
        "split": "train",
        "method": "real",
        "samples": 2,
        "paired": 0,
        "masked": 0,
        "whole": 0,
        "usable": 2,
    }
    assert "... and 10 more; --json lists all" in check(root)[1]


def test_a_leak_ends_in_exit_1(root):
    touch(root, video_name("Face2Face", "000_010"))
    write_splits(root, test=[["010", "011"]])
    touch(root, video_name("youtube", "010"))
    code, stdout, _ = check(root)
    assert code == 1 and "010: test, train" in stdout


def test_nothing_usable_ends_in_exit_1(tmp_path):
    touch(tmp_path, video_name("Face2Face", "000_003"))
    code, _, stderr = check(tmp_path)
    assert code == 1 and "is usable" in stderr
    code, _, stderr = check(tmp_path / "nowhere")
    assert code == 1 and "error: " in stderr and "is no folder" in stderr


def test_broken_files_are_found_on_request(tmp_path):
    for side in ("real", "fake"):
        write_image(tmp_path / side / "a.png", np.zeros((8, 8, 3), np.uint8))
        touch(tmp_path, f"{side}/b.png")
    assert check(tmp_path)[0] == 0
    code, stdout, _ = check(tmp_path, "--decode")
    assert code == 1 and stdout.count("b.png is an empty file") == 2 and "a.png" not in stdout


def test_a_link_to_its_own_folder_adds_nothing(tmp_path):
    touch(tmp_path, *(f"{side}/{i}.png" for side in ("real", "fake") for i in range(4)))
    (tmp_path / "real" / "loop").symlink_to(".")
    counts = {count["method"]: count["samples"] for count in json.loads(check(tmp_path, "--json")[1])["counts"]}
    assert counts == {"real": 4, "fake": 4}


def test_a_check_imports_no_torch(root):
    code = (
        "import sys; sys.argv = ['fakelocator', 'data', 'check', sys.argv[1]]\n"
        "from fakelocator_zoo.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
