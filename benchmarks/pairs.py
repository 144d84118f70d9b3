"""Partial fakes by generators never trained on: a re-synthesised face blended into its photo by a soft mask.

The data folder holds ``real/``, ``fake/<generator>/`` and ``mask/`` under the same names. A partial fake is
``real + mask * (fake - real)``; pixel AUC is against mask > 0.5, COSS and Pearson against |real - fake|.
Trivial maps stand beside every number. ``fakelocator evaluate --pairs`` does the same for a folder of one's own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from report import write_results

import fakelocator_zoo
from fakelocator_zoo.degradations import degradation
from fakelocator_zoo.evaluation.evaluate import evaluate, evaluate_true_mask
from fakelocator_zoo.evaluation.predictors import TRIVIAL_PREDICTORS, ModelPredictor
from fakelocator_zoo.evaluation.samples import read_pairs
from fakelocator_zoo.evaluation.tables import markdown_tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with real/, fake/<generator>/ and mask/")
    parser.add_argument("--model", default="fakelocator_mobilenetv4_conv_small.open")
    parser.add_argument("--faces", type=int, default=24, help="a generator, spread evenly over the names")
    parser.add_argument("--jpeg", type=int, help="recompress real and fake alike at this quality")
    parser.add_argument("--name", default="pairs", help="of the result files")
    options = parser.parse_args()
    torch.set_num_threads(2)
    degrade = None if options.jpeg is None else degradation("jpeg", options.jpeg)
    data = read_pairs(options.data, masks=options.data / "mask", limit=options.faces, degrade=degrade)
    model = ModelPredictor(fakelocator_zoo.from_pretrained(options.model), options.model)
    evaluations = [evaluate(predictor, data) for predictor in (model, *TRIVIAL_PREDICTORS)]
    summaries = [evaluation.summary() for evaluation in (*evaluations, evaluate_true_mask(data))]
    change = "" if options.jpeg is None else f", recompressed at JPEG {options.jpeg}"
    title = f"{options.model}: partial fakes, {len(data.photos)} faces a generator{change}"
    values = {"model": options.model, "faces": list(data.photos.names), "predictors": summaries}
    write_results(options.name, title, markdown_tables(summaries), values, seed=0)


if __name__ == "__main__":
    main()
