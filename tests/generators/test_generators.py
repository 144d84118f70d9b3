"""Generators re-synthesise images; the bank trains, keeps and reads them; regions are painted by them."""

import itertools

import numpy as np
import pytest
import torch
from kornia.filters import gaussian_blur2d
from PIL import Image

from fakelocator_zoo.evaluation.metrics import centred_gaussian_map, pixel_auc
from fakelocator_zoo.generators import synthesis
from fakelocator_zoo.generators.adversarial import train_generator
from fakelocator_zoo.generators.bank import BANK, bank_folders, load_generator, train_bank
from fakelocator_zoo.generators.network import Generator, noisy_decoder
from fakelocator_zoo.generators.synthesis import make_fakes
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from fakelocator_zoo.transforms.regions import SHAPES, off_centre_mask, random_masks, soften


@pytest.mark.parametrize("name", BANK)
def test_every_generator_of_the_bank_keeps_size_and_range(name):
    generator = Generator(**BANK[name]).eval()
    images = torch.rand(2, 3, 25, 34)
    out = generator(images)
    assert out.shape == images.shape and out.min() >= 0 and out.max() <= 1


def test_the_bank_has_every_upsampling_kind():
    kinds = {"transposed", "transposed3", "transposed2", "nearest", "bilinear", "pixel_shuffle"}
    assert {options["upsampling"] for options in BANK.values()} == kinds


def test_unknown_kinds_are_told():
    with pytest.raises(ValueError, match="'cubic' is none of transposed"):
        Generator(upsampling="cubic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="norm"):
        Generator(norm="layer")  # type: ignore[arg-type]


def test_training_brings_a_generator_closer_to_photos():
    torch.manual_seed(0)
    crops = torch.rand(8, 3, 4, 4).repeat_interleave(4, -1).repeat_interleave(4, -2)
    generator = Generator("nearest", levels=1, width=8)
    before = (generator(crops) - crops).abs().mean().item()
    figures = train_generator(generator, itertools.repeat(crops), steps=60)
    assert figures["l1"] < 0.7 * before and figures["sharpness"] > 0
    assert not generator.training


def test_a_loaded_generator_is_the_saved_one_and_takes_no_gradients(tmp_path):
    generator = Generator("pixel_shuffle", levels=2, norm="batch").eval()
    loaded = load_generator(generator.save_pretrained(tmp_path / "g"))
    images = torch.rand(1, 3, 16, 16)
    assert loaded.config == generator.config and torch.equal(loaded(images), generator(images))
    assert not loaded(images).requires_grad


def test_a_bank_is_trained_once(tmp_path):
    Image.effect_noise((64, 64), 60).convert("RGB").save(tmp_path / "photo.png")
    trained: list[str] = []
    options = {"names": ["nearest-l1"], "steps": 2, "report": lambda name, _: trained.append(name)}
    for _ in range(2):
        generators = train_bank([tmp_path / "photo.png"], tmp_path / "bank", **options)
    assert trained == ["nearest-l1"] == list(generators)
    assert [folder.name for folder in bank_folders(tmp_path / "bank")] == trained
    with pytest.raises(FileNotFoundError, match="fakelocator bank"):
        bank_folders(tmp_path)
    with pytest.raises(ValueError, match="unknown generators nope"):
        train_bank([tmp_path / "photo.png"], tmp_path / "bank", names=["nope"])


@pytest.mark.parametrize("shape", SHAPES)
def test_regions_are_soft_masks_of_their_own(shape):
    masks = random_masks(6, 40, 56, shapes=(shape,), generator=torch.Generator().manual_seed(1))
    assert masks.shape == (6, 1, 40, 56) and masks.min() >= 0 and masks.max() <= 1
    if shape == "whole":
        assert torch.allclose(masks, torch.ones_like(masks))
    else:
        assert all(0 < mask.mean() < 1 for mask in masks)
        assert len({round(mask.mean().item(), 4) for mask in masks}) > 1


def test_regions_are_not_centred():
    masks = random_masks(400, 32, 32, shapes=("blob", "ellipse", "box"), generator=torch.Generator().manual_seed(0))
    share = masks.mean(dim=0)[0]
    corner = torch.stack([share[:8, :8], share[:8, -8:], share[-8:, :8], share[-8:, -8:]]).mean()
    assert corner > 0.35 * share[12:20, 12:20].mean(), "corners are painted too, or position would be learnt"


@pytest.mark.parametrize("size", [(128, 128), (40, 56), (150, 100)])
def test_who_guesses_the_centre_finds_no_off_centre_mask(size):
    masks = [off_centre_mask(*size, seed).numpy() for seed in range(60)]
    assert all(mask.shape == size and mask.min() >= 0 and mask.max() <= 1 for mask in masks)
    assert all(0.03 <= (mask > 0.5).mean() <= 0.35 for mask in masks)
    gaussian = centred_gaussian_map(*size)
    assert max(pixel_auc(gaussian, mask > 0.5) for mask in masks) <= 0.5
    share = np.mean([mask > 0.5 for mask in masks], axis=0)
    quarters = [each.mean() for rows in np.array_split(share, 2) for each in np.array_split(rows, 2, axis=1)]
    assert min(quarters) > 0.05, "no side is left out"


def test_an_off_centre_mask_depends_on_its_seed_alone():
    assert torch.equal(off_centre_mask(64, 64, 5), off_centre_mask(64, 64, 5))
    assert not torch.equal(off_centre_mask(64, 64, 5), off_centre_mask(64, 64, 6))
    large = off_centre_mask(128, 128, 5)[None, None]
    assert (torch.nn.functional.avg_pool2d(large, 2)[0, 0] - off_centre_mask(64, 64, 5)).abs().mean() < 0.05


def test_soften_keeps_a_full_mask_full():
    assert torch.allclose(soften(torch.ones(1, 1, 9, 9), 2.0), torch.ones(1, 1, 9, 9))


def test_fakes_differ_only_inside_the_mask_and_the_label_is_their_difference():
    torch.manual_seed(0)
    real = (torch.rand(8, 3, 48, 48) * 255).round() / 255
    fakes = make_fakes(real, [Generator("transposed", 2, 8).eval(), Generator("bilinear", 1, 8).eval()])
    outside = (fakes.mask == 0).expand_as(real)
    assert bool(outside.any()) and torch.allclose(fakes.fake[outside], real[outside], atol=1e-6)
    assert torch.equal(fakes.fakeness_map, fakeness_map(real, fakes.fake))
    assert torch.allclose(fakes.fake * 255, (fakes.fake * 255).round(), atol=1e-3), "8 bits, as a saved image"


def test_the_same_chance_makes_the_same_fakes():
    real = torch.rand(4, 3, 32, 32)
    generators = [Generator("nearest", 1, 8).eval()]
    one, two = (make_fakes(real, generators, random=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one.fake, two.fake) and torch.equal(one.mask, two.mask)


def test_fakes_of_given_regions() -> None:
    real = torch.rand(3, 3, 32, 32)
    masks = torch.zeros(3, 1, 32, 32)
    masks[..., 8:24] = 1
    made = make_fakes(real, [Generator("nearest", 1, 8).eval()], masks=masks)
    assert torch.equal(made.mask, masks)
    changed = (made.fake - real).abs() > 1 / 255
    assert changed[..., 8:24].any() and not changed[..., :8].any() and not changed[..., 24:].any()
    with pytest.raises(ValueError, match=r"masks must be \(3, 1, 32, 32\)"):
        make_fakes(real, [Generator("nearest", 1, 8).eval()], masks=masks[:1])


def test_noise_on_the_weights_makes_another_decoder_and_passes() -> None:
    generator = Generator("transposed", 2, 8, norm="batch").eval()
    images = torch.rand(1, 3, 16, 16)
    before, weights = generator(images), {name: value.clone() for name, value in generator.state_dict().items()}
    with noisy_decoder(generator, 0.4, torch.Generator().manual_seed(0)):
        noisy = generator(images)
        encoded = generator.down.state_dict()
    assert not torch.allclose(noisy, before, atol=1e-3)
    assert all(torch.equal(encoded[name], weights[f"down.{name}"]) for name in encoded), "the encoder stays"
    with noisy_decoder(generator, 0.0):
        assert torch.equal(generator(images), before)
    assert all(torch.equal(value, weights[name]) for name, value in generator.state_dict().items())


def test_noisy_decoders_paint_more_kinds_of_fakes() -> None:
    torch.manual_seed(0)
    generator = Generator("nearest", 1, 8).eval()
    real = torch.rand(1, 3, 16, 16).expand(12, -1, -1, -1).contiguous()
    alike = {"other_content": 0.0, "other_colour": 0.0, "latent_edit": 0.0, "refilter": 0.0, "residual": 0.0}
    whole = torch.ones(12, 1, 16, 16)
    kinds = [
        len(make_fakes(real, [generator], masks=whole, groups=12, weight_noise=chance, **alike).fake.unique(dim=0))
        for chance in (0.0, 1.0)
    ]
    assert kinds[0] <= 4, "one photo, one decoder, four places where its grid may start"
    assert kinds[1] == 12


ALIKE = {"other_content": 0.0, "other_colour": 0.0, "latent_edit": 0.0, "refilter": 0.0, "residual": 0.0}


def painted_whole(**chances: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Twelve noisy photos, and each painted over by a generator of its own draw."""
    torch.manual_seed(0)
    bank = [Generator("nearest", 1, 8).eval()]
    real = torch.rand(12, 3, 32, 32)
    made = make_fakes(real, bank, masks=torch.ones(12, 1, 32, 32), groups=12, **{**ALIKE, **chances})
    return real, made.fake


def test_faint_fakes_are_a_share_of_the_change() -> None:
    real, whole = painted_whole()
    _, faint = painted_whole(faint=1.0)
    share = ((faint - real) * (whole - real)).sum(dim=(1, 2, 3)) / (whole - real).square().sum(dim=(1, 2, 3))
    assert share.min() > 0.2 and share.max() < 1.05 and share.std() > 0.1


def test_fakes_have_less_or_more_detail_than_their_photo(monkeypatch) -> None:
    """A decoder that paints half of the photo's detail alone gives fakes on either side of the photo."""

    def detail(images: torch.Tensor) -> torch.Tensor:
        return (images - gaussian_blur2d(images, (7, 7), (1.0, 1.0))).square().mean(dim=(1, 2, 3)).sqrt()

    def smooth(generator, real, *rest) -> torch.Tensor:
        return torch.lerp(gaussian_blur2d(real, (7, 7), (1.0, 1.0)), real, 0.5)

    monkeypatch.setattr(synthesis, "_paint", smooth)
    torch.manual_seed(0)
    real, whole = 0.5 + 0.05 * torch.randn(24, 3, 32, 32), torch.ones(24, 1, 32, 32)
    plain, changed = (make_fakes(real, [None], masks=whole, sharpness=chance, **ALIKE).fake for chance in (0.0, 1.0))
    assert (detail(plain) < 0.8 * detail(real)).all()
    ratio = detail(changed) / detail(real)
    assert (ratio < 0.9).sum() > 4 and (ratio > 1.1).sum() > 4
    torch.testing.assert_close(changed.mean(), plain.mean(), atol=0.01, rtol=0)  # brightness stays


def test_two_generators_paint_what_lies_between_theirs(monkeypatch) -> None:
    monkeypatch.setattr(synthesis, "_paint", lambda shade, real, *rest: torch.full_like(real, shade))
    real, whole = torch.rand(40, 3, 4, 4), torch.ones(40, 1, 4, 4)
    for chance, between in ((0.0, 0), (1.0, 10)):
        torch.manual_seed(0)
        shades = make_fakes(real, [0.0, 1.0], masks=whole, groups=40, two_generators=chance, **ALIKE).fake[:, 0, 0, 0]
        assert ((shades > 0) & (shades < 1)).sum() >= between
        assert chance or set(shades.tolist()) == {0.0, 1.0}


def test_two_generators_paint_a_content_each(monkeypatch) -> None:
    monkeypatch.setattr(synthesis, "_paint", lambda generator, real, content, *rest: content)
    torch.manual_seed(0)
    shades = torch.tensor([0.0, 1.0]).repeat(20).view(40, 1, 1, 1)  # each photo's neighbour is of the other shade
    chances = {**ALIKE, "other_content": 0.5}
    for chance in (0.0, 1.0):
        fakes = make_fakes(
            shades.expand(-1, 3, 4, 4), [None], masks=torch.ones(40, 1, 4, 4), two_generators=chance, **chances
        ).fake[:, 0, 0, 0]
        between = ((fakes > 0) & (fakes < 1)).sum()
        assert between > 8 if chance else between == 0
