"""Many photos through a model: read ahead in worker processes, scored in batches, written while the next batch runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakelocator_zoo.images import ImageError, make_folder, write_image, write_map
from fakelocator_zoo.inference.prepare import Prepared
from fakelocator_zoo.inference.provenance import read_credentials
from fakelocator_zoo.inference.result_files import ResultNames, ResultsFile
from fakelocator_zoo.inference.workers import PreparedPhotos, default_workers

if TYPE_CHECKING:
    from fakelocator_zoo.inference.localizer import Localization

#: Prepared photos -> what is said of each.
Locate = Callable[[Sequence[Prepared]], Sequence["Localization"]]
Row = dict[str, Any]


def locate_photos(
    photos: Sequence[Path],
    load: Callable[[], Locate],
    out: Path,
    *,
    workers: int | None = None,
    batch_size: int = 8,
    find_faces: bool = True,
    explain: bool = False,
    resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Row | ImageError]:
    """Locate what was painted in each photo, and write a 16-bit map, an overlay and a line of ``out``/results.jsonl.

    A photo's files are written before its line, and its line at once: a run that was interrupted or killed can be
    resumed, and nothing is half-written. Files that no run wrote are never replaced.

    Args:
        photos: paths; each is decoded once.
        load: called once, while the first photos are being read; returns ``localizer.locate_prepared``.
        out: folder; made where needed.
        workers: processes that decode photos and find faces; 0 does it in this process, None takes what pays.
        batch_size: photos that go through the model at once.
        find_faces: False scores whole photos.
        explain: write a picture of the maps that the fakeness map was made of as well.
        resume: leave photos out that an earlier run into ``out`` finished, unless they changed since.
        settings: what every row says of the run, such as the model.

    Yields:
        For each photo, in order, its row or why it has none. Rows of photos that were finished before come too.

    Raises:
        ImageError: where ``out`` cannot be written.
        ValueError: where ``out`` holds a results file of something else.
    """
    make_folder(out)
    said = {key: value for key, value in (settings or {}).items() if value is not None}
    endings = ("_map.png", "_overlay.png", *(("_explain.png",) if explain else ()))
    with ResultsFile(out, resume, settings or {}) as results:
        finished = {row["path"]: row for row in results.rows if _is_finished(row, explain)}
        todo = [photo for photo in photos if str(photo) not in finished]
        taken = [Path(row["map"]).name.removesuffix("_map.png") for row in finished.values()]
        names = ResultNames(out, endings, photos, taken)

        def write(photo: Path, stem: str, result: Localization) -> Row:
            row = {**_write(out, photo, stem, result, explain), **said}
            results.append(row)
            return row

        workers = default_workers(len(todo)) if workers is None else workers
        done = _locate(todo, load, write, names, workers, batch_size, find_faces)
        for photo in photos:
            yield finished[str(photo)] if str(photo) in finished else next(done)


def _locate(
    photos: Sequence[Path],
    load: Callable[[], Locate],
    write: Callable[[Path, str, Localization], Row],
    names: ResultNames,
    workers: int,
    batch_size: int,
    find_faces: bool,
) -> Iterator[Row | ImageError]:
    if not photos:
        return
    with PreparedPhotos(photos, workers, 2 * batch_size, find_faces) as prepared, ThreadPoolExecutor(1) as writer:
        locate, items = load(), iter(prepared)
        writing: list[ImageError | Future[Row]] = []
        while batch := list(islice(items, batch_size)):
            located = locate_batch(locate, batch)
            yield from map(_written, writing)
            writing = [
                result if isinstance(result, ImageError) else writer.submit(write, path, names.stem(path), result)
                for (path, _), result in zip(batch, located, strict=True)
            ]
        yield from map(_written, writing)


def locate_batch(
    locate: Locate, batch: Sequence[tuple[Path, Prepared | ImageError]]
) -> list[Localization | ImageError]:
    """What is said of each photo of a batch; where a batch fails, its photos are tried alone."""
    good = [item for _, item in batch if not isinstance(item, ImageError)]
    try:
        located = iter(locate(good) if good else ())
    except (RuntimeError, MemoryError, ValueError) as error:
        if len(batch) > 1:
            return [locate_batch(locate, [each])[0] for each in batch]
        return [ImageError(f"{batch[0][0]} cannot be scored ({error}); leave it out, or make it smaller")]
    return [item if isinstance(item, ImageError) else next(located) for _, item in batch]


def _written(result: ImageError | Future[Row]) -> Row | ImageError:
    if isinstance(result, ImageError):
        return result
    try:
        return result.result()
    except ImageError as error:
        return error
    except OSError as error:
        return ImageError(str(error))


def _write(out: Path, photo: Path, stem: str, result: Localization, explain: bool) -> Row:
    files = {"map": out / f"{stem}_map.png", "overlay": out / f"{stem}_overlay.png"}
    write_map(files["map"], result.fakeness_map)
    result.save(files["overlay"])
    if explain:
        from fakelocator_zoo.inference.render import explanation

        files["explanation"] = out / f"{stem}_explain.png"
        write_image(files["explanation"], explanation(result))
    credentials = read_credentials(photo)
    return {
        **describe(photo, result),
        **({} if credentials is None else {"content_credentials": credentials._asdict()}),
        **{name: str(path) for name, path in files.items()},
    }


def describe(photo: Path, result: Localization) -> Row:
    """What a row says of a photo, without its pictures."""
    return {
        "path": str(photo),
        "fake_probability": round(result.fake_probability, 6),
        "verdict": result.verdict,
        "reason": result.reason,
        "whole_image": result.whole_image,
        **({} if result.face_found is None else {"face_found": result.face_found}),
        "faces": [
            {
                "box": list(face.box),
                "fake_probability": round(face.fake_probability, 6),
                "verdict": face.verdict,
                "reason": face.reason,
            }
            for face in result.faces
        ],
        "map_mean": round(float(result.fakeness_map.mean()), 6),
        "map_peak": round(float(result.fakeness_map.max()), 6),
    }


def _is_finished(row: Row, explain: bool) -> bool:
    """Whether the pictures of a row are there, and no older than its photo."""
    try:
        changed = Path(row["path"]).stat().st_mtime
        names = ("map", "overlay", *(("explanation",) if explain else ()))
        return all(Path(row[name]).stat().st_mtime >= changed for name in names)
    except (OSError, KeyError, TypeError):
        return False
