"""Photos through a model on a Ray cluster: files, Parquet or tar archives in, one Parquet file out."""

from __future__ import annotations

import logging
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakelocator_zoo.images import ImageError, make_folder
from fakelocator_zoo.images.folders import IMAGE_SUFFIXES
from fakelocator_zoo.inference.folders import Locate, Row, describe, locate_batch
from fakelocator_zoo.inference.prepare import Prepared, prepare

if TYPE_CHECKING:
    import pyarrow as pa

#: Name of the results file in the output folder.
PARQUET = "results.parquet"
_MARK = {b"Software": b"fakelocator-zoo"}


def locate_on_ray(
    photos: Sequence[Path],
    shards: Sequence[Path],
    load: Callable[[], Locate],
    out: Path,
    *,
    workers: int | None = None,
    batch_size: int = 8,
    find_faces: bool = True,
    gpus: float = 0,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Row | ImageError]:
    """Locate what was painted in photos, on the cluster that ``RAY_ADDRESS`` names or on this machine.

    Ray Data spreads the photos; a worker that is killed is started again, and its photos are scored again. The rows,
    those of :func:`~fakelocator_zoo.inference.folders.locate_photos` without pictures, go to ``out``/results.parquet,
    which appears when all are done. A photo that cannot be read has a row with its ``error``. Rows come in any order.

    Args:
        photos: paths that every machine of the cluster sees.
        shards: files that hold many photos, for which :func:`is_shard` is true: Parquet with a column ``path`` of such
            paths, or ``bytes`` of image files, or both; tar archives of image files, as WebDataset has them, whose
            other files are left out. A record that is broken is named, and the rest goes on.
        load: called once in each worker; returns ``localizer.locate_prepared``. It must be picklable.
        out: folder; made where needed.
        workers: how many there are; None takes one a CPU of the cluster, or one a GPU.
        batch_size: photos that go through the model at once.
        find_faces: False scores whole photos.
        gpus: share of a GPU that a worker needs.
        settings: what the metadata of the Parquet file says of the run, such as the model.

    Yields:
        For each photo its row or why it has none.

    Raises:
        ImageError: where ``out`` cannot be written, or holds a file of that name that no run wrote.
        ValueError: where a table has neither column, a shard is of another format, or the cluster fails.
        ImportError: Ray is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError(f"the engine ray needs the extra: pip install 'fakelocator-zoo[ray]' ({error})") from error
    make_folder(out)
    target = out / PARQUET
    if target.exists() and not _is_ours(target):
        raise ImageError(f"{target} is there already and no result of a run, so it is kept; give another output folder")
    for shard in shards:
        _check_columns(shard) if shard.suffix == ".parquet" else _check_archive(shard)
    started_here = not ray.is_initialized()
    if started_here:
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # of many kinds, among them Exception itself
            raise ValueError(f"Ray cannot start ({error}); check RAY_ADDRESS, and that this machine is idle") from error
    ray.data.DataContext.get_current().enable_progress_bars = False
    temporary = target.with_name(f".{PARQUET}.{os.getpid()}.tmp")
    said = {key.encode(): str(value).encode() for key, value in (settings or {}).items() if value is not None}
    try:
        resources = ray.cluster_resources()
        most = workers or max(1, int(resources.get("GPU", 0) / gpus if gpus else resources.get("CPU", 1)))
        with pq.ParquetWriter(temporary, _schema().with_metadata(_MARK | said)) as writer:
            for source in _sources(photos, shards):
                scored = source.map_batches(
                    _Scorer,
                    fn_constructor_kwargs={"load": load, "find_faces": find_faces},
                    batch_size=batch_size,
                    batch_format="pyarrow",
                    compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
                    num_cpus=1,
                    num_gpus=gpus or None,
                )
                for batch in scored.iter_batches(batch_size=None, batch_format="pyarrow"):
                    writer.write_table(batch.cast(_schema()))
                    yield from (_as_row(row) for row in batch.to_pylist())
        temporary.replace(target)
    except (pa.ArrowException, ray.exceptions.RayError) as error:
        raise ValueError(f"Ray gave up ({' '.join(str(error).split())[-300:]})") from error
    finally:
        temporary.unlink(missing_ok=True)
        if started_here:
            ray.shutdown()


class _Scorer:
    """A worker: batches with columns ``path`` and ``bytes`` -> their rows."""

    def __init__(self, load: Callable[[], Locate], find_faces: bool) -> None:
        self.locate, self.find_faces = load(), find_faces

    def __call__(self, batch: pa.Table) -> pa.Table:
        import pyarrow as pa

        items = [_read(row, self.find_faces) for row in batch.to_pylist()]
        rows = [
            {"path": str(path), "error": str(result)} if isinstance(result, ImageError) else describe(path, result)
            for (path, _), result in zip(items, locate_batch(self.locate, items), strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=_schema())


def _read(row: Mapping[str, Any], find_faces: bool) -> tuple[Path, Prepared | ImageError]:
    name, content = Path(row.get("path") or "image"), row.get("bytes")
    if row.get("damage"):
        return name, ImageError(row["damage"])
    try:
        return name, prepare(name if content is None else content, find_faces)._replace(name=str(name))
    except ImageError as error:
        return name, error if content is None else ImageError(f"{name}: {error}")
    except ImportError:
        raise
    except Exception as error:  # whatever one file does to a decoder or the face search, the rest go on
        return name, ImageError(f"{name} cannot be read ({type(error).__name__}: {error}); leave it out")


def is_shard(path: Path) -> bool:
    """Whether a path ends as a Parquet file or a tar archive does."""
    return path.name.lower().endswith((".parquet", ".tar", ".tar.gz", ".tgz"))


def _sources(photos: Sequence[Path], shards: Sequence[Path]) -> Iterator[Any]:
    import ray.data

    tables = [str(shard.absolute()) for shard in shards if shard.suffix == ".parquet"]
    archives = [str(shard.absolute()) for shard in shards if shard.suffix != ".parquet"]
    if photos:
        yield ray.data.from_items([{"path": str(photo.absolute())} for photo in photos])
    # Reading takes little, and must not wait for a CPU that a worker holds.
    if tables:
        yield ray.data.read_parquet(tables, ray_remote_args={"num_cpus": 0})
    if archives:
        found = ray.data.from_items([{"archive": each} for each in archives], override_num_blocks=len(archives))
        yield found.flat_map(_archived, num_cpus=0)


def _archived(row: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The image files of a tar archive: ``path`` (that of the archive and theirs in it), ``bytes``, and ``damage``."""
    archive = row["archive"]
    end = 0
    try:
        # A damaged header is skipped like zeros, and seen by the gap before the next member.
        with tarfile.open(archive, ignore_zeros=True) as tar:
            for member in tar:
                path = f"{archive}/{member.name}"
                if member.offset != end and end:
                    yield _damage(f"{archive}@{end}", f"{archive} is damaged from byte {end} to {member.offset}")
                end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                if member.isfile() and Path(member.name).suffix.lower() in IMAGE_SUFFIXES:
                    content = tar.extractfile(member)
                    assert content is not None
                    yield {"path": path, "bytes": content.read(), "damage": ""}
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        yield _damage(archive, f"{archive} is cut off ({error}); what comes before was read")


def _damage(path: str, sentence: str) -> dict[str, Any]:
    return {"path": path, "bytes": b"", "damage": sentence}


def _check_archive(archive: Path) -> None:
    try:
        if tarfile.is_tarfile(archive):
            return
    except OSError as error:
        raise ValueError(f"{archive} cannot be read ({error.strerror})") from error
    raise ValueError(f"{archive} is no tar archive; give another")


def _check_columns(table: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.read_schema(table).names
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{table} is no Parquet file ({' '.join(str(error).split())}); give another") from error
    if not {"path", "bytes"} & set(columns):
        raise ValueError(f"{table} has the columns {', '.join(columns)}; it needs path or bytes")


def _schema() -> pa.Schema:
    import pyarrow as pa

    face = [
        ("box", pa.list_(pa.int32())),
        ("fake_probability", pa.float64()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
    ]
    return pa.schema(
        [
            ("path", pa.string()),
            ("fake_probability", pa.float64()),
            ("verdict", pa.string()),
            ("reason", pa.string()),
            ("whole_image", pa.bool_()),
            ("face_found", pa.bool_()),
            ("faces", pa.list_(pa.struct(face))),
            ("map_mean", pa.float64()),
            ("map_peak", pa.float64()),
            ("error", pa.string()),
        ]
    )


def _as_row(row: Row) -> Row | ImageError:
    if row["error"] is not None:
        return ImageError(row["error"])
    # As one process says it: of a model without a face parser nothing about it.
    return {key: value for key, value in row.items() if key != "error" and (key, value) != ("face_found", None)}


def _is_ours(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return False
    return _MARK.items() <= metadata.items()
