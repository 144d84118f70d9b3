"""Table `demo`: the bundled portrait, each part of it repainted; it needs no data, and is the gallery to show."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness.cells import Cell, Section
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.rivals import load_model, model_names
from fakelocator_zoo.generators.bank import load_generator
from fakelocator_zoo.images.files import write_png
from fakelocator_zoo.inference.demo import PARTS, demo_pictures, run_demo
from fakelocator_zoo.inference.features import model_identity
from fakelocator_zoo.inference.localizer import Localizer
from fakelocator_zoo.inference.render import side_by_side

PLACES = {"photo": "whole photo", "face": "face box"}
#: Of the demo's pictures: the photo, the fake, the true and the located map; and their height in the gallery, which
#: stands in a README and so is small.
SHOWN, HEIGHT = 4, 144


def cells(options: BenchOptions) -> list[Cell]:
    """One for each model and part."""
    parts = list(PARTS)[:1] if options.quick else list(PARTS)
    return [
        Cell(
            f"{Path(name).name}/{part}",
            {**model_identity(load_model(name, options.device)), "part": part},
            partial(_repainted, name, part, options.device),
        )
        for name in model_names(options)
        for part in parts
    ]


def section(results: Mapping[str, Mapping[str, Any]], folder: Path) -> Section:
    """A row for each model, part and place, and a picture of each model's maps."""
    rows: list[tuple[str, ...]] = []
    sheets: dict[str, list[np.ndarray]] = {}
    for result in results.values():
        for place, label in PLACES.items():
            scores = [f"{cosine:.2f} / {auc:.2f}" for cosine, auc in result[place].values()]
            probabilities = f"{result['untouched']:.2f}", f"{result['manipulated']:.2f}"
            rows.append((result["model"], f"{result['part']}, {label}", *probabilities, *scores))
        with Image.open(io.BytesIO(base64.b64decode(result["sheet"]))) as sheet:
            sheets.setdefault(result["model"], []).append(np.asarray(sheet.convert("RGB")))
    pictures = {}
    for model, pile in sheets.items():
        name = f"gallery-{model}.png"
        write_png(folder / name, _stacked(pile))
        pictures[name] = f"{model}: the portrait, a part of it repainted, the true map, the located map"
    text = (
        "One public-domain portrait (scikit-image's *astronaut*), parts of it repainted by a small generator that "
        "made no training fake. COSS / pixel AUC; inside the face's box a map earns no credit for finding the face. "
        "One photo: it shows how maps look, and measures nothing more."
    )
    maps = list(next(iter(results.values()))["photo"])
    columns = ("model", "part", "fake probability, untouched", "repainted", *maps)
    return Section("demo", "The demo's portrait", text, columns, rows, pictures)


def _repainted(model: str, part: str, device: str) -> dict[str, Any]:
    generator = load_generator("generator_demo.open")
    result = run_demo(Localizer(load_model(model, device), device=device), generator, part)
    captions, pictures = zip(*list(demo_pictures(result).items())[:SHOWN], strict=True)
    row = side_by_side(pictures, [each.replace("manipulated", f"{part} repainted") for each in captions], HEIGHT)
    buffer = io.BytesIO()
    Image.fromarray(row).save(buffer, "PNG")
    return {
        "model": Path(model).name,
        "part": part,
        "untouched": result.untouched.fake_probability,
        "manipulated": result.located.fake_probability,
        "photo": result.scores,
        "face": result.face_scores,
        "sheet": base64.b64encode(buffer.getvalue()).decode(),
    }


def _stacked(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) uint8 below each other, white where one is narrower."""
    width = max(picture.shape[1] for picture in pictures)
    padded = [np.pad(each, ((0, 0), (0, width - each.shape[1]), (0, 0)), constant_values=255) for each in pictures]
    return np.concatenate(padded)
