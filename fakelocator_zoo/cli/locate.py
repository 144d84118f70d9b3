"""The commands `fakelocator demo`, `locate`, `adapt` and `models`. Heavy imports stand inside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakelocator_zoo.cli import terminal

if TYPE_CHECKING:
    from fakelocator_zoo.clustering.adapt import Adapter
    from fakelocator_zoo.inference.localizer import Localization, Localizer

ModelOption = Annotated[str | None, typer.Option(help="Name from `fakelocator models`, folder or Hub id.")]
DeviceOption = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...; default: cuda where there is one.")]

AttentionOption = Annotated[
    list[str] | None,
    typer.Option("--attention", help="Face part or group, such as face or hair, that the map is kept to; repeatable."),
]


def demo(
    out: Annotated[Path, typer.Option(help="Folder for demo.png.")] = Path("fakelocator_out"),
    model: ModelOption = None,
    part: Annotated[str, typer.Option(help="What is repainted: eyes, nose, mouth, hair or face.")] = "face",
    device: DeviceOption = None,
) -> None:
    """Repaint a part of a real portrait, locate it, and draw photo, maps and overlay into one picture."""
    from fakelocator_zoo.images import make_folder, write_image
    from fakelocator_zoo.inference import demo as demonstration

    if part not in demonstration.PARTS:
        raise typer.BadParameter(f"{part!r} is none of {', '.join(demonstration.PARTS)}", param_hint="--part")
    make_folder(out)
    from fakelocator_zoo.generators.bank import load_generator

    localizer = load_localizer(model, device)
    generator = load_generator("generator_demo.open")
    result = demonstration.run_demo(localizer, generator, part)
    write_image(out / "demo.png", demonstration.demo_sheet(result))

    table = terminal.table("map", "COSS", "pixel AUC", "COSS, face box alone", "pixel AUC, face box alone")
    for name, scores in result.scores.items():
        table.add_row(name, *(f"{value:.3f}" for value in (*scores, *result.face_scores[name])))
    terminal.show(table)
    typer.echo(f"fake probability of the untouched photo:   {result.untouched.fake_probability:.3f}")
    typer.echo(f"fake probability of the manipulated photo: {result.located.fake_probability:.3f}")
    typer.echo(f"picture: {out / 'demo.png'}")


def locate(
    paths: Annotated[list[Path], typer.Argument(help="Photos, and folders of them.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for maps and overlays.")] = Path("fakelocator_out"),
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")] = False,
    device: DeviceOption = None,
    adapter: Annotated[
        Path | None, typer.Option(help="Folder `adapter` that `fakelocator adapt` wrote: it decides, not the model.")
    ] = None,
    attention: AttentionOption = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Draw attention, texture, change and map side by side as well.")
    ] = False,
) -> None:
    """Find each face, say how likely it is fake, and write a 16-bit map and an overlay for each photo."""
    from fakelocator_zoo.cli.photo_arguments import collect_photos, free_stem, with_progress
    from fakelocator_zoo.images import ImageError, make_folder, write_image, write_map

    photos, failures = collect_photos(paths, out)
    located = 0
    table = terminal.table("photo", "faces", "fake probability", "map mean", "map peak", "note")
    if photos:
        from fakelocator_zoo.inference.render import explanation

        make_folder(out)
        localizer, decide = _localizer_and_adapter(model, device, attention, adapter)
        localizer.explain = explain
        taken: set[str] = set()
        for photo in with_progress(photos, "locating"):
            try:
                result = localizer(photo)
                said = result.fake_probability
                if decide is not None:
                    result = decide(result)
                stem = free_stem(photo.stem, taken)
                files = {"map": out / f"{stem}_map.png", "overlay": out / f"{stem}_overlay.png"}
                write_map(files["map"], result.fakeness_map)
                result.save(files["overlay"])
                if explain:
                    files["explanation"] = out / f"{stem}_explain.png"
                    write_image(files["explanation"], explanation(result))
            except ImageError as error:
                failures.append(str(error))
                continue
            located += 1
            row = _row(photo, result, files)
            if decide is not None:
                row |= {"decision": "adapter", "model_fake_probability": round(said, 6)}
            if as_json:
                typer.echo(json.dumps(row))
            else:
                table.add_row(
                    str(photo),
                    str(len(result.faces)),
                    f"{result.fake_probability:.3f}",
                    f"{row['map_mean']:.4f}",
                    f"{row['map_peak']:.4f}",
                    "; ".join(_notes(result, decided=decide is not None, explain=explain)),
                )
    if table.row_count:
        terminal.show(table)
        typer.echo(f"maps and overlays: {out}")
    terminal.exit_on_failures(failures, f"{located} located")


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
    from fakelocator_zoo.clustering import adapt as adaptation
    from fakelocator_zoo.images import list_images

    known = adaptation.parse_labelled(labelled, folder)
    # What an earlier run wrote is not clustered.
    photos = [path for path in list_images([folder]) if out.resolve() not in path.resolve().parents]
    localizer = load_localizer(model, device)
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
    failures = list(found.failures.values())
    if not found.clusters.separable_:
        terminal.say_failures(failures)
        raise typer.Exit(3)
    terminal.exit_on_failures(failures, f"{len(found.paths)} clustered")


def models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")] = False,
) -> None:
    """List the models of the zoo."""
    from fakelocator_zoo.zoo import models as zoo

    rows: list[dict[str, Any]] = zoo.model_table()
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    table = terminal.table("name", "parameters", "MB", "license", "trained on")
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['megabytes']:.1f}",
            row["license"],
            row["trained_on"],
        )
    terminal.show(table)


def load_localizer(model: str | None, device: str | None, attention: Sequence[str] | None = None) -> Localizer:
    """The localizer of a command's --model, --device and --attention; a bad device is a bad parameter."""
    with terminal.stdout_to_stderr():
        import torch

        import fakelocator_zoo
        from fakelocator_zoo.inference.localizer import Localizer
        from fakelocator_zoo.zoo.models import DEFAULT_MODEL

        try:
            wanted = torch.device(device or "cpu")
        except RuntimeError as error:
            raise typer.BadParameter(f"{device!r} is no device; give cpu or cuda", param_hint="--device") from error
        if wanted.type == "cuda" and not torch.cuda.is_available():
            raise typer.BadParameter("there is no CUDA device here; give cpu", param_hint="--device")
        options = {"attention": tuple(attention)} if attention else {}
        return Localizer(fakelocator_zoo.from_pretrained(model or DEFAULT_MODEL, **options), device=device)


def _localizer_and_adapter(
    model: str | None, device: str | None, attention: Sequence[str] | None, adapter: Path | None
) -> tuple[Localizer, Adapter | None]:
    if adapter is None:
        return load_localizer(model, device, attention), None
    from fakelocator_zoo.clustering.adapt import Adapter, adapter_model

    localizer = load_localizer(model or adapter_model(adapter), device, attention)
    return localizer, Adapter(adapter, localizer.model)  # type: ignore[arg-type]


def _notes(result: Localization, *, decided: bool, explain: bool) -> list[str]:
    """What a reader of the numbers should know."""
    notes = []
    if decided:
        notes.append("decided by the adapter, map by the model")
    elif result.whole_image:
        notes.append("no face found: whole image")
    if result.face_found is False:
        notes.append("the face parser found no face: attention 1 everywhere")
    if explain and result.attention is None:
        notes.append("this model has no attention")
    return notes


def _row(photo: Path, result: Localization, files: dict[str, Path]) -> dict[str, Any]:
    return {
        "path": str(photo),
        "fake_probability": round(result.fake_probability, 6),
        "whole_image": result.whole_image,
        **({} if result.face_found is None else {"face_found": result.face_found}),
        "faces": [
            {"box": list(face.box), "fake_probability": round(face.fake_probability, 6)} for face in result.faces
        ],
        "map_mean": round(float(result.fakeness_map.mean()), 6),
        "map_peak": round(float(result.fakeness_map.max()), 6),
        **{name: str(path) for name, path in files.items()},
    }
