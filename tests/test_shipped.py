"""What is in the wheel does what the README says: the default model finds what the demo's generator painted."""

import numpy as np
import pytest
import timm
import torch

import fakelocator_zoo as fz
from fakelocator_zoo.generators.bank import load_generator
from fakelocator_zoo.hub import find_bundled
from fakelocator_zoo.inference.demo import DemoResult, demo_photo, repaint, run_demo
from fakelocator_zoo.inference.localizer import Localizer
from fakelocator_zoo.zoo.models import DEFAULT_MODEL, list_models, model_table

PARTS = ("eyes", "mouth", "hair")
WHOLE = "face"  # what `fakelocator demo` repaints


@pytest.fixture(scope="module")
def demos() -> dict[str, DemoResult]:
    localizer = Localizer(DEFAULT_MODEL, device="cpu")
    generator = load_generator("generator_demo.open")
    return {part: run_demo(localizer, generator, part) for part in (*PARTS, WHOLE)}


@pytest.mark.parametrize("part", PARTS)
def test_the_located_map_beats_the_trivial_ones(demos, part):
    scores = demos[part].scores
    coss, auc = scores["located"]
    for trivial in ("constant", "centred Gaussian", "high-pass"):
        assert coss > scores[trivial][0] + 0.05, trivial
        assert auc > scores[trivial][1] + 0.05, trivial


@pytest.mark.parametrize("part", PARTS)
def test_the_painted_part_is_the_brightest(demos, part):
    result = demos[part]
    painted = result.true_map > 0.01
    left, top, right, bottom = result.face
    inside = np.zeros_like(painted)
    inside[top:bottom, left:right] = True
    located = result.located.fakeness_map
    assert located[painted].mean() > 1.25 * located[inside & ~painted].mean()


def test_the_untouched_portrait_is_called_real_and_the_repainted_one_fake(demos):
    assert (demos[WHOLE].untouched.verdict, demos[WHOLE].located.verdict) == ("real", "fake")


def test_repainting_leaves_the_rest_alone():
    generator = load_generator("generator_demo.open")
    photo = demo_photo()
    manipulated, mask = repaint(photo, "mouth", generator)
    assert np.array_equal(manipulated[mask == 0], photo[mask == 0])
    assert not np.array_equal(manipulated[mask > 0.5], photo[mask > 0.5])


@torch.no_grad()
@pytest.mark.parametrize("name", list_models())
def test_every_model_is_whole_and_timm_gives_its_decision(name):
    model = fz.from_pretrained(name)
    for size in ((97, 131), (256, 256)):
        output = model(torch.rand(1, 3, *size))
        assert output.fakeness_map.shape == (1, 1, *size) and output.logits.isfinite().all()
    images = torch.rand(1, 3, 128, 128)
    detector = timm.create_model(name, pretrained=True).eval()
    torch.testing.assert_close(detector(images), model(images).logits, atol=1e-4, rtol=1e-3)
    assert all((find_bundled(name) / filename).is_file() for filename in ("README.md", "recipe.yaml"))
    row = next(row for row in model_table() if row["name"] == name)
    assert row["license"] != "unknown" and row["trained_on"] and row["description"] and row["megabytes"] < 60
