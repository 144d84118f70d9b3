"""A stranger follows the page on backbones: a new encoder is trained, evaluated, exported, published, loaded again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from fakelocator_zoo import FakeLocator
from tests.docs.pages import ROOT, run_page


@pytest.mark.slow
def test_the_walk_from_an_encoder_to_a_published_model(example_folder: Path) -> None:
    run_page(ROOT / "docs/backbones.md", example_folder, not_run=set())

    published = FakeLocator.from_pretrained("published/mine")
    assert published.config["encoder_name"] == "tu-mobilenetv3_small_050"
    assert published.predict(torch.rand(1, 3, 70, 50)).fakeness_map.shape == (1, 1, 70, 50)
    card = Path("published/mine/README.md").read_text()
    assert "license: mit" in card
    assert "Pairs in `other_gan`" in card  # the table of `evaluate --card`
    evaluation = json.loads(Path("runs/evaluation/evaluation.json").read_text())
    assert {"constant"} < {each["predictor"] for each in evaluation["predictors"]}
    by_torch, by_onnx = (probabilities(Path(f"runs/{out}/results.jsonl")) for out in ("maps", "maps_onnx"))
    assert len(by_torch) == 6
    assert by_onnx == pytest.approx(by_torch, abs=1e-3)


def probabilities(results: Path) -> dict[str, float]:
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    return {row["path"]: row["fake_probability"] for row in rows}
