"""Partial fakes by generators never trained on: a re-synthesised face blended into its photo by a soft mask.

The data folder holds ``real/``, ``fake/<generator>/`` and ``mask/`` under the same names. A partial fake is
``real + mask * (fake - real)``; pixel AUC is against mask > 0.5, COSS and Pearson against |real - fake|.
Three trivial maps stand beside every number.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from report import markdown_table, write_results
from sklearn.metrics import roc_auc_score

import fakelocator_zoo
from fakelocator_zoo import metrics
from fakelocator_zoo.fakeness import fakeness_map
from fakelocator_zoo.models.fakelocator import FakeLocator

Change = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with real/, fake/<generator>/ and mask/")
    parser.add_argument("--model", default="fakelocator_mobilenetv4_conv_small.open")
    parser.add_argument("--faces", type=int, default=24, help="a generator, spread evenly over the names")
    parser.add_argument("--jpeg", type=int, help="recompress real and fake alike at this quality")
    parser.add_argument("--name", default="pairs", help="of the result files")
    options = parser.parse_args()
    torch.set_num_threads(2)
    model = fakelocator_zoo.from_pretrained(options.model)
    names = sorted(path.stem for path in (options.data / "mask").iterdir())
    names = [names[i] for i in np.linspace(0, len(names) - 1, min(options.faces, len(names))).round().astype(int)]
    change: Change = (lambda image: image) if options.jpeg is None else (lambda image: jpeg(image, options.jpeg))
    generators = sorted(path.name for path in (options.data / "fake").iterdir())
    rows = {generator: score(model, options.data, generator, names, change) for generator in generators}
    rows["mean"] = {key: float(np.mean([row[key] for row in rows.values()])) for key in rows[generators[0]]}
    shown = {
        "pixel AUC": "model.pixel_auc",
        "COSS": "model.coss",
        "Pearson": "model.pearson",
        "image AUC": "image_auc",
        "Gaussian pixel AUC": "gaussian.pixel_auc",
        "Gaussian COSS": "gaussian.coss",
        "constant COSS": "constant.coss",
        "high-pass pixel AUC": "high_pass.pixel_auc",
        "high-pass COSS": "high_pass.coss",
        "true mask COSS": "mask.coss",
    }
    table = markdown_table(
        ["generator", *shown],
        [[name, *(f"{row[key]:.3f}" for key in shown.values())] for name, row in rows.items()],
    )
    change_text = "" if options.jpeg is None else f", recompressed at JPEG {options.jpeg}"
    title = f"{options.model}: partial fakes, {len(names)} faces a generator{change_text}"
    write_results(options.name, title, table, {"model": options.model, "faces": names, "rows": rows})


def score(model: FakeLocator, data: Path, generator: str, names: list[str], change: Change) -> dict[str, float]:
    """Mean scores over the named faces of one generator."""
    per_face: list[dict[str, float]] = []
    decisions: list[tuple[float, float]] = []
    for name in names:
        real = read(data / "real", name)
        fake = read(data / "fake" / generator, name)
        mask = read(data / "mask", name).mean(axis=-1, keepdims=True) / 255
        partial = (real + mask * (fake.astype(float) - real)).round().clip(0, 255).astype(np.uint8)
        true, painted = fakeness_map(real, partial), mask[..., 0] > 0.5
        located, fake_score = locate(model, change(partial))
        decisions.append((locate(model, change(real))[1], fake_score))
        height, width = painted.shape
        maps = {
            "model": located,
            "gaussian": metrics.centred_gaussian_map(height, width),
            "constant": metrics.constant_map(height, width),
            "high_pass": metrics.high_pass_map(change(partial)),
            "mask": mask[..., 0],
        }
        per_face.append(
            {
                f"{kind}.{metric}": function(candidate, truth)
                for kind, candidate in maps.items()
                for metric, function, truth in (
                    ("pixel_auc", metrics.pixel_auc, painted),
                    ("coss", metrics.coss, true),
                    ("pearson", metrics.pearson, true),
                )
            }
        )
    scores = np.array(decisions).T.ravel()
    labels = np.repeat([0, 1], len(names))
    means = {key: float(np.mean([face[key] for face in per_face])) for key in per_face[0]}
    return {**means, "image_auc": float(roc_auc_score(labels, scores))}


@torch.inference_mode()
def locate(model: FakeLocator, image: np.ndarray) -> tuple[np.ndarray, float]:
    """Fakeness map (H, W) and the margin by which an image (H, W, 3) uint8 is called fake."""
    output = model(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255)
    return output.fakeness_map[0, 0].numpy(), float(output.logits[0, 1] - output.logits[0, 0])


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """The image after JPEG compression."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def read(folder: Path, name: str) -> np.ndarray:
    """The one image of this name in a folder, (H, W, 3) uint8."""
    (path,) = folder.glob(f"{name}.*")
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


if __name__ == "__main__":
    main()
