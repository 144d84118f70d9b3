from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.inference.demo import PARTS, demo_photo, demo_sheet, repaint, run_demo
from fakelocator_zoo.inference.localizer import Localizer
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from tests.inference.stubs import StubModel, noise


class Darken(nn.Module):
    """A generator that can be foretold."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Half as bright."""
        return images / 2


@pytest.mark.parametrize("part", list(PARTS))
def test_repaint_changes_the_part_alone(part: str) -> None:
    photo = demo_photo()
    manipulated, mask = repaint(photo, part, Darken())
    assert manipulated.dtype == np.uint8
    assert mask.max() == 1
    changed = fakeness_map(photo, manipulated)
    assert not changed[mask == 0].any()
    assert changed[mask > 0.9].mean() > 0.05
    assert 100 < (mask > 0).sum() < mask.size / 10


def test_repaint_with_a_real_generator_is_repeatable() -> None:
    torch.manual_seed(0)
    generator = Generator("nearest", levels=1, width=4).eval()
    first, second = (repaint(demo_photo(), "eyes", generator)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_repaint_errors() -> None:
    with pytest.raises(ValueError, match="unknown part 'ear'"):
        repaint(demo_photo(), "ear", Darken())
    with pytest.raises(ValueError, match="no face was found"):
        repaint(noise(64, 64), "eyes", Darken())


def test_run_demo(model: StubModel) -> None:
    result = run_demo(Localizer(model), Darken(), "eyes")
    assert list(result.scores) == ["located", "constant", "centred Gaussian", "high-pass"]
    assert result.scores["constant"][1] == pytest.approx(0.5)
    assert not result.untouched.whole_image
    sheet = demo_sheet(result)
    assert sheet.shape[0] == 384 + 36 + 8
    assert sheet.shape[1] > 5 * 300
