"""The label is the mean over channels of |real - fake|, whatever the two come as."""

import numpy as np
import pytest
import torch
from PIL import Image

from fakelocator_zoo.transforms.fakeness_map import fakeness_map


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return tuple(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8) for _ in range(2))


def test_known_values():
    real = np.zeros((1, 2, 3), np.uint8)
    fake = np.array([[[255, 255, 255], [51, 0, 0]]], np.uint8)
    np.testing.assert_allclose(fakeness_map(real, fake), [[1.0, 0.2 / 3]], rtol=1e-6)


def test_arrays_tensors_and_files_agree(pair, tmp_path):
    real, fake = pair
    expected = np.abs(real.astype(float) - fake.astype(float)).mean(axis=-1) / 255
    np.testing.assert_allclose(fakeness_map(real, fake), expected, atol=1e-6)
    np.testing.assert_allclose(fakeness_map(real / 255, fake / 255), expected, atol=1e-6)
    tensors = [torch.from_numpy(image).permute(2, 0, 1)[None] for image in pair]
    np.testing.assert_allclose(fakeness_map(*tensors)[0, 0].numpy(), expected, atol=1e-6)
    for name, image in zip(("real.png", "fake.png"), pair, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    np.testing.assert_allclose(fakeness_map(tmp_path / "real.png", tmp_path / "fake.png"), expected, atol=1e-6)


def test_identical_images_have_an_empty_map(pair):
    assert fakeness_map(pair[0], pair[0]).max() == 0


def test_gradients_reach_the_fake():
    fake = torch.rand(1, 3, 4, 4, requires_grad=True)
    fakeness_map(torch.zeros(1, 3, 4, 4), fake).sum().backward()
    assert fake.grad is not None and bool((fake.grad > 0).all())


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8), "one size"),
        (torch.zeros(3, 2, 2), torch.zeros(3, 2, 3), "one size"),
        (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3)), "one dtype"),
        (np.full((2, 2, 3), 200.0), np.zeros((2, 2, 3)), r"\[0, 1\]"),
        (np.zeros((2, 2, 3), int), np.zeros((2, 2, 3), int), "uint8 or float"),
        (torch.zeros(2, 2), torch.zeros(2, 2), "C, H, W"),
    ],
)
def test_bad_pairs_are_told(real, fake, message):
    with pytest.raises(ValueError, match=message):
        fakeness_map(real, fake)


def test_files_of_two_sizes_are_named(tmp_path):
    Image.new("RGB", (4, 3)).save(tmp_path / "real.png")
    Image.new("RGB", (3, 4)).save(tmp_path / "fake.png")
    with pytest.raises(ValueError, match=r"real\.png is 4 x 3 .*fake\.png is 3 x 4"):
        fakeness_map(tmp_path / "real.png", tmp_path / "fake.png")


def test_mixed_kinds_are_a_type_error():
    with pytest.raises(TypeError, match="ndarray and Tensor"):
        fakeness_map(np.zeros((2, 2, 3), np.uint8), torch.zeros(3, 2, 2))
