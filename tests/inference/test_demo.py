from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from fakelocator_zoo.inference.demo import PART_ELLIPSES, DemoResult, demo_photo, demo_sheet, repaint, run_demo, score
from fakelocator_zoo.inference.localizer import Localizer
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from tests.inference.stubs import StubModel, noise


class Darken(nn.Module):
    """A generator that can be foretold."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Half as bright."""
        return images / 2


@pytest.fixture(scope="module")
def result() -> DemoResult:
    return run_demo(Localizer(StubModel(), device="cpu"), Darken(), "eyes")


@pytest.mark.parametrize("part", list(PART_ELLIPSES))
def test_repaint_changes_the_part_alone(part: str) -> None:
    photo = demo_photo()
    manipulated, mask = repaint(photo, part, Darken())
    assert manipulated.dtype == np.uint8
    assert mask.max() == 1
    changed = fakeness_map(photo, manipulated)
    assert not changed[mask == 0].any()
    assert changed[mask > 0.9].mean() > 0.05
    assert 100 < (mask > 0).sum() < mask.size / 10


def test_repaint_errors() -> None:
    with pytest.raises(ValueError, match="unknown part 'ear'"):
        repaint(demo_photo(), "ear", Darken())
    with pytest.raises(ValueError, match="no face was found"):
        repaint(noise(64, 64), "eyes", Darken())


def test_the_report_is_one_json_object(result: DemoResult) -> None:
    report = json.loads(json.dumps(result.as_dict()))
    assert list(report) == ["untouched", "manipulated", "scores", "face_scores"]
    assert report["manipulated"]["verdict"] == result.located.verdict
    assert list(report["scores"]) == ["located", "constant", "centred Gaussian", "high-pass"]
    assert report["scores"]["constant"]["pixel_auc"] == pytest.approx(0.5)


def test_the_sheet_shows_the_face_five_times(result: DemoResult) -> None:
    sheet = demo_sheet(result)
    assert sheet.shape[0] == 384 + 36 + 8
    assert sheet.shape[1] > 5 * 250


def test_the_true_map_scores_best() -> None:
    image, mask = noise(40, 40), np.zeros((40, 40), np.float32)
    mask[10:20, 5:30] = 1
    scores = score(mask, image, mask, mask)
    assert scores["located"] == pytest.approx((1, 1))
    assert max(scores, key=lambda name: scores[name]) == "located"
