"""The command `fakelocator`. Heavy imports stand inside the commands, so that --help is quick."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from fakelocator_zoo.training import commands as training_commands

if TYPE_CHECKING:
    from fakelocator_zoo.inference.adapt import Adapter
    from fakelocator_zoo.inference.localizer import Localization, Localizer

P = ParamSpec("P")

app = typer.Typer(
    name="fakelocator",
    help="Show which pixels of a face a generator painted.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

ModelOption = Annotated[str | None, typer.Option(help="Name from `fakelocator models`, folder or Hub id.")]
DeviceOption = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...; default: cuda where there is one.")]


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except KeyboardInterrupt:  # before or after a command's own body
        sys.exit(130)


def one_sentence(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a command's expected errors into one sentence on stderr (exit 1), an interrupt into exit 130."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except (ValueError, OSError, ImportError) as error:
            _say(f"error: {error}")
            raise typer.Exit(1) from None

    return wrapped


@app.command()
@one_sentence
def demo(
    out: Annotated[Path, typer.Option(help="Folder for demo.png.")] = Path("fakelocator_out"),
    model: ModelOption = None,
    part: Annotated[str, typer.Option(help="What is repainted: eyes, nose, mouth, hair or face.")] = "mouth",
    device: DeviceOption = None,
) -> None:
    """Repaint a part of a real portrait, locate it, and draw photo, maps and overlay into one picture."""
    from fakelocator_zoo.inference import demo as demonstration
    from fakelocator_zoo.inference.images import make_folder, write_png

    if part not in demonstration.PARTS:
        raise typer.BadParameter(f"{part!r} is none of {', '.join(demonstration.PARTS)}", param_hint="--part")
    make_folder(out)
    from fakelocator_zoo.generators.bank import load_generator
    from fakelocator_zoo.hub import bundled_file

    localizer = _localizer(model, device)
    generator = load_generator(bundled_file("generator_demo.open", "model.safetensors"))
    result = demonstration.run_demo(localizer, generator, part)
    write_png(out / "demo.png", demonstration.demo_sheet(result))

    table = _table("map", "COSS", "pixel AUC", "COSS, face box alone", "pixel AUC, face box alone")
    for name, scores in result.scores.items():
        table.add_row(name, *(f"{value:.3f}" for value in (*scores, *result.face_scores[name])))
    _show(table)
    typer.echo(f"fake probability of the untouched photo:   {result.untouched.fake_probability:.3f}")
    typer.echo(f"fake probability of the manipulated photo: {result.located.fake_probability:.3f}")
    typer.echo(f"picture: {out / 'demo.png'}")


@app.command()
@one_sentence
def locate(
    paths: Annotated[list[Path], typer.Argument(help="Photos, and folders of them.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for maps and overlays.")] = Path("fakelocator_out"),
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")] = False,
    device: DeviceOption = None,
    adapter: Annotated[
        Path | None, typer.Option(help="Folder `adapter` that `fakelocator adapt` wrote: it decides, not the model.")
    ] = None,
) -> None:
    """Find each face, say how likely it is fake, and write a 16-bit map and an overlay for each photo."""
    from rich.console import Console
    from rich.progress import track

    from fakelocator_zoo.inference.images import ImageError, collect_images, make_folder, write_map

    failures: list[str] = []
    photos: list[Path] = []
    for path in paths:
        try:
            found = collect_images(path)
        except ImageError as error:
            failures.append(str(error))
            continue
        # What an earlier run wrote into a folder below this one is not scored again.
        earlier = out.resolve() if out.resolve() != path.resolve() else None
        photos += [p for p in found if p == path or earlier is None or earlier not in p.resolve().parents]
    located = 0
    table = _table("photo", "faces", "fake probability", "map mean", "map peak", "note")
    if photos:
        make_folder(out)
        localizer, decide = _localizer_and_adapter(model, device, adapter)
        taken: set[str] = set()
        stderr = Console(stderr=True)
        progress = track(photos, "locating", console=stderr, transient=True, disable=not stderr.is_terminal)
        for photo in progress:
            try:
                result = localizer(photo)
                said = result.fake_probability
                if decide is not None:
                    result = decide(result)
                stem = _free_stem(photo.stem, taken)
                files = {"map": out / f"{stem}_map.png", "overlay": out / f"{stem}_overlay.png"}
                write_map(files["map"], result.fakeness_map)
                result.save(files["overlay"])
            except ImageError as error:
                failures.append(str(error))
                continue
            located += 1
            row = _row(photo, result, files)
            note = "no face found: whole image" if result.whole_image else ""
            if decide is not None:
                row |= {"decision": "adapter", "model_fake_probability": round(said, 6)}
                note = "decided by the adapter, map by the model"
            if as_json:
                typer.echo(json.dumps(row))
            else:
                table.add_row(
                    str(photo),
                    str(len(result.faces)),
                    f"{result.fake_probability:.3f}",
                    f"{row['map_mean']:.4f}",
                    f"{row['map_peak']:.4f}",
                    note,
                )
    if table.row_count:
        _show(table)
        typer.echo(f"maps and overlays: {out}")
    for failure in failures:
        _say(f"error: {failure}")
    if failures:
        _say(f"{located} located, {len(failures)} failed")
        raise typer.Exit(1)


@app.command()
@one_sentence
def adapt(
    folder: Annotated[Path, typer.Argument(help="Photos, real and fake mixed.", show_default=False)],
    labelled: Annotated[list[str], typer.Option(help="IMAGE=fake or IMAGE=real; repeatable.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for results.csv, scatter.png and the adapter.")] = Path(
        "fakelocator_adapted"
    ),
    model: ModelOption = None,
    method: Annotated[
        str, typer.Option(help="tsne, or opentsne (the extra `cluster`: faster, places new photos).")
    ] = "tsne",
    seed: Annotated[int, typer.Option(help="Same seed, same labels.")] = 0,
    device: DeviceOption = None,
) -> None:
    """Label all photos of an unseen generator from one labelled photo; exit 3 where they do not separate."""
    if method not in ("tsne", "opentsne"):
        raise typer.BadParameter(f"{method!r} is neither tsne nor opentsne", param_hint="--method")
    from fakelocator_zoo.inference import adapt as adaptation
    from fakelocator_zoo.inference.images import collect_images

    known = adaptation.parse_labelled(labelled, folder)
    # What an earlier run wrote is not clustered.
    photos = [path for path in collect_images(folder) if out.resolve() not in path.resolve().parents]
    localizer = _localizer(model, device)
    name = str(Path(model).resolve()) if model and Path(model).is_dir() else model
    found = adaptation.adapt(
        localizer.model,  # type: ignore[arg-type]
        photos,
        known,
        out,
        model_name=name,
        method=method,  # type: ignore[arg-type]
        seed=seed,
        device=str(localizer.device),
        progress=True,
    )
    adaptation.describe(found, typer.echo)
    typer.echo(f"results: {out}")
    for failure in found.failures.values():
        _say(f"error: {failure}")
    if not found.clusters.separable_:
        raise typer.Exit(3)
    if found.failures:
        _say(f"{len(found.paths)} clustered, {len(found.failures)} failed")
        raise typer.Exit(1)


@app.command()
@one_sentence
def models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")] = False,
) -> None:
    """List the models of the zoo."""
    from fakelocator_zoo import zoo

    rows: list[dict[str, Any]] = zoo.model_table()
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    table = _table("name", "parameters", "MB", "licence", "trained on")
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['megabytes']:.1f}",
            row["licence"],
            row["trained_on"],
        )
    _show(table)


app.command()(one_sentence(training_commands.train))
app.command()(one_sentence(training_commands.bank))


def _localizer(model: str | None, device: str | None) -> Localizer:
    with _stdout_to_stderr():
        import torch

        import fakelocator_zoo
        from fakelocator_zoo.inference.localizer import Localizer
        from fakelocator_zoo.zoo import DEFAULT_MODEL

        try:
            wanted = torch.device(device or "cpu")
        except RuntimeError as error:
            raise typer.BadParameter(f"{device!r} is no device; give cpu or cuda", param_hint="--device") from error
        if wanted.type == "cuda" and not torch.cuda.is_available():
            raise typer.BadParameter("there is no CUDA device here; give cpu", param_hint="--device")
        return Localizer(fakelocator_zoo.from_pretrained(model or DEFAULT_MODEL), device=device)


def _localizer_and_adapter(
    model: str | None, device: str | None, adapter: Path | None
) -> tuple[Localizer, Adapter | None]:
    if adapter is None:
        return _localizer(model, device), None
    from fakelocator_zoo.inference.adapt import Adapter, adapter_model

    localizer = _localizer(model or adapter_model(adapter), device)
    return localizer, Adapter(adapter, localizer.model)  # type: ignore[arg-type]


def _row(photo: Path, result: Localization, files: dict[str, Path]) -> dict[str, Any]:
    return {
        "path": str(photo),
        "fake_probability": round(result.fake_probability, 6),
        "whole_image": result.whole_image,
        "faces": [
            {"box": list(face.box), "fake_probability": round(face.fake_probability, 6)} for face in result.faces
        ],
        "map_mean": round(float(result.fakeness_map.mean()), 6),
        "map_peak": round(float(result.fakeness_map.max()), 6),
        **{name: str(path) for name, path in files.items()},
    }


def _free_stem(stem: str, taken: set[str]) -> str:
    """``stem``, or ``stem-2``, ``stem-3``, ... where photos of different folders share a name."""
    free, number = stem, 1
    # Without regard to case: some file systems have none.
    while free.lower() in taken:
        number += 1
        free = f"{stem}-{number}"
    taken.add(free.lower())
    return free


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    # Libraries announce what they load on stdout, which --json keeps for results.
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table()
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="left" if index in (0, len(columns) - 1) else "right")
    return table


def _show(table: Any) -> None:
    from rich.console import Console

    Console().print(table)


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)


if __name__ == "__main__":
    main()
