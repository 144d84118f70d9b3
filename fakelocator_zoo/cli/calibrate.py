"""The command `fakelocator calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import DeviceOption

if TYPE_CHECKING:
    from fakelocator_zoo.evaluation.calibration import Calibration, ScoredImage


def calibrate(
    folder: Annotated[Path, typer.Argument(help="Your own real photos.", show_default=False)],
    fakes: Annotated[
        Path | None,
        typer.Option(help="Folder of fakes, a folder for each generator; without it the temperature stays."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name from `fakelocator models`, folder or Hub id; its weights stay.")
    ] = None,
    out: Annotated[Path, typer.Option(help="New folder for the calibrated model.")] = Path("fakelocator_calibrated"),
    false_alarms: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of real photos that may be called fake.")
    ] = 0.01,
    device: DeviceOption = None,
) -> None:
    """Fit a model's threshold to your own real photos, and its temperature to them and to fakes.

    Every photo is scored as `fakelocator locate` scores it, as it is and after JPEG compression. The result is a model
    folder, with reliability.png where fakes were given: `fakelocator locate --model OUT`.
    """
    from fakelocator_zoo.cli.photo_arguments import collect_photos

    if not 0 < false_alarms < 1:
        raise typer.BadParameter("give a share between 0 and 1, such as 0.01", param_hint="--false-alarms")
    if out.exists():
        raise ValueError(f"{out} is there already, and nothing is overwritten; give another --out")
    collected = collect_photos([folder])
    fake = collect_photos([fakes] if fakes is not None else [])
    failures = collected.failures + fake.failures
    if not collected.photos or (fakes is not None and not fake.photos):
        raise ValueError(failures[0])
    with terminal.stdout_to_stderr():
        from fakelocator_zoo.evaluation.calibration import fit_calibration, score_images
        from fakelocator_zoo.hub.sources import find_model
        from fakelocator_zoo.images import ImageError
        from fakelocator_zoo.inference.localizer import Localizer
        from fakelocator_zoo.models.fakelocator import FakeLocator
        from fakelocator_zoo.zoo.models import DEFAULT_MODEL

        source = find_model(model or DEFAULT_MODEL, FakeLocator.model_type)
        loaded = FakeLocator.from_pretrained(source)
        localizer = Localizer(loaded, device=device)
    images: list[tuple[Path, str | None]] = [(path, None) for path in collected.photos]
    images += [(path, _generator(path, fakes)) for path in fake.photos if fakes is not None]
    scored: list[ScoredImage] = []
    not_judged = 0
    for result in terminal.track(score_images(localizer, images), "scoring", len(images)):
        if isinstance(result, ImageError):
            failures.append(str(result))
        elif result is None:
            not_judged += 1
        else:
            scored.append(result)
    before = loaded.temperature, loaded.threshold
    try:
        fitted = fit_calibration(scored, loaded.temperature, false_alarms)
    except ValueError:
        terminal.say_failures(failures)
        raise
    loaded.temperature, loaded.threshold = fitted.temperature, fitted.threshold
    loaded.limits = {**(loaded.limits or {}), "unsure": fitted.unsure}
    _write(loaded.cpu(), source, out, fitted, false_alarms)
    _show(before, fitted)
    typer.echo(f"model: {out}")
    for each in (collected, fake):
        each.say_left_out()
    if not_judged:
        terminal.say(f"left out: {not_judged} that `fakelocator locate` would not judge")
    if fitted.photos < 1 / false_alarms:
        terminal.say(
            f"{fitted.photos} photos are few for {false_alarms:.2g} false alarms: the threshold is about the highest "
            f"of them; {1 / false_alarms:.0f} or more are better"
        )
    terminal.exit_on_failures(failures, f"{len(scored)} photos and fakes scored")


def _generator(path: Path, fakes: Path) -> str:
    """The folder directly below ``fakes`` that a fake lies in, or ``fakes`` itself."""
    parts = path.relative_to(fakes).parts if path.is_relative_to(fakes) else ()
    return parts[0] if len(parts) > 1 else fakes.resolve().name


def _write(model: object, source: Path, out: Path, fitted: Calibration, false_alarms: float) -> None:
    """The model folder, whole or not at all."""
    import tempfile

    import torch
    from safetensors import safe_open

    from fakelocator_zoo.evaluation.reliability import add_to_card
    from fakelocator_zoo.hub.card import read_card_header
    from fakelocator_zoo.hub.files import RECIPE, WEIGHTS, own_file
    from fakelocator_zoo.images import make_folder

    header, recipe = read_card_header(source), own_file(source, RECIPE)
    with safe_open(source / WEIGHTS, "pt") as weights:
        halves = any(weights.get_slice(name).get_dtype() == "F16" for name in weights.keys())  # noqa: SIM118 (no dict)
    about = (
        f"{source.resolve().name} with a threshold fitted to {fitted.photos} real photos, of which a share of "
        f"{false_alarms:g} exceeds it"
    )
    if fitted.fakes:
        about += f", and a temperature fitted to them and {fitted.fakes} fakes"
    make_folder(out.parent)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        draft = Path(scratch) / "model"
        model.save_pretrained(  # type: ignore[attr-defined]
            draft,
            name=out.resolve().name,
            dtype=torch.float16 if halves else None,
            license=header.get("license", "unknown"),
            trained_on=header.get("trained_on", ""),
            description=f"{about}.",
            recipe=recipe.read_text(encoding="utf-8") if recipe.is_file() else None,
        )
        if fitted.reliability:
            add_to_card(draft, fitted.reliability, "Of images that the temperature was not fitted to:")
        draft.replace(out)


def _show(before: tuple[float, float], fitted: Calibration) -> None:
    table = terminal.table("", "before", "fitted")
    for name, old, new in zip(
        ("temperature", "threshold"), before, (fitted.temperature, fitted.threshold), strict=True
    ):
        table.add_row(name, f"{old:.4g}", f"{new:.4g}")
    terminal.show(table)
    if not fitted.reliability:
        typer.echo("No fakes were given, so the temperature stays, and reliability is not known.")
        return
    table = terminal.table("held-out fakes and all photos", "ECE", "images")
    for name, found in fitted.reliability.items():
        table.add_row(name, f"{found.error:.3f}", str(int(found.counts.sum())))
    terminal.show(table)
