"""After calibration few real photos reach 0.5, at any size, and the order of photos is as before."""

import numpy as np
import pytest
import torch
from PIL import Image

from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.calibration import calibrate_decision


def test_real_photos_stay_below_a_half(tmp_path):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    model = FakeLocator("tu-test_resnet", encoder_weights=None, decoder_channels=(8, 8, 8, 8, 8)).eval()
    with torch.no_grad():
        model.classification_head.linear.bias += torch.tensor([-4.0, 4.0])
    images = torch.rand(5, 3, 64, 64)
    before = model.classify(images).diff(dim=1)[:, 0]
    shift = calibrate_decision(model, paths, sides=(32, 64))
    after = model.classify(images).diff(dim=1)[:, 0]
    assert shift > 6 and (after < before).all()
    assert torch.equal(after.argsort(), before.argsort())
    assert abs(calibrate_decision(model, paths, sides=(32, 64))) < 1e-3, "nothing is left to do"


def test_changed_photos_ask_for_a_more_cautious_head_and_leave_chance_alone(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    shifts = []
    for strength in (0.0, 1.0, 1.0):
        torch.manual_seed(0)
        model = FakeLocator("tu-test_resnet", encoder_weights=None, decoder_channels=(8, 8, 8, 8, 8)).eval()
        state = torch.get_rng_state()
        shifts.append(calibrate_decision(model, [tmp_path / "photo.png"], sides=(32, 64), augmentation=strength))
        assert torch.equal(torch.get_rng_state(), state)
    assert shifts[0] != shifts[1] == shifts[2]


def test_a_head_that_is_too_cautious_is_made_more_eager(tmp_path):
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "photo.png")
    model = FakeLocator("tu-test_resnet", encoder_weights=None, decoder_channels=(8, 8, 8, 8, 8)).eval()
    with torch.no_grad():
        model.classification_head.linear.bias += torch.tensor([9.0, -9.0])
    assert calibrate_decision(model, [tmp_path / "photo.png"], sides=(64,)) < -10
    again = calibrate_decision(model, [tmp_path / "photo.png"], sides=(64,))
    assert again == pytest.approx(0, abs=1e-4)
