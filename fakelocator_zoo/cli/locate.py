"""The command `fakelocator locate`."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import AttentionOption, DeviceOption, JsonRowsOption, ModelOption, load_localizer

if TYPE_CHECKING:
    from fakelocator_zoo.inference.folders import Locate, Row

#: Of more photos than this the table shows the most suspicious.
_SHOWN = 100


class Engine(StrEnum):
    """What runs the model."""

    LOCAL = "local"
    RAY = "ray"


def locate(
    sources: Annotated[
        list[str],
        typer.Argument(help="Photos, folders, videos, http(s) addresses, - for standard input.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="Folder for maps, overlays and results.jsonl.")] = Path("fakelocator_out"),
    model: ModelOption = None,
    as_json: JsonRowsOption = False,
    device: DeviceOption = None,
    adapter: Annotated[
        Path | None,
        typer.Option(help="Folder `adapter` of `fakelocator adapt`, which then decides instead of the model."),
    ] = None,
    attention: AttentionOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Also draw all maps of a photo side by side.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that read photos and find faces; 0: none. Default: by number of photos."),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Photos that go through the model at once.")] = 8,
    resume: Annotated[bool, typer.Option("--resume", help="Skip what an earlier run into --out finished.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Score every n-th frame of a video.")] = 1,
    engine: Annotated[
        Engine,
        typer.Option(help="ray: on the Ray cluster at RAY_ADDRESS, or here; writes OUT/results.parquet, no pictures."),
    ] = Engine.LOCAL,
) -> None:
    """Find faces, give the probability that each is fake, and write a 16-bit map and an overlay of each photo.

    A video gives an overlay video with sound, a CSV by frame and face, and a timeline. The engine ray also takes
    Parquet files with a column path or bytes, and tar archives of photos (WebDataset).
    """
    from fakelocator_zoo.cli.photo_arguments import collect_photos, local_paths
    from fakelocator_zoo.images import ImageError
    from fakelocator_zoo.inference.folders import locate_photos
    from fakelocator_zoo.inference.ray_engine import PARQUET, is_shard, locate_on_ray

    on_ray = engine is Engine.RAY
    paths, failures = local_paths(sources, out)
    videos, others = _split(paths)
    if on_ray and (videos or explain or resume):
        unfit = "videos" if videos else "--explain" if explain else "--resume"
        raise typer.BadParameter(f"the engine ray knows no {unfit}; give local", param_hint="--engine")
    shards = [path for path in others if on_ray and is_shard(path)]
    collected = collect_photos(path for path in others if path not in shards)
    failures += collected.failures
    start = time.monotonic()
    load = functools.partial(_load, model, device, attention, adapter)
    load_once = functools.cache(load)
    settings = _settings(model, attention, adapter)

    def results() -> Iterator[Row | ImageError]:
        if on_ray and (collected.photos or shards):
            gpus = 1 if device and device.startswith("cuda") else 0
            located = locate_on_ray(
                collected.photos, shards, load, out, workers=workers, batch_size=batch, gpus=gpus, settings=settings
            )
            yield from terminal.track(located, "locating", None if shards else len(collected.photos))
        elif collected.photos:
            located = locate_photos(
                collected.photos,
                load_once,
                out,
                workers=workers,
                batch_size=batch,
                explain=explain,
                resume=resume,
                settings=settings,
            )
            yield from terminal.track(located, "locating", len(collected.photos))
        if videos:
            from fakelocator_zoo.inference.video import locate_videos

            with terminal.progress("frames") as bars:
                task = bars.add_task("", total=None)
                yield from locate_videos(
                    videos,
                    load_once,
                    out,
                    every=every,
                    batch_size=batch,
                    resume=resume or bool(collected.photos),
                    settings=settings,
                    advance=lambda frames: bars.update(task, advance=frames),
                )

    rows: list[Row] = []
    count = 0
    with terminal.JsonRows(as_json) as printed:
        for result in results():
            if isinstance(result, ImageError):
                failures.append(str(result))
                continue
            failures += [result["damage"]] if "damage" in result else []
            count += 1
            printed.add(result)
            if not on_ray:  # on Ray there may be millions
                rows.append(result)
    if rows and not as_json:
        _show(rows)
    if count:
        place, what = (out / PARQUET, f"{count} photos") if on_ray else (out, _count(rows))
        terminal.say(f"results: {place} ({what}, {time.monotonic() - start:.1f} s)")
    _say_without_credentials(rows)
    collected.say_left_out()
    terminal.exit_on_failures(failures, f"{count} located")


def _split(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Videos, each once, and the rest."""
    from fakelocator_zoo.images.folders import VIDEO_SUFFIXES

    videos = {os.path.realpath(p): p for p in paths if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()}
    return list(videos.values()), [path for path in paths if os.path.realpath(path) not in videos]


def _count(rows: Sequence[Row]) -> str:
    videos = sum("every" in row for row in rows)
    counted = {"photo": len(rows) - videos, "video": videos}
    return ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counted.items() if count)


def _load(model: str | None, device: str | None, attention: Sequence[str] | None, adapter: Path | None) -> Locate:
    if adapter is None:
        return load_localizer(model, device, attention).locate_prepared
    from fakelocator_zoo.clustering.adapt import Adapter, adapter_model

    localizer = load_localizer(model or adapter_model(adapter), device, attention)
    decide = Adapter(adapter, localizer.model)  # type: ignore[arg-type]
    return lambda batch: [decide(result) for result in localizer.locate_prepared(batch)]


def _settings(model: str | None, attention: Sequence[str] | None, adapter: Path | None) -> dict[str, Any]:
    """The settings in each row; a resumed run must have the same."""
    from fakelocator_zoo.zoo.models import DEFAULT_MODEL

    return {
        "model": model or (None if adapter else DEFAULT_MODEL),
        "attention": sorted(attention) if attention else None,
        "adapter": str(adapter) if adapter else None,
    }


def _show(rows: Sequence[Row]) -> None:
    shown = rows
    if len(rows) > _SHOWN:
        shown = sorted(rows, key=lambda row: -row["fake_probability"])[:_SHOWN]
        typer.echo(f"The {_SHOWN} most suspicious of {_count(rows)}:")
    table = terminal.table("photo", "P(fake)", "verdict", "faces", "note")
    for row in shown:
        faces = "none" if row["whole_image"] else str(len(row["faces"]))
        table.add_row(row["path"], f"{row['fake_probability']:.3f}", row["verdict"], faces, _note(row))
    terminal.show(table)


def _note(row: Row) -> str:
    """Remarks on a row."""
    notes = []
    if row.get("adapter"):
        notes.append("decided by the adapter, map by the model")
    if row.get("face_found") is False:
        notes.append("the face parser found no face: attention 1 everywhere")
    if row["reason"]:
        notes.append(row["reason"])
    if (found := row.get("content_credentials", {"state": "none"}))["state"] != "none":
        from fakelocator_zoo.inference.provenance import ContentCredentials

        notes.append(ContentCredentials(**found).sentence())
    return "; ".join(notes)


def _say_without_credentials(rows: Sequence[Row]) -> None:
    """How many photos have no content credentials, where they were looked for."""
    states = [row["content_credentials"]["state"] for row in rows if "content_credentials" in row]
    if without := states.count("none"):
        terminal.say(f"content credentials: none in {without} of {len(states)} photos, which is no evidence")
