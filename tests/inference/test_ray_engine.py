"""Photos on a local Ray cluster of two CPUs, without a model: a photo is as fake as it is bright."""

from __future__ import annotations

import functools
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ray")

import pyarrow as pa
import pyarrow.parquet as pq
import ray

from fakelocator_zoo.images import ImageError
from fakelocator_zoo.inference.folders import Locate
from fakelocator_zoo.inference.ray_engine import locate_on_ray
from tests.inference import folder_runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "photos" / f"{index}.png" for index in range(12)]
    paths[0].parent.mkdir()
    for index, path in enumerate(paths):
        Image.fromarray(np.full((8, 6, 3), 20 * index, np.uint8)).save(path)
    return paths


def brightness() -> Locate:
    return folder_runs.locate


def killed_once(flag: Path) -> Locate:
    """The first worker dies of its second batch."""
    count = 0

    def locate(batch: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2 and not flag.exists():
            flag.touch()
            os._exit(9)
        return folder_runs.locate(batch)

    return locate


def run(photos: list[Path], shards: list[Path], out: Path, load: Any = brightness) -> list[Any]:
    return list(locate_on_ray(photos, shards, load, out, batch_size=2, find_faces=False))


def by_path(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["path"])


def test_the_rows_are_those_of_one_process_and_a_killed_worker_costs_none(photos: list[Path], tmp_path: Path) -> None:
    alone = [
        {key: value for key, value in row.items() if key not in ("map", "overlay", "content_credentials")}
        for row in folder_runs.run(photos, tmp_path / "alone")
        if not isinstance(row, ImageError)
    ]
    rows = run(photos, [], tmp_path / "out", functools.partial(killed_once, tmp_path / "flag"))
    assert (tmp_path / "flag").exists()
    assert by_path(rows) == by_path(alone)
    written = pq.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert [row["map_mean"] for row in by_path(written)] == [row["map_mean"] for row in by_path(alone)]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"results.parquet"}


def test_parquet_of_bytes_with_a_broken_record(photos: list[Path], tmp_path: Path) -> None:
    content = [path.read_bytes() for path in photos]
    content[3] = b"no image"
    names = [f"photo {index}" for index in range(len(photos))]
    pq.write_table(pa.table({"path": names, "bytes": content}), tmp_path / "shard.parquet")
    results = run([], [tmp_path / "shard.parquet"], tmp_path / "out")
    [error] = [each for each in results if isinstance(each, ImageError)]
    assert str(error).startswith("photo 3") and "\n" not in str(error)
    rows = by_path([each for each in results if not isinstance(each, ImageError)])
    assert {row["path"]: row["fake_probability"] for row in rows} == {
        name: pytest.approx(20 * index / 255, abs=1e-5) for index, name in enumerate(names) if index != 3
    }
    assert len(pq.read_table(tmp_path / "out" / "results.parquet")) == 12


def test_tar_archives_with_broken_records(photos: list[Path], tmp_path: Path) -> None:
    whole, cut = tmp_path / "a.tar", tmp_path / "b.tar"
    for archive, chosen in ((whole, photos[:8]), (cut, photos[8:])):
        with tarfile.open(archive, "w") as tar:
            for photo in chosen:
                tar.add(photo, photo.name)
                tar.addfile(tarfile.TarInfo(f"{photo.stem}.json"))
    with tarfile.open(whole) as tar:
        places = {member.name: member for member in tar}
    content = bytearray(whole.read_bytes())
    start, end = places["2.png"].offset, places["2.png"].offset_data
    content[start:end] = b"?" * (end - start)  # the headers of one
    content[places["5.png"].offset_data : places["5.png"].offset_data + 8] = b"no image"  # the photo of another
    whole.write_bytes(content)
    with tarfile.open(cut) as tar:
        cut.write_bytes(cut.read_bytes()[: tar.getmember("10.png").offset_data + 20])
    results = run([], [whole, cut], tmp_path / "out")
    rows = [each for each in results if not isinstance(each, ImageError)]
    assert {Path(row["path"]).stem for row in rows} == {"0", "1", "3", "4", "6", "7", "8", "9"}
    errors = sorted(str(each) for each in results if isinstance(each, ImageError))
    assert len(errors) == 3
    assert errors[0].startswith(f"{whole} is damaged from byte {places['2.png'].offset}")
    assert errors[1].startswith(f"{whole}/5.png") and errors[2].startswith(f"{cut} is cut off")


def test_tables_without_photos_and_files_of_others(photos: list[Path], tmp_path: Path) -> None:
    pq.write_table(pa.table({"number": [1]}), tmp_path / "table.parquet")
    with pytest.raises(ValueError, match="it needs path or bytes"):
        run([], [tmp_path / "table.parquet"], tmp_path / "out")
    for name, message in (("text.parquet", "is no Parquet file"), ("text.tar", "is no tar archive")):
        (tmp_path / name).write_text("no shard")
        with pytest.raises(ValueError, match=message):
            run([], [tmp_path / name], tmp_path / "out")
    pq.write_table(pa.table({"number": [1]}), tmp_path / "out" / "results.parquet")
    with pytest.raises(ImageError, match="so it is kept"):
        run(photos, [], tmp_path / "out")
