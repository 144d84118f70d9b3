"""Videos through a model that calls a frame as fake as it is bright."""

from __future__ import annotations

import csv
import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")

from fakelocator_zoo.images import ImageError, read_image
from fakelocator_zoo.inference import video as video_module
from fakelocator_zoo.inference.localizer import Face, Localization
from fakelocator_zoo.inference.video import locate_videos
from tests.inference.clips import grey, sound_of, times_of, write_clip
from tests.inference.stubs import noise


def brightness(batch: Any) -> list[Localization]:
    """No face; all of a frame is as fake as it is bright."""
    results = []
    for item in batch:
        values = item.image.mean(axis=2, dtype=np.float32) / 255
        mean = float(values.mean())
        verdict = "fake" if mean >= 0.5 else "real"
        results.append(
            Localization(item.image, values, values, values, None, mean, verdict, None, (), True, None, item.name)
        )
    return results


def faces(*boxes: tuple[int, int, int, int]) -> Any:
    """As :func:`brightness`, and every frame has faces in these places."""

    def locate(batch: Any) -> list[Localization]:
        return [
            replace(each, whole_image=False, faces=tuple(Face(b, each.fake_probability, each.verdict) for b in boxes))
            for each in brightness(batch)
        ]

    return locate


def run(*clips: Path, locate: Any = brightness, **options: Any) -> list[Any]:
    out = clips[0].parent / "out"
    return list(locate_videos(clips, lambda: locate, out, find_faces=False, batch_size=4, **options))


def table(row: dict[str, Any]) -> list[dict[str, str]]:
    with Path(row["csv"]).open() as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_overlay_video_csv_and_timeline(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [grey(8 * number) for number in range(12)])
    [row] = run(clip)
    assert names(tmp_path / "out") == {"clip_overlay.mp4", "clip_frames.csv", "clip_timeline.png", "results.jsonl"}
    assert times_of(Path(row["video"])) == pytest.approx(times_of(clip), abs=1e-3)
    assert sound_of(Path(row["video"])) == sound_of(clip)
    lines = table(row)
    assert [int(each["frame"]) for each in lines] == list(range(12))
    assert [float(each["time"]) for each in lines] == pytest.approx([number / 25 for number in range(12)], abs=1e-3)
    assert [float(each["fake_probability"]) for each in lines] == pytest.approx(
        [8 * number / 255 for number in range(12)], abs=0.01
    )
    assert (row["frames"], row["verdict"], row["whole_image"], row["faces"]) == (12, "real", True, [])
    assert read_image(row["timeline"]).ndim == 3


def test_every_so_manieth_frame_keeps_its_time(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [grey(100)] * 12)
    [row] = run(clip, every=5)
    assert [each["frame"] for each in table(row)] == ["0", "5", "10"]
    assert times_of(Path(row["video"])) == pytest.approx([0, 0.2, 0.4], abs=1e-3)
    assert sound_of(Path(row["video"])) == sound_of(clip)


def test_variable_frame_rate(tmp_path: Path) -> None:
    times = [0, 0.04, 0.5, 0.54, 1.7]
    clip = write_clip(tmp_path / "clip.mp4", [grey(100)] * 5, times=times)
    [row] = run(clip)
    assert [float(each["time"]) for each in table(row)] == pytest.approx(times, abs=2e-3)
    assert times_of(Path(row["video"])) == pytest.approx(times, abs=2e-3)


@pytest.mark.parametrize(("sound", "suffix"), [(None, ".mp4"), ("pcm_s16le", ".mkv")])
def test_sound_that_is_not_there_or_fits_no_mp4(tmp_path: Path, sound: str | None, suffix: str) -> None:
    clip = write_clip(tmp_path / "clip.mkv", [grey(100)] * 6, sound=sound)
    [row] = run(clip)
    assert Path(row["video"]).suffix == suffix
    assert sound_of(Path(row["video"])) == sound_of(clip)
    assert len(times_of(Path(row["video"]))) == 6


def test_odd_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """H.264 with colours at half resolution has even sides alone."""
    clip = write_clip(tmp_path / "clip.mp4", [grey(100)] * 3)
    frames = [SimpleNamespace(number=n, time=n / 25, image=grey(100, 33, 47)) for n in range(3)]
    monkeypatch.setattr(video_module, "stream_frames", lambda path, every: iter(frames))
    [row] = run(clip)
    assert len(times_of(Path(row["video"]))) == 3


def test_faces_keep_their_numbers_and_the_median_frame_decides(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [grey(level) for level in (50, 200, 210, 220, 60)])
    [row] = run(clip, locate=faces((0, 0, 24, 24), (32, 0, 56, 24)))
    lines = table(row)
    assert [each["face"] for each in lines] == ["1", "2"] * 5
    assert [lines[0][side] for side in ("left", "top", "right", "bottom")] == ["0", "0", "24", "24"]
    assert [(each["face"], each["frames"], each["verdict"]) for each in row["faces"]] == [
        (1, 5, "fake"),
        (2, 5, "fake"),
    ]
    assert row["fake_probability"] == pytest.approx(200 / 255, abs=0.01)


def test_a_face_of_one_frame_does_not_decide(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [grey(level) for level in (60, 60, 250, 60)])
    calls = itertools.count()

    def locate(batch: Any) -> list[Localization]:
        results = []
        for item in batch:
            boxes = [(0, 0, 24, 24)] if next(calls) != 2 else [(32, 0, 56, 24)]
            results += faces(*boxes)([item])
        return results

    [row] = run(clip, locate=locate)
    assert [each["frames"] for each in row["faces"]] == [3, 1]
    assert row["verdict"] == "real"


def test_a_video_that_is_cut_off_is_scored_up_to_there(tmp_path: Path) -> None:
    frames = [noise(48, 64, seed) for seed in range(75)]
    for name, options in (("a.mkv", None), ("b.mp4", {"movflags": "faststart"})):
        clip = write_clip(tmp_path / name, frames, options=options)
        clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
        [row] = run(clip)
        assert name in row["damage"] and "copy or download it again; the frames before" in row["damage"]
        assert 20 < row["frames"] < 60
        assert len(times_of(Path(row["video"]))) == row["frames"]


def test_what_is_no_video_costs_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    good = write_clip(tmp_path / "good.mp4", [grey(100)] * 3)
    bad = {
        "text.mp4": b"no video at all",
        "empty.mp4": b"",
        "cut.mp4": good.read_bytes()[: good.stat().st_size // 3],
        "codec.mkv": write_clip(tmp_path / "x.mkv", [grey(1)] * 3, sound=None)
        .read_bytes()
        .replace(b"V_MPEG4/ISO/AVC", b"V_NOBODY/KNOWS!"),
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    *errors, row = run(*(tmp_path / name for name in bad), good)
    for name, error in zip(bad, errors, strict=True):
        assert isinstance(error, ImageError) and name in str(error) and "\n" not in str(error)
    assert row["frames"] == 3
    assert names(tmp_path / "out") == {"good_overlay.mp4", "good_frames.csv", "good_timeline.png", "results.jsonl"}


def test_a_video_without_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [grey(100)] * 3)
    import av

    monkeypatch.setattr(av.container.InputContainer, "decode", lambda *_: iter(()), raising=False)
    [error] = run(clip)
    assert "holds no frames" in str(error)


def test_a_failure_half_way_leaves_nothing_half_written(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [grey(100)] * 12)

    def fail(batch: Any) -> list[Localization]:
        if "0.00 s" in batch[0].name:
            return brightness(batch)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(clip, locate=fail)
    assert names(tmp_path / "out") == {"results.jsonl"}


def test_results_are_replaced_and_files_of_others_kept(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [grey(100)] * 3)
    (tmp_path / "out").mkdir()
    theirs = write_clip(tmp_path / "out" / "clip_overlay.mp4", [grey(7)] * 3)
    before = theirs.read_bytes()
    for _ in range(2):
        [row] = run(clip)
        assert Path(row["video"]).name == "clip-2_overlay.mp4"
    assert theirs.read_bytes() == before
    assert len(names(tmp_path / "out")) == 5


def test_resume_leaves_out_what_was_finished(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [grey(100)] * 3)
    [row] = run(clip)

    def never(batch: Any) -> list[Localization]:
        raise AssertionError

    assert run(clip, locate=never, resume=True) == [row]
    assert run(clip, resume=True, every=2)[0]["frames"] == 2
