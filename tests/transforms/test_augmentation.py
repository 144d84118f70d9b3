"""Partial data augmentation: real images change, each in its own way, and no fake pixel ever does."""

import pytest
import torch
from kornia import augmentation as K

from fakelocator_zoo.transforms.augmentation import PartialAugmentation, SharedDegradation, real_augmentation


@pytest.fixture
def images() -> torch.Tensor:
    torch.manual_seed(0)
    return (torch.rand(8, 3, 32, 32) * 255).round() / 255


def test_no_fake_pixel_changes_in_many_draws(images):
    label = torch.tensor([0, 1, 0, 1, 1, 0, 1, 0])
    augment = PartialAugmentation().train()
    changed = torch.zeros(8)
    for _ in range(25):
        out = augment(images, label)
        assert torch.equal(out[label == 1], images[label == 1])
        changed += (out != images).flatten(1).any(dim=1)
    assert bool((changed[label == 0] > 0).all()), "every real image is changed sooner or later"


def test_each_real_image_has_its_own_parameters(images):
    same = images[:1].expand(8, -1, -1, -1)
    out = PartialAugmentation().train()(same, torch.zeros(8, dtype=torch.long))
    assert len({tuple(image.flatten()[:50].tolist()) for image in out}) > 2


def test_augmented_images_are_saved_photos(images):
    for _ in range(5):
        out = PartialAugmentation().train()(images, torch.zeros(8, dtype=torch.long))
        assert out.shape == images.shape and out.min() >= 0 and out.max() <= 1
        assert torch.allclose(out * 255, (out * 255).round(), atol=1e-3)


def test_the_batch_given_is_not_written_to(images):
    before = images.clone()
    PartialAugmentation().train()(images, torch.zeros(8, dtype=torch.long))
    assert torch.equal(images, before)


def test_eval_mode_changes_nothing(images):
    assert PartialAugmentation().eval()(images, torch.zeros(8, dtype=torch.long)) is images


def test_a_batch_of_fakes_alone(images):
    assert torch.equal(PartialAugmentation().train()(images, torch.ones(8, dtype=torch.long)), images)


def test_own_augmentation_is_used(images):
    class Invert(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 1 - x

    label = torch.tensor([0, 1] * 4)
    out = PartialAugmentation(Invert(), regional=0.0, spliced=0.0).train()(images, label)
    assert torch.allclose(out[::2], 1 - images[::2], atol=1e-6) and torch.equal(out[1::2], images[1::2])


def test_a_change_may_stay_inside_a_region(images):
    class Black(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(x)

    augment = PartialAugmentation(Black(), regional=1.0, spliced=0.0).train()
    out = augment(images.clamp(min=0.1), torch.zeros(8, dtype=torch.long))
    black = (out == 0).all(dim=1).flatten(1).float().mean(dim=1)
    assert bool((black > 0).any()) and bool((black < 1).all())


def test_regions_may_show_another_real_image_but_never_a_fake(images):
    levels = torch.linspace(0, 1, 8).view(8, 1, 1, 1).expand(8, 3, 32, 32)
    label = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    out = PartialAugmentation(torch.nn.Identity(), regional=0.0, spliced=1.0).train()(levels, label)
    assert bool((out[:4].flatten(1).std(dim=1) > 0).any())
    assert out[:4].max() <= levels[3].max() + 1 / 255


def test_a_share_of_the_real_images_is_augmented(images):
    torch.manual_seed(0)
    augment = PartialAugmentation(K.RandomInvert(p=1.0), regional=0.0, spliced=0.0).train()
    many = images.repeat(25, 1, 1, 1)
    label = torch.zeros(len(many), dtype=torch.long)
    changed = (augment(many, label, 0.25) != many).flatten(1).any(dim=1).float().mean()
    assert 0.15 < changed < 0.35
    assert torch.equal(augment(many, label, 0.0), many)


def test_bad_arguments(images):
    with pytest.raises(ValueError, match=r"label must be \(8,\)"):
        PartialAugmentation().train()(images, torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="strength"):
        real_augmentation(2.0)


def test_shared_degradation_changes_any_image_and_keeps_maps_beside_it():
    torch.manual_seed(0)
    degrade = SharedDegradation(1.0).train()
    images, maps = torch.rand(4, 3, 64, 48), torch.zeros(4, 2, 64, 48)
    maps[:, 0, :, :24] = 1
    sizes = set()
    for _ in range(30):
        seen, beside = degrade(images, maps)
        sizes.add(tuple(seen.shape[-2:]))
        assert beside.shape == (4, 2, *seen.shape[-2:])
        assert float(seen.min()) >= 0 and float(seen.max()) <= 1
        assert torch.allclose(seen * 255, (seen * 255).round(), atol=1e-3), "as 8 bits hold them"
        assert abs(float(beside[:, 0].mean()) - 0.5) < 0.02 and float(beside[:, 1].max()) == 0
    assert (64, 48) in sizes and len(sizes) > 5
    assert all(32 <= height <= 64 and width % 2 == 0 for height, width in sizes)


def test_without_share_or_in_eval_mode_nothing_is_degraded():
    images, maps = torch.rand(2, 3, 32, 32), torch.rand(2, 1, 32, 32)
    assert SharedDegradation(1.0).train()(images, maps, 0.0)[0] is images
    for degrade in (SharedDegradation(0.0).train(), SharedDegradation(1.0).eval()):
        same, beside = degrade(images, maps)
        assert same is images and beside is maps
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        SharedDegradation(2.0)
