"""Videos through a model: faces scored frame by frame and followed, overlays written with the sound kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fakelocator_zoo.data.frames import VideoFrame, stream_frames
from fakelocator_zoo.hub.files import write_whole
from fakelocator_zoo.images import ImageError, is_result, make_folder, write_image
from fakelocator_zoo.inference.faces import Box
from fakelocator_zoo.inference.folders import Locate, Row
from fakelocator_zoo.inference.prepare import prepare
from fakelocator_zoo.inference.render import render
from fakelocator_zoo.inference.result_files import ResultNames, ResultsFile
from fakelocator_zoo.inference.timeline import draw_timeline
from fakelocator_zoo.inference.tracks import FaceTracks
from fakelocator_zoo.inference.video_writer import is_written_video, suffix_for, video_writer

#: Columns of the CSV.
COLUMNS = ("frame", "time", "face", "left", "top", "right", "bottom", "fake_probability", "verdict")
#: A face in fewer frames does not decide about the video where another is in as many: it may be no face.
MIN_FRAMES = 3
_FILES = {"csv": "_frames.csv", "timeline": "_timeline.png"}
_ENDINGS = ("_overlay.mp4", "_overlay.mkv", *_FILES.values())
_ORDER = ("not judged", "real", "unsure", "fake")


class Appearance(NamedTuple):
    """One face in one frame."""

    frame: int  #: from 0
    time: float  #: seconds from the start of the file
    face: int  #: number, the same in all frames, from 1; 0 is the whole image, where no face was found
    box: Box
    fake_probability: float  #: in [0, 1]
    verdict: str


def locate_videos(
    videos: Sequence[Path],
    load: Callable[[], Locate],
    out: Path,
    *,
    every: int = 1,
    batch_size: int = 8,
    find_faces: bool = True,
    resume: bool = False,
    settings: Mapping[str, Any] | None = None,
    advance: Callable[[int], None] = lambda frames: None,
) -> Iterator[Row | ImageError]:
    """Locate what was painted in each video, and write an overlay video, a CSV, a timeline and a line of results.jsonl.

    The overlay video shows the frames that were scored, at their times, with the sound of the whole video. The CSV has
    the columns :data:`COLUMNS`. A video's files appear when all of it is done; files that no run wrote stay.

    Args:
        videos: paths.
        load: called once; returns ``localizer.locate_prepared``.
        out: folder; made where needed.
        every: score every so manieth frame, from the first.
        batch_size: frames that go through the model at once.
        find_faces: False scores whole frames.
        resume: keep the rows of results.jsonl, and leave videos out that it says were finished with the same ``every``.
        settings: what every row says of the run, such as the model.
        advance: called with the number of frames that were just done.

    Yields:
        For each video, in order, its row or why it has none. A video that ends in damage has a row of the frames before
        it, with the damage under ``damage``.

    Raises:
        ImageError: where ``out`` cannot be written.
        ValueError: for ``every`` below 1, or where ``out`` holds a results file of something else.
        ImportError: PyAV is not installed.
    """
    if every < 1:
        raise ValueError(f"every must be 1 or more, got {every}")
    make_folder(out)
    said = {key: value for key, value in (settings or {}).items() if value is not None}
    locate: Locate | None = None
    with ResultsFile(out, resume, settings or {}) as results:
        finished = {row["path"]: row for row in results.rows if _is_finished(row, every)}
        taken = [Path(row["csv"]).name.removesuffix(_FILES["csv"]) for row in finished.values()]
        names = ResultNames(out, _ENDINGS, videos, taken, _is_ours)
        for path in videos:
            if str(path) in finished:
                yield finished[str(path)]
                continue
            locate = locate or load()
            try:
                stem = str(out / names.stem(path))
                row = {**_locate_video(path, locate, stem, every, batch_size, find_faces, advance), **said}
                results.append(row)
                yield row
            except (ValueError, OSError) as error:
                yield ImageError(str(error))
            except (RuntimeError, MemoryError) as error:
                yield ImageError(f"{path} cannot be scored ({error}); leave it out, or make it smaller")


def _locate_video(
    path: Path,
    locate: Locate,
    stem: str,
    every: int,
    batch_size: int,
    find_faces: bool,
    advance: Callable[[int], None],
) -> Row:
    files = {"video": Path(stem + "_overlay" + suffix_for(path)), **{k: Path(stem + v) for k, v in _FILES.items()}}
    tracks, appearances = FaceTracks(), list[Appearance]()
    frames, damage, count = stream_frames(path, every), None, 0
    with video_writer(files["video"], path) as add:
        while damage is None:
            batch: list[VideoFrame] = []
            try:
                batch.extend(islice(frames, batch_size))
            except ValueError as error:
                damage = str(error)
            if not batch:
                break
            ready = [prepare(frame.image, find_faces)._replace(name=f"{path} at {frame.time:.2f} s") for frame in batch]
            for frame, result in zip(batch, locate(ready), strict=True):
                numbers = tracks.update([face.box for face in result.faces], frame.time)
                appearances += [
                    Appearance(frame.number, frame.time, number, face.box, face.fake_probability, face.verdict)
                    for number, face in zip(numbers, result.faces, strict=True)
                ]
                if not result.faces:
                    height, width = frame.image.shape[:2]
                    whole = (0, 0, width, height)
                    appearances.append(
                        Appearance(frame.number, frame.time, 0, whole, result.fake_probability, result.verdict)
                    )
                add(frame.time, _numbered(render(result), [face.box for face in result.faces], numbers))
            count += len(batch)
            advance(len(batch))
        if not count:
            raise ValueError(damage)
    by_face: dict[int, list[Appearance]] = {}
    for each in appearances:
        by_face.setdefault(each.face, []).append(each)
    write_image(files["timeline"], draw_timeline(by_face, appearances[-1].time))
    write_whole(files["csv"], _table(appearances).encode())
    return {
        "path": str(path),
        **_summary(by_face),
        "frames": count,
        "every": every,
        **({"damage": f"{damage}; the frames before that were scored"} if damage else {}),
        **{name: str(file) for name, file in files.items()},
    }


def decisive(appearances: Sequence[Appearance]) -> Appearance:
    """The one of median fake probability among those that were judged, or among all where none was."""
    judged = [each for each in appearances if each.verdict != "not judged"] or appearances
    return sorted(judged, key=lambda each: each.fake_probability)[len(judged) // 2]


def _summary(by_face: Mapping[int, Sequence[Appearance]]) -> Row:
    """What is said of a video: the worst of its faces decides."""
    faces = {number: each for number, each in by_face.items() if number}
    lasting = [each for each in faces.values() if len(each) >= MIN_FRAMES]
    chosen = lasting or list(faces.values()) or [by_face[0]]
    worst = max(map(decisive, chosen), key=lambda each: (_ORDER.index(each.verdict), each.fake_probability))
    return {
        "fake_probability": round(worst.fake_probability, 6),
        "verdict": worst.verdict,
        "reason": None if faces else "no face found: whole frames were scored",
        "whole_image": not faces,
        "faces": [
            {
                "face": number,
                "frames": len(each),
                "first": round(each[0].time, 3),
                "last": round(each[-1].time, 3),
                "fake_probability": round(decisive(each).fake_probability, 6),
                "verdict": decisive(each).verdict,
            }
            for number, each in sorted(faces.items())
        ],
    }


def _table(appearances: Sequence[Appearance]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in appearances:
        writer.writerow(
            (each.frame, f"{each.time:.3f}", each.face, *each.box, f"{each.fake_probability:.6f}", each.verdict)
        )
    return text.getvalue()


def _numbered(picture: np.ndarray, boxes: Sequence[Box], numbers: Sequence[int]) -> np.ndarray:
    """The picture with the number of each face in the lower left corner of its box."""
    drawn = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(size=max(11, round(min(drawn.size) / 24)))
    for (left, _, _, bottom), number in zip(boxes, numbers, strict=True):
        at = (left + 4, bottom - 4)
        draw.text(at, str(number), fill="white", font=font, anchor="ls", stroke_width=2, stroke_fill="black")
    return np.asarray(drawn)


def _is_ours(path: Path) -> bool:
    if path.suffix == ".png":
        return is_result(path)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip() == ",".join(COLUMNS)
    return is_written_video(path)


def _is_finished(row: Row, every: int) -> bool:
    """Whether the files of a video's row are there, and no older than the video."""
    try:
        changed = Path(row["path"]).stat().st_mtime
        return row["every"] == every and all(
            Path(row[name]).stat().st_mtime >= changed for name in ("video", "csv", "timeline")
        )
    except (OSError, KeyError, TypeError):
        return False
