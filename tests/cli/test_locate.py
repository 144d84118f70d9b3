"""The command without a model: a photo's map and its fake probability are its brightness."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from fakelocator_zoo import cli
from fakelocator_zoo.cli import locate as locate_command
from fakelocator_zoo.inference import faces, folders
from fakelocator_zoo.inference.provenance import ContentCredentials
from tests.inference import folder_runs
from tests.inference.clips import write_clip
from tests.inference.stubs import noise


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*options: object) -> Any:
        return SimpleNamespace(locate_prepared=folder_runs.locate)

    monkeypatch.setattr(locate_command, "load_localizer", load)
    monkeypatch.setattr(faces, "find_faces", lambda image: [])


def save(path: Path, level: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 6, 3), level, np.uint8)).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(10):
        save(tmp_path / "photos" / f"{index}.png", 20 * index)
    return tmp_path / "photos"


def locate(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.app, ["locate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_maps_overlays_and_a_table(photos: Path, tmp_path: Path) -> None:
    code, stdout, stderr = locate(photos / "5.png", "--out", tmp_path / "out")
    assert code == 0, stderr
    assert stdout.splitlines()[1].split() == [str(photos / "5.png"), "0.392", "real", "none"]
    assert str(tmp_path / "out") in stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"5_map.png", "5_overlay.png", "results.jsonl"}


def test_content_credentials_are_a_note_and_their_absence_is_no_evidence(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"3.png": ContentCredentials("valid", "A camera")}
    monkeypatch.setattr(folders, "read_credentials", lambda photo: found.get(photo.name, ContentCredentials("none")))
    code, stdout, stderr = locate(photos, "--out", tmp_path / "out")
    assert code == 0, stderr
    assert (
        " ".join(stdout.split()).count("signed by A camera") == 1
        and "none in 9 of 10 photos, which is no evidence" in stderr
    )
    monkeypatch.setattr(folders, "read_credentials", lambda photo: None)  # without the extra
    code, stdout, stderr = locate(photos, "--out", tmp_path / "out")
    assert code == 0 and "ontent credentials" not in stdout + stderr


def test_json_is_one_array_and_all_there_is_on_stdout(photos: Path, tmp_path: Path) -> None:
    code, stdout, _ = locate(photos, "--out", tmp_path / "out", "--json")
    assert code == 0
    rows = json.loads(stdout)
    assert [row["fake_probability"] for row in rows] == pytest.approx([20 * i / 255 for i in range(10)], abs=1e-5)
    assert all(Path(row["map"]).is_file() and Path(row["overlay"]).is_file() for row in rows)


def test_one_bad_file_in_ten_and_bad_paths(photos: Path, tmp_path: Path) -> None:
    (photos / "4.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    given = tmp_path / "none.jpg", photos, tmp_path / "empty"
    code, stdout, stderr = locate(*given, "--out", tmp_path / "out", "--json")
    assert code == 1
    assert len(json.loads(stdout)) == 9
    for words in ("4.png is not an image", "none.jpg does not exist", "holds no image", "9 located, 3 failed"):
        assert words in stderr
    assert "Traceback" not in stderr


def test_nothing_is_made_where_every_path_is_bad(tmp_path: Path) -> None:
    code, stdout, stderr = locate(tmp_path / "none.jpg", "--out", tmp_path / "out", "--json")
    assert (code, json.loads(stdout)) == (1, [])
    assert "does not exist" in stderr
    assert not (tmp_path / "out").exists()


def test_what_is_no_photo_is_counted_by_kind(photos: Path, tmp_path: Path) -> None:
    for name in ("clip.mp4", "a.txt", "b.txt"):
        (photos / name).touch()
    code, _, stderr = locate(photos, "--out", tmp_path / "out")
    assert code == 0
    assert "1 video" in stderr
    assert "2 other files" in stderr


def test_the_folder_of_the_photos_may_be_the_folder_of_the_results(tmp_path: Path) -> None:
    theirs = [save(tmp_path / "a.jpg"), save(tmp_path / "a_map.png")]
    before = [path.read_bytes() for path in theirs]
    counts = []
    for _ in range(3):
        code, stdout, stderr = locate(tmp_path, "--out", tmp_path, "--json")
        assert code == 0, stderr
        assert [row["path"] for row in json.loads(stdout)] == [str(path) for path in theirs]
        assert [path.read_bytes() for path in theirs] == before
        counts.append(len(list(tmp_path.iterdir())))
    assert counts == [2 + 4 + 1] * 3


@pytest.mark.parametrize("name", ["red].jpg", "[bold]x.jpg", "x[red].jpg", "照片🙂.jpg"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    photo = save(tmp_path / "x[" / name)
    code, stdout, stderr = locate(photo.parent, "--out", tmp_path / "out")
    assert code == 0, stderr
    assert str(photo) in stdout


def test_standard_input_and_addresses_are_kept_beside_their_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "out").mkdir()
    photo, out = save(tmp_path / "a.png", 51), tmp_path / "out"
    theirs = save(out / "a.png", 0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    arguments = ["locate", "-", f"{address}/a.png", f"{address}/b.png", "--out", str(out), "--json"]
    for _ in range(2):  # the second run copies nothing again
        done = CliRunner().invoke(cli.app, arguments, input=photo.read_bytes())
        rows = {row["path"]: row["fake_probability"] for row in json.loads(done.stdout)}
        assert rows == {str(out / name): pytest.approx(0.2) for name in ("stdin", "a-2.png")}
        assert done.exit_code == 1 and f"{address}/b.png answers 404" in done.stderr
    assert np.asarray(Image.open(theirs)).max() == 0
    server.shutdown()
    server.server_close()


def test_same_name_in_two_folders(tmp_path: Path) -> None:
    for path in ("a.jpg", "sub/a.jpg", "sub/a.bmp"):
        save(tmp_path / "photos" / path)
    assert locate(tmp_path / "photos", "--out", tmp_path / "out")[0] == 0
    maps = {path.name for path in (tmp_path / "out").glob("*_map.png")}
    assert maps == {"a_map.png", "a-2_map.png", "a-3_map.png"}


def test_resume_gives_all_rows_and_scores_the_new_photos_alone(photos: Path, tmp_path: Path) -> None:
    locate(photos / "1.png", "--out", tmp_path / "out")
    before = (tmp_path / "out" / "1_map.png").stat().st_mtime_ns
    code, stdout, _ = locate(photos, "--out", tmp_path / "out", "--json", "--resume")
    assert code == 0
    assert len(json.loads(stdout)) == 10
    assert (tmp_path / "out" / "1_map.png").stat().st_mtime_ns == before
    code, stdout, stderr = locate(photos, "--out", tmp_path / "out", "--json", "--resume", "--model", "other")
    assert (code, stdout) == (1, "")
    assert "give another --out" in stderr


def test_output_that_cannot_be_written(photos: Path) -> None:
    code, stdout, stderr = locate(photos, "--out", photos / "0.png" / "out", "--json")
    assert (code, stdout) == (1, "")
    assert stderr.startswith("error: cannot write into")
    assert stderr.count("\n") == 1


def test_usage_errors(photos: Path) -> None:
    assert locate()[0] == 2
    assert locate(photos, "--nonsense")[0] == 2
    assert locate(photos, "--workers", "-1")[0] == 2


def test_interrupt_leaves_nothing_half_written(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Path, content: bytes) -> None:
        self.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupt)
    assert locate(photos, "--out", tmp_path / "out")[0] == 130
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [b""]


def test_videos_and_photos_in_one_run(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    clip = write_clip(tmp_path / "clip.mp4", [np.full((48, 64, 3), 51, np.uint8)] * 5)
    code, stdout, stderr = locate(clip, photos / "5.png", "--out", tmp_path / "out", "--every", "2", "--json")
    assert code == 0, stderr
    photo, video = json.loads(stdout)
    assert (photo["path"], video["path"], video["frames"]) == (str(photos / "5.png"), str(clip), 3)
    assert video["fake_probability"] == pytest.approx(0.2, abs=0.01)
    assert "1 photo, 1 video" in stderr
    code, stdout, _ = locate(clip, "--out", tmp_path / "out", "--every", "2")
    assert code == 0 and str(clip) in stdout


def test_a_video_that_is_none_and_one_that_is_cut_off(tmp_path: Path) -> None:
    pytest.importorskip("av")
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    cut = write_clip(tmp_path / "cut.mkv", [noise(48, 64, seed) for seed in range(75)])
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    code, stdout, stderr = locate(bad, cut, "--out", tmp_path / "out", "--json")
    assert code == 1
    assert [row["path"] for row in json.loads(stdout)] == [str(cut)]
    assert "bad.mp4 is damaged or no video" in stderr and "cut.mkv is cut off" in stderr
    assert "1 located, 2 failed" in stderr


def test_what_the_engine_ray_cannot_do(photos: Path) -> None:
    for option in ("--explain", "--resume"):
        code, _, stderr = locate(photos, "--engine", "ray", option)
        assert code == 2 and option in stderr
