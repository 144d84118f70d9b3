from __future__ import annotations

import copy
import inspect
import pickle

import pytest
import torch

from fakelocator_zoo import FakeLocator, FakeLocatorOutput
from fakelocator_zoo.models.heads import amount_of_area, painted_if_fake

CHANNELS = (32, 16, 16, 8, 8)
FAMILIES = [
    "resnet18",
    "efficientnet-b0",
    "mobilenet_v2",
    "mit_b0",
    "densenet121",
    "mobileone_s0",
    "tu-mobilenetv3_small_050",
    "tu-mobilenetv4_conv_small",
    "tu-convnext_atto",
    "tu-regnety_002",
    "tu-legacy_xception",
    "tu-swin_tiny_patch4_window7_224",
    "tu-fastvit_t8",
    "tu-hgnetv2_b0",
    "tu-efficientnet_lite0",
    "tu-edgenext_xx_small",
    "tu-pvt_v2_b0",
    "tu-ghostnet_050",
    "tu-test_resnet",
    "tu-test_convnext",
    "tu-test_efficientnet",
]


def tiny(encoder: str = "tu-test_resnet", **options) -> FakeLocator:
    return FakeLocator(encoder, encoder_weights=None, **{"decoder_channels": CHANNELS, **options}).eval()


@torch.no_grad()
@pytest.mark.parametrize("encoder", FAMILIES)
def test_encoder_family(encoder):
    model = tiny(encoder)
    images = torch.rand(2, 3, 97, 131)
    output = model(images)
    assert isinstance(output, FakeLocatorOutput)
    assert output.fakeness_map.shape == output.texture_map.shape == (2, 1, 97, 131)
    assert output.fakeness_map.min() >= 0 and output.fakeness_map.max() <= 1
    assert output.logits.shape == (2, 2) and output.logits.isfinite().all()
    assert output.attention is None
    assert model.encode(images).shape == (2, model.encoder.out_channels[-1])
    torch.testing.assert_close(model.classify(images), output.logits)


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (8, 300), (2, 3), (160, 96)])
@pytest.mark.parametrize("stem", [32, None])
def test_any_size(size, stem):
    output = tiny(texture_stem=stem)(torch.rand(1, 3, *size))
    assert output.fakeness_map.shape == (1, 1, *size)
    assert output.fakeness_map.isfinite().all() and output.logits.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("upsampling", ["transposed", "nearest", "bilinear", "pixel_shuffle"])
@pytest.mark.parametrize("depth", [3, 4, 5])
def test_upsampling_and_depth(upsampling, depth):
    model = tiny(decoder_upsampling=upsampling, encoder_depth=depth, decoder_channels=CHANNELS[:depth])
    assert model(torch.rand(1, 3, 50, 70)).fakeness_map.shape == (1, 1, 50, 70)


@torch.no_grad()
def test_without_texture_stem():
    output = tiny(texture_stem=None)(torch.rand(1, 3, 64, 64))
    assert output.texture_map is None


def test_new_model_starts_with_a_nearly_empty_map(tiny_model):
    fresh = tiny()
    with torch.no_grad():
        assert fresh(torch.rand(2, 3, 64, 64)).fakeness_map.mean() < 0.2


@torch.no_grad()
def test_images_of_a_batch_do_not_touch_each_other(tiny_model):
    images = torch.rand(3, 3, 64, 64)
    together = tiny_model(images)
    alone = tiny_model(images[1:2])
    torch.testing.assert_close(together.fakeness_map[1:2], alone.fakeness_map, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.logits[1:2], alone.logits, atol=1e-5, rtol=1e-4)


def test_every_parameter_learns(tiny_model):
    tiny_model.train()
    output = tiny_model(torch.rand(2, 3, 64, 64))
    (output.fakeness_map.mean() + output.logits.sum() + output.texture_map.mean()).backward()
    without = [name for name, value in tiny_model.named_parameters() if value.grad is None]
    assert not without


def test_predict_keeps_the_training_mode(tiny_model):
    images = torch.rand(1, 3, 64, 64)
    tiny_model.train()
    output = tiny_model.predict(images)
    assert tiny_model.training and not output.logits.requires_grad
    tiny_model.eval()
    torch.testing.assert_close(output.logits, tiny_model(images).logits)


@pytest.mark.parametrize(
    ("encoder", "close"),
    [("tu-vit_tiny_patch16_224", "tu-fastvit_t8"), ("tu-deit_tiny_patch16_224", "tu-swin_tiny_patch4_window7_224")],
)
def test_plain_transformer_names_a_close_encoder(encoder, close):
    with pytest.raises(ValueError, match=f"no feature pyramid.*{close}"):
        tiny(encoder)


def test_encoder_of_one_image_size():
    with pytest.raises(ValueError, match="one image size.*tu-convnext_atto"):
        tiny("tu-maxvit_rmlp_pico_rw_256")


@pytest.mark.parametrize(
    ("encoder", "hint"),
    [("resnet17", "resnet1"), ("tu-test_resnt", "tu-test_resnet"), ("convnext_atto", "use 'tu-convnext_atto'")],
)
def test_unknown_encoder_suggests(encoder, hint):
    with pytest.raises(ValueError, match=hint):
        tiny(encoder)


@pytest.mark.parametrize("typo", ["decoder_chanels", "texture_steam", "encoder_wieghts"])
def test_typo_raises(typo):
    with pytest.raises(TypeError, match=typo):
        tiny(**{typo: None})


def test_no_keyword_catch_all():
    kinds = {each.kind for each in inspect.signature(FakeLocator.__init__).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize(
    "options",
    [
        {"encoder_depth": 2},
        {"decoder_channels": (8, 8)},
        {"decoder_upsampling": "bicubic"},
        {"texture_stem": 3},
        {"in_channels": 4},
        {"classes": 2},
        {"attention_mode": "add"},
        {"attention_stages": (9,)},
        {"face_parser": torch.nn.Identity()},
    ],
)
def test_bad_option(options):
    with pytest.raises(ValueError, match=r"."):
        tiny(**options)


@pytest.mark.parametrize(
    "images", [torch.rand(3, 64, 64), torch.rand(1, 1, 64, 64), torch.zeros(1, 3, 64, 64, dtype=torch.uint8)]
)
def test_bad_images(tiny_model, images):
    with pytest.raises(ValueError, match=r"images must be float \(B, 3, H, W\)"):
        tiny_model(images)


@torch.no_grad()
def test_config_rebuilds(tiny_model):
    config = tiny_model.config
    assert config["encoder_weights"] is None
    again = FakeLocator(**config).eval()
    again.load_state_dict(tiny_model.state_dict())
    images = torch.rand(1, 3, 97, 131)
    assert torch.equal(again(images).fakeness_map, tiny_model(images).fakeness_map)


@torch.no_grad()
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_keep_their_attention(tiny_model, duplicate):
    attending = FakeLocator(**{**tiny_model.config, "attention_stages": [3]}).eval()
    attending.load_state_dict(tiny_model.state_dict())
    twin = duplicate(attending)
    images, attention = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 8, 8)
    assert torch.equal(twin(images, attention).change, attending(images, attention).change)
    assert not torch.equal(twin(images).change, twin(images, attention).change)


def test_the_map_is_whether_times_where_times_how_much(tiny_model):
    torch.manual_seed(0)
    output = tiny_model.predict(torch.rand(2, 3, 5, 7).repeat_interleave(8, dim=2).repeat_interleave(8, dim=3))
    assert output.texture_map.mean() > 0.01
    fake = output.logits.softmax(dim=1)[:, 1].view(2, 1, 1, 1)
    painted = painted_if_fake(output.texture_map)
    torch.testing.assert_close(output.fakeness_map, (2 * fake).clamp(max=1) * painted * output.change)


@torch.no_grad()
def test_the_decision_darkens_a_map_and_orders_nothing_anew(tiny_model):
    images = torch.rand(1, 3, 40, 56)
    deciding = copy.deepcopy(tiny_model)
    head = deciding.classification_head.linear
    head.weight.zero_()
    maps = {}
    for margin in (-4.0, -1.0, 0.0, 4.0):
        head.bias.copy_(torch.tensor([0, margin]))
        maps[margin] = deciding.predict(images).fakeness_map
    assert torch.equal(maps[4.0], maps[0.0]), "an image that is called fake keeps its map"
    for margin in (-4.0, -1.0):
        share = 2 * torch.tensor(margin).sigmoid()
        torch.testing.assert_close(maps[margin], share * maps[0.0])


def test_without_a_stem_the_map_is_the_change_alone():
    model = FakeLocator("tu-test_resnet", encoder_weights=None, texture_stem=None)
    output = model.predict(torch.rand(1, 3, 40, 56))
    assert output.texture_map is None and torch.equal(output.fakeness_map, output.change)


def test_the_decision_beside_a_stem_costs_no_encoder(monkeypatch) -> None:
    model, images = tiny(), torch.rand(1, 3, 40, 50)
    expected = model.predict(images).logits
    monkeypatch.setattr(model.encoder, "forward", lambda x: pytest.fail("the encoder ran"))
    with torch.no_grad():
        torch.testing.assert_close(model.classify(images), expected)


@torch.no_grad()
def test_amounts_are_those_of_an_area() -> None:
    flat = torch.full((1, 3, 256, 256), 0.5)
    constant = torch.full((1, 1, 40, 64), 0.3)
    torch.testing.assert_close(amount_of_area(constant, flat[..., :40, :64]), constant)
    spot = torch.zeros(1, 1, 256, 256)
    spot[..., 128, 128] = 1
    spread = amount_of_area(spot, flat)
    assert spread.sum() == pytest.approx(1, abs=1e-4), "what is not at an edge is moved, not lost"
    assert spread.max() < 2 / 88**2 and not spread[..., :60, :].any()


@torch.no_grad()
def test_the_amount_of_an_area_is_shared_out_as_its_contrast_is() -> None:
    image = torch.full((1, 3, 128, 128), 0.5)
    image[..., 40:88, 64:] += 0.4 * (torch.rand(1, 1, 48, 64) - 0.5)
    change = torch.full((1, 1, 128, 128), 0.1)
    amount = amount_of_area(change, image)
    assert amount[..., 50:78, 74:118].mean() > 1.3 * amount[..., 50:78, 10:50].mean()
    assert amount.mean() == pytest.approx(0.1, rel=0.2)
    assert amount_of_area(torch.ones_like(change), image).max() <= 1
