"""The bundled demo on every part of the face: the located map beside the trivial ones.

In the whole photo the located map earns credit for finding the face; inside the face's box it does not, and the
Gaussian is centred on the face.
"""

from __future__ import annotations

import argparse
from typing import Any

from report import markdown_table, write_results

from fakelocator_zoo.generators.bank import load_generator
from fakelocator_zoo.hub import bundled_file
from fakelocator_zoo.inference.demo import PARTS, run_demo
from fakelocator_zoo.inference.localizer import Localizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="fakelocator_mobilenetv4_conv_small.open")
    options = parser.parse_args()
    localizer = Localizer(options.model, device="cpu")
    generator = load_generator(bundled_file("generator_demo.open", "model.safetensors"))
    rows: list[list[str]] = []
    values: dict[str, Any] = {}
    for part in PARTS:
        result = run_demo(localizer, generator, part)
        untouched, located = result.untouched.fake_probability, result.located.fake_probability
        values[part] = {"untouched": untouched, "manipulated": located}
        for place, scores in (("whole photo", result.scores), ("face box", result.face_scores)):
            values[part][place] = scores
            cells = [f"{cosine:.2f} / {auc:.2f}" for cosine, auc in scores.values()]
            rows.append([f"{part}, {place}", f"{untouched:.2f}", f"{located:.2f}", *cells])
    maps = [f"{name}: COSS / pixel AUC" for name in result.scores]
    table = markdown_table(["part", "fake probability untouched", "manipulated", *maps], rows)
    write_results("demo", f"{options.model} on the demo's portrait", table, {"model": options.model, "parts": values})


if __name__ == "__main__":
    main()
