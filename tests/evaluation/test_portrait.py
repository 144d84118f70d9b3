from __future__ import annotations

import numpy as np
import torch
from torch import nn

from fakelocator_zoo.evaluation.portrait import PICTURE, PROCESSINGS, add_portrait, portrait_sheet
from fakelocator_zoo.hub.files import CARD
from fakelocator_zoo.images import read_image

HEIGHT, CAPTION, MARGIN = 64, 36, 8


class Darker(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * 0.5


def panels(sheet: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The pictures of the upper and of the lower row."""
    count = len(PROCESSINGS) + 1
    width = (sheet.shape[1] - MARGIN) // count
    rows = [sheet[top + CAPTION : top + CAPTION + HEIGHT] for top in (0, CAPTION + HEIGHT + MARGIN)]
    upper, lower = ([row[:, MARGIN + i * width : (i + 1) * width] for i in range(count)] for row in rows)
    return upper, lower


def test_the_portrait_and_its_map_after_each_processing(tiny_model):
    upper, lower = panels(portrait_sheet(tiny_model, Darker(), HEIGHT))
    assert np.array_equal(upper[0], upper[1]), "as it is"
    processed = upper[1:]
    assert all(not np.array_equal(one, other) for i, one in enumerate(processed) for other in processed[:i])
    assert lower[0].std() > 10, "the true map: bright where the generator painted, black elsewhere"
    assert len({each.shape for each in (*upper, *lower)}) == 1


def test_a_card_shows_it(tiny_model, tmp_path):
    folder = tiny_model.save_pretrained(tmp_path / "model")
    before = (folder / CARD).read_text()
    add_portrait(folder, tiny_model, Darker())
    card = (folder / CARD).read_text()
    assert card.startswith(before) and "## What it misses" in card and f"]({PICTURE})" in card
    assert read_image(folder / PICTURE).ndim == 3
