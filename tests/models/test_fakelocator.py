from __future__ import annotations

import copy
import inspect
import math
import pickle

import pytest
import torch

from fakelocator_zoo import FakeLocator, FakeLocatorOutput
from fakelocator_zoo.models.output import DenseOutput

CHANNELS = (16, 8, 8)
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
    return FakeLocator(encoder, **{"decoder_channels": CHANNELS, "texture_channels": 4, **options}).eval()


@torch.no_grad()
@pytest.mark.parametrize("encoder", FAMILIES)
def test_encoder_family(encoder):
    model = tiny(encoder)
    output = model(torch.rand(2, 3, 97, 131))
    assert isinstance(output, FakeLocatorOutput)
    for name in ("fakeness_map", "p_fake", "magnitude"):
        values = getattr(output, name)
        assert values.shape == (2, 1, 97, 131) and values.min() >= 0 and values.max() <= 1, name
    assert output.logits.shape == (2, 2) and output.logits.isfinite().all()
    assert output.attention is None and output.face_found is None


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (8, 300), (2, 3), (160, 96)])
@pytest.mark.parametrize("texture_channels", [4, None])
def test_any_size(size, texture_channels):
    output = tiny(texture_channels=texture_channels)(torch.rand(1, 3, *size))
    assert output.fakeness_map.shape == (1, 1, *size)
    assert output.fakeness_map.isfinite().all() and output.logits.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("upsampling", ["transposed", "nearest", "bilinear", "pixel_shuffle"])
@pytest.mark.parametrize("depth", [2, 3, 5])
def test_upsampling_and_depth(upsampling, depth):
    model = tiny(decoder_upsampling=upsampling, encoder_depth=depth, decoder_channels=(8,) * depth)
    assert model(torch.rand(1, 3, 50, 70)).fakeness_map.shape == (1, 1, 50, 70)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["residual", "rgb", "both"])
def test_input(kind):
    assert tiny(input=kind)(torch.rand(1, 3, 40, 48)).fakeness_map.shape == (1, 1, 40, 48)


@torch.no_grad()
def test_the_residual_does_not_see_brightness():
    """A residual is a difference of pixels: adding a constant to the image changes nothing."""
    model, images = tiny(), torch.rand(1, 3, 64, 64) / 2
    torch.testing.assert_close(model(images).p_fake, model(images + 0.25).p_fake, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_the_encoder_decides():
    """Another backbone gives other logits, and an encoder of zeros changes logits and map."""
    images = torch.rand(2, 3, 64, 64)
    first, second = tiny("tu-test_resnet"), tiny("tu-test_efficientnet")
    assert not torch.allclose(first(images).logits, second(images).logits)
    before = first(images)
    for parameter in first.encoder.parameters():
        parameter.zero_()
    after = first(images)
    assert not torch.allclose(before.logits, after.logits)
    assert not torch.allclose(before.fakeness_map, after.fakeness_map)


@torch.no_grad()
def test_the_map_is_probability_times_magnitude(tiny_model):
    output = tiny_model(torch.rand(2, 3, 40, 56))
    torch.testing.assert_close(output.fakeness_map, output.p_fake * output.magnitude)
    torch.testing.assert_close(output.fake_probability, output.logits.softmax(dim=1)[:, 1])


@torch.no_grad()
def test_losses_see_the_texture_branch_alone():
    model, images = tiny(), torch.rand(2, 3, 44, 56)
    alone = model.training_output(images).texture_logits
    assert alone.shape == (2, 1, 44, 56)
    for parameter in model.decoder.parameters():
        parameter.zero_()
    torch.testing.assert_close(model.training_output(images).texture_logits, alone)
    assert tiny(texture_channels=None).training_output(images).texture_logits is None


@torch.no_grad()
def test_losses_see_what_forward_predicts(tiny_model):
    images = torch.rand(2, 3, 44, 56)
    output = tiny_model.training_output(images)
    torch.testing.assert_close(output.dense, tiny_model.dense(images))
    torch.testing.assert_close(output.logits / tiny_model.temperature, tiny_model(images).logits)
    torch.testing.assert_close(output.log_odds.logsumexp(dim=1), output.logits[:, 1])


@torch.no_grad()
def test_a_fake_region_and_a_fake_image_each_make_an_image_fake(tiny_model):
    head, dense = copy.deepcopy(tiny_model.classification_head), tiny_model.dense(torch.rand(1, 3, 64, 64))

    def odds(region: float, image: float) -> float:
        for layer, bias in ((head.region, region), (head.image, image)):
            layer.weight.zero_()
            layer.bias.fill_(bias)
        real, fake = head(dense.evidence, dense.confidence, dense.p_fake_logits)[0]
        return float((fake - real).exp())

    assert odds(math.log(3), math.log(2)) == pytest.approx(3 + 2, rel=1e-4)
    assert odds(math.log(3), -50) == pytest.approx(3, rel=1e-4) and odds(-50, math.log(2)) == pytest.approx(2, rel=1e-4)


@torch.no_grad()
def test_temperature_divides_the_logits():
    cold, images = tiny(), torch.rand(1, 3, 48, 48)
    warm = FakeLocator(**{**cold.config, "temperature": 2.0}).eval()
    warm.load_state_dict(cold.state_dict())
    torch.testing.assert_close(2 * warm(images).logits, cold(images).logits)


@torch.no_grad()
def test_stitched_maps_give_the_decision_of_the_whole(tiny_model):
    """Dense maps of two halves that overlap by more than the receptive field, put together, decide as the whole."""
    images, stride = torch.rand(1, 3, 64, 512), tiny_model.evidence_stride
    whole = tiny_model.dense(images)
    left, right = tiny_model.dense(images[..., :384]), tiny_model.dense(images[..., 128:])
    stitched = []
    for name, one, other in zip(DenseOutput._fields, left, right, strict=True):
        scale = 1 if name in ("p_fake_logits", "magnitude") else stride
        stitched.append(torch.cat([one[..., : 256 // scale], other[..., 128 // scale :]], dim=-1))
    for one, other in zip(stitched, whole, strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=2e-2)
    torch.testing.assert_close(
        tiny_model.decide(DenseOutput(*stitched)), tiny_model(images).logits, atol=1e-3, rtol=1e-2
    )


@torch.no_grad()
def test_features_of_an_image(tiny_model):
    images = torch.rand(3, 3, 64, 64)
    features = tiny_model.encode(images)
    assert features.shape[0] == 3 and features.ndim == 2
    torch.testing.assert_close(tiny_model.encode(images[1:2]), features[1:2], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_new_model_starts_with_a_nearly_empty_map():
    assert tiny()(torch.rand(2, 3, 64, 64)).fakeness_map.mean() < 0.05


@torch.no_grad()
def test_images_of_a_batch_do_not_touch_each_other(tiny_model):
    images = torch.rand(3, 3, 64, 64)
    together, alone = tiny_model(images), tiny_model(images[1:2])
    torch.testing.assert_close(together.fakeness_map[1:2], alone.fakeness_map, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.logits[1:2], alone.logits, atol=1e-5, rtol=1e-4)


def test_every_parameter_learns(tiny_model):
    tiny_model.train()
    output = tiny_model(torch.rand(2, 3, 64, 64))
    (output.fakeness_map.mean() + output.logits.square().sum()).backward()
    used = {name for name, value in tiny_model.named_parameters() if value.grad is not None}
    # timm's encoders keep the stages behind encoder_depth out of the model; what is left takes part.
    assert {name for name, _ in tiny_model.named_parameters()} == used


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


@pytest.mark.parametrize("typo", ["decoder_chanels", "texture_chanels", "encoder_wieghts"])
def test_typo_raises(typo):
    with pytest.raises(TypeError, match=typo):
        tiny(**{typo: None})


def test_no_keyword_catch_all():
    kinds = {each.kind for each in inspect.signature(FakeLocator.__init__).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize(
    "options",
    [
        {"encoder_depth": 1},
        {"input": "fft"},
        {"temperature": 0.0},
        {"threshold": 1.0},
        {"map_window": -1},
        {"decoder_channels": (8, 8)},
        {"decoder_upsampling": "bicubic"},
        {"texture_channels": 3},
        {"in_channels": 4},
        {"classes": 2},
        {"attention_mode": "add"},
        {"attention_mode": "residual"},
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
    assert config.get("encoder_weights") is None
    again = FakeLocator(**config).eval()
    again.load_state_dict(tiny_model.state_dict())
    images = torch.rand(1, 3, 97, 131)
    assert torch.equal(again(images).fakeness_map, tiny_model(images).fakeness_map)


@pytest.mark.parametrize("images", [torch.rand(1, 3, 64, 64) * 255, torch.rand(1, 3, 64, 64) - 0.5])
def test_images_out_of_range(tiny_model, images):
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\]"):
        tiny_model.predict(images)


@torch.no_grad()
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_keep_their_attention(tiny_model, duplicate):
    twin = duplicate(tiny_model)
    images, attention = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 8, 8)
    assert torch.equal(twin(images, attention).magnitude, tiny_model(images, attention).magnitude)
    assert not torch.equal(twin(images).magnitude, twin(images, attention).magnitude)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(tiny_model, dtype):
    images = torch.rand(1, 3, 48, 56)
    expected = tiny_model(images).p_fake
    output = tiny_model.to(dtype)(images.to(dtype))
    assert output.fakeness_map.dtype == dtype
    torch.testing.assert_close(output.p_fake.float(), expected, atol=0.05, rtol=0.1)
