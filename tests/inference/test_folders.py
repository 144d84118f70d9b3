"""Runs over many photos: complete, resumable, and harmless to the user's own files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fakelocator_zoo.images import ImageError, is_result
from fakelocator_zoo.inference import workers
from fakelocator_zoo.inference.workers import PreparedPhotos
from tests.inference import folder_runs
from tests.inference.folder_runs import Prepared, Result, run


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(5):
        Image.fromarray(np.full((8, 6, 3), 50 * index, np.uint8)).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("processes", [0, 2])
def test_every_photo_has_a_row_two_pictures_and_a_line(photos: list[Path], tmp_path: Path, processes: int) -> None:
    out = tmp_path / "out"
    rows = list(run(photos, out, workers=processes, settings={"model": "m"}))
    assert [row["path"] for row in rows] == [str(photo) for photo in photos], "in the order of the photos"
    assert [row["fake_probability"] for row in rows] == pytest.approx([50 * i / 255 for i in range(5)], abs=1e-5)
    assert lines(out) == rows
    assert {row["model"] for row in rows} == {"m"}
    values = np.asarray(Image.open(rows[2]["map"]))
    assert values.shape == (8, 6)
    assert values / 65535 == pytest.approx(100 / 255, abs=1e-4)
    assert len(list(out.iterdir())) == 2 * len(photos) + 1


@pytest.mark.parametrize("processes", [0, 2])
def test_a_bad_photo_does_not_stop_the_rest(photos: list[Path], tmp_path: Path, processes: int) -> None:
    photos[1].write_text("no image")
    rows = list(run(photos, tmp_path / "out", workers=processes))
    assert isinstance(rows[1], ImageError)
    assert str(photos[1]) in str(rows[1])
    assert sum(isinstance(row, dict) for row in rows) == 4


def test_a_batch_that_fails_is_tried_photo_by_photo(photos: list[Path], tmp_path: Path) -> None:
    def locate(batch: Sequence[Prepared]) -> list[Result]:
        if any(item.name.endswith("3.png") for item in batch):
            raise RuntimeError("not enough memory")
        return folder_runs.locate(batch)

    rows = list(run(photos, tmp_path / "out", locate, batch_size=4))
    assert [isinstance(row, dict) for row in rows] == [True, True, True, False, True]
    assert "3.png cannot be scored (not enough memory)" in str(rows[3])


def test_a_full_disk_leaves_no_half_line(photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(descriptor: int, content: bytes) -> int:
        return write(descriptor, content[: len(content) // 2] if b"/1.png" in content else content)

    write = os.write
    monkeypatch.setattr(os, "write", short)
    rows = list(run(photos, tmp_path / "out"))
    assert "No space left" in str(rows[1])
    assert [Path(row["path"]).stem for row in lines(tmp_path / "out")] == ["0", "2", "3", "4"]


def test_a_resumed_run_scores_the_rest_alone(photos: list[Path], tmp_path: Path) -> None:
    out, scored = tmp_path / "out", []

    def count(batch: Sequence[Prepared]) -> list[Result]:
        scored.extend(Path(item.name).name for item in batch)
        return folder_runs.locate(batch)

    before = list(run(photos[:3], out))
    with (out / "results.jsonl").open("a") as file:
        file.write('{"path": "a line that was cut of')
    Path(before[1]["map"]).unlink()
    os.utime(photos[2], (time.time() + 9, time.time() + 9))
    rows = list(run(photos, out, count, resume=True))
    assert scored == ["1.png", "2.png", "3.png", "4.png"], "1 has lost its map, 2 was changed since, 3 and 4 are new"
    assert [row["path"] for row in rows] == [str(photo) for photo in photos]
    assert rows[0] == before[0]
    scored.clear()
    assert len(list(run(photos, out, count))) == 5
    assert len(scored) == len(lines(out)) == 5, "without resume all is done again"


def test_results_of_another_model_are_not_mixed(photos: list[Path], tmp_path: Path) -> None:
    list(run(photos, tmp_path / "out", settings={"model": "a"}))
    with pytest.raises(ValueError, match="holds results with model a, and this run has b; give another --out"):
        list(run(photos, tmp_path / "out", settings={"model": "b"}, resume=True))


@pytest.mark.parametrize("content", ["my notes", '{"name": 1}\n', "[1]\n", "\n"])
def test_a_results_file_of_somebody_else_is_kept(photos: list[Path], tmp_path: Path, content: str) -> None:
    (tmp_path / "results.jsonl").write_text(content)
    with pytest.raises(ValueError, match=r"results\.jsonl is there already"):
        list(run(photos, tmp_path))
    assert (tmp_path / "results.jsonl").read_text() == content


def test_own_files_are_replaced_and_the_users_never(tmp_path: Path) -> None:
    theirs = [tmp_path / name for name in ("a.jpg", "a_map.png", "b.png", "b.jpg", "b-2_overlay.png")]
    for path in theirs:
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)
    before = {path: path.read_bytes() for path in theirs}
    made = []
    for _ in range(3):
        list(run(theirs, tmp_path))
        assert {path: path.read_bytes() for path in theirs} == before
        made.append({path.name for path in tmp_path.iterdir() if is_result(path)})
    assert made[0] == made[1] == made[2]
    assert {"a-2_map.png", "a_map_map.png", "b_map.png", "b-3_map.png"} <= made[0]
    assert len(made[0]) == 2 * len(theirs)


def test_killed_workers_are_replaced(photos: list[Path]) -> None:
    with PreparedPhotos(photos, workers=2, find_faces=False) as prepared:
        for pid in list(prepared._pool._processes):  # type: ignore[union-attr]
            os.kill(pid, signal.SIGKILL)
        assert [path for path, item in prepared if isinstance(item, Prepared)] == photos


def test_the_photo_that_kills_its_worker_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_prepare", folder_runs.prepare_or_die)
    names = [Path(name) for name in ("0.png", "1.png", "killer.png", "3.png", "4.png")]
    with PreparedPhotos(names, workers=2) as prepared:
        failed = {path: item for path, item in prepared if isinstance(item, ImageError)}
    assert list(failed) == [Path("killer.png")]
    assert "killer.png killed the process" in str(failed[Path("killer.png")])


def wait_for(condition: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_whole_files(photos: list[Path], tmp_path: Path, sent: signal.Signals) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tests.inference.folder_runs", str(photos[0].parent), str(out)]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    wait_for(lambda: (out / "results.jsonl").is_file() and len(lines(out)) > 0)
    os.killpg(process.pid, sent) if sent is signal.SIGINT else process.kill()
    process.wait(timeout=60)
    finished = lines(out)
    assert 0 < len(finished) < len(photos)
    for path in out.glob("*.png"):
        Image.open(path).load()
    assert all(Path(row["map"]).is_file() for row in finished)
    if sent is signal.SIGINT:
        assert not list(out.glob(".*"))
    wait_for(lambda: not group_is_alive(process.pid), 60)  # workers go with their parent
    assert len(list(run(photos, out, resume=True))) == len(lines(out)) == len(photos)


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
