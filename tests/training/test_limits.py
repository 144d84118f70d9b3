from __future__ import annotations

import numpy as np
import pytest
import torch

from fakelocator_zoo.training import limits
from fakelocator_zoo.training.limits import QUALITIES, SIDES, fit_limits, image_auc
from fakelocator_zoo.training.validation import PHOTOS, ValidationImage
from fakelocator_zoo.transforms.degradations import jpeg


def images() -> list[ValidationImage]:
    """Fakes of one generator, which are dark, and bright photos."""
    shades = np.random.default_rng(0).integers(0, 60, (12, 1, 1, 3), dtype=np.uint8)
    flat = np.broadcast_to(shades, (12, 200, 200, 3))
    return [
        ValidationImage("gan" if i < 6 else PHOTOS, flat[i] if i < 6 else 255 - flat[i], None, None, int(i < 6))
        for i in range(12)
    ]


def darkness(model, smallest: int = 0):
    """The model decides by darkness, and by nothing in images smaller than ``smallest`` pixels."""

    def forward(batch, attention=None):
        fake = 10 * (0.5 - batch.mean(dim=(1, 2, 3))) * (batch.shape[-1] >= smallest)
        output = type(model).forward(model, batch, attention)
        return output._replace(logits=torch.stack([-fake, fake], dim=1))

    model.forward = forward
    return model


@torch.no_grad()
def test_a_model_that_never_guesses_has_the_widest_limits(tiny_model):
    assert fit_limits(darkness(tiny_model), images()) == {
        "smallest_face": SIDES[-1],
        "lowest_jpeg_quality": QUALITIES[-1],
    }


@pytest.mark.parametrize(("smallest", "expected"), [(90, 96), (64, 64), (193, 192)])
@torch.no_grad()
def test_the_smallest_size_at_which_it_does_not_guess(tiny_model, smallest, expected):
    assert fit_limits(darkness(tiny_model, smallest), images())["smallest_face"] == expected


@torch.no_grad()
def test_the_lowest_quality_at_which_it_does_not_guess(tiny_model, monkeypatch):
    def too_much_below_60(image, quality):
        return jpeg(image, quality) if quality >= 60 else np.full_like(image, 128)

    monkeypatch.setattr(limits, "jpeg", too_much_below_60)
    assert fit_limits(darkness(tiny_model), images())["lowest_jpeg_quality"] == 60


@torch.no_grad()
def test_a_small_image_is_cut_out_around_its_fake_region(tiny_model):
    """A dark corner in bright images: too little of the whole to decide by, and all of a cut of its size."""
    made = []
    for number, item in enumerate(images()):
        image, mask = np.full((200, 200, 3), 250 - number, np.uint8), np.zeros((200, 200), np.float32)
        if item.label:
            image[:40, 160:] = 10
            mask[:40, 160:] = 1
        made.append(item._replace(image=image, mask=mask if item.label else None))
    seen = []
    decide = darkness(tiny_model).forward
    tiny_model.forward = lambda batch: seen.append(batch) or decide(batch)
    fit_limits(tiny_model, made)
    small = torch.cat([batch for batch in seen if batch.shape[-1] == 32])
    dark = small.mean(dim=(1, 2, 3)) < 0.1
    assert dark.sum() == 6 and (small[dark] < 0.1).all()


@torch.no_grad()
def test_photos_stand_against_each_generator(tiny_model):
    assert image_auc(darkness(tiny_model), images()) == 1
    assert image_auc(darkness(tiny_model), images(), lambda image: 255 - image) == 0
