from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from fakelocator_zoo import FakeLocator
from fakelocator_zoo.models.attention import (
    StageAttention,
    parts_attention,
    resize_attention,
)
from fakelocator_zoo.models.encoder import build_encoder
from fakelocator_zoo.models.stages import find_stages

CHANNELS = (16, 8, 8)
FAMILIES = [
    "resnet18",  # smp's own
    "efficientnet-b0",  # an identity module passes the feature on
    "densenet121",  # activations in place
    "mit_b0",  # features made outside any module
    "tu-legacy_xception",  # timm's hook-collecting wrapper
    "tu-swin_tiny_patch4_window7_224",  # channels last
    "tu-convnext_atto",
    "tu-mobilenetv4_conv_small",
    "tu-test_resnet",
]


class FixedParser(nn.Module):
    """Stands in for a FaceParser: the upper half is hair, the lower half mouth; black images have no face."""

    parts = ("background", "hair", "upper_lip")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = torch.zeros(images.shape[0], 3, 16, 16)
        maps[:, 1, :8] = 1
        maps[:, 2, 8:] = 1
        self.seen_empty = images.flatten(1).amax(dim=1) == 0
        return maps

    def has_face(self, probabilities: torch.Tensor) -> torch.Tensor:
        return ~self.seen_empty


def assert_close(first: torch.Tensor, second: torch.Tensor) -> None:
    """Equal but for rounding, of features of any scale (an untrained network's may be 1e-12)."""
    if first.numel():
        assert (first - second).abs().max() <= 1e-3 * first.abs().max()


def tiny(**options) -> FakeLocator:
    return FakeLocator("tu-test_resnet", decoder_channels=CHANNELS, **options).eval()


@torch.no_grad()
@pytest.mark.parametrize("name", FAMILIES)
def test_zeros_and_ones(name):
    encoder = build_encoder(name, 5, None).eval()
    images = torch.rand(1, 3, 128, 160)
    plain = encoder(images)
    stages = sorted(find_stages(encoder))
    assert {2, 3, 4, 5} <= set(stages)
    for stage in stages[-4:-1]:
        hooked = build_encoder(name, 5, None).eval()
        hooked.load_state_dict(dict(encoder.state_dict()))
        attention = StageAttention(hooked, (stage,))
        with attention.applied(torch.zeros(1, 1, 7, 9)):
            zeroed = hooked(images)
        assert not zeroed[stage].any(), "the stage is multiplied by the map"
        for before, after in zip(plain[:stage], zeroed[:stage], strict=True):
            assert torch.equal(before, after), "earlier stages do not see it"
        assert not torch.equal(plain[stage + 1], zeroed[stage + 1]), "later stages see it"
        with attention.applied(torch.ones(1, 1, 7, 9)):
            unchanged = hooked(images)
        for before, after in zip(plain, unchanged, strict=True):
            assert_close(before, after)


@torch.no_grad()
def test_applied_exactly_once():
    """A constant map of one half halves the feature: nested or repeated modules do not multiply twice."""
    for name in FAMILIES:
        encoder = build_encoder(name, 5, None).eval()
        images = torch.rand(1, 3, 128, 160)
        plain = encoder(images)[3]
        attention = StageAttention(encoder, (3,))
        with attention.applied(torch.full((1, 1, 4, 5), 0.5)):
            assert_close(encoder(images)[3], plain / 2)


def test_stage_that_no_hook_reaches():
    with pytest.raises(ValueError, match=r"can be attended at stages \(1, 5\)"):
        StageAttention(build_encoder("dpn68", 5, None), (3,))


@torch.no_grad()
def test_stage_finding_leaves_no_trace():
    encoder = build_encoder("tu-test_resnet", 5, None)
    state = {key: value.clone() for key, value in encoder.state_dict().items()}
    find_stages(encoder)
    assert encoder.training and all(not module._forward_hooks for module in encoder.modules())
    assert all(torch.equal(value, state[key]) for key, value in encoder.state_dict().items())


@torch.no_grad()
def test_residual_mode():
    encoder = build_encoder("tu-test_resnet", 5, None).eval()
    images = torch.rand(1, 3, 64, 64)
    plain = encoder(images)[3]
    with StageAttention(encoder, (3,), "residual").applied(torch.ones(1, 1, 8, 8)):
        torch.testing.assert_close(encoder(images)[3], 2 * plain)


@torch.no_grad()
@pytest.mark.parametrize("name", ["tu-test_resnet", "tu-legacy_xception"])
def test_threads_sharing_a_model_get_what_each_gets_alone(name):
    model = FakeLocator(name, decoder_channels=CHANNELS).eval()
    images = torch.rand(2, 1, 3, 64, 64)
    maps = [torch.rand(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)]
    alone = [model(image, attention).magnitude for image, attention in zip(images, maps, strict=True)]
    plain = model(images[0]).magnitude
    wrong: list[int] = []
    start = threading.Barrier(3)

    @torch.no_grad()
    def work(who: int) -> None:
        start.wait()
        for _ in range(15):
            magnitude = model(images[who], maps[who]).magnitude if who < 2 else model(images[0]).magnitude
            if not torch.equal(magnitude, alone[who] if who < 2 else plain):
                wrong.append(who)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not torch.equal(alone[0], plain)


@torch.no_grad()
def test_nothing_stays_after_a_call_that_fails():
    model = tiny()
    images = torch.rand(1, 3, 64, 64)
    before = model(images).magnitude
    handle = model.decoder.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model(images, torch.zeros(1, 1, 8, 8))
    handle.remove()
    assert torch.equal(model(images).magnitude, before)


@pytest.mark.parametrize(
    "attention",
    [
        torch.rand(1, 8, 8),
        torch.rand(2, 1, 8, 8),
        torch.rand(1, 3, 8, 8),
        torch.ones(1, 1, 8, 8, dtype=torch.long),
        torch.full((1, 1, 8, 8), 1.5),
        torch.full((1, 1, 8, 8), -0.1),
        torch.full((1, 1, 8, 8), float("nan")),
        torch.ones(1, 1, 0, 8),
        torch.ones(1, 1, 8, 8).numpy(),
    ],
)
def test_bad_attention(tiny_model, attention):
    with pytest.raises(ValueError, match="attention must"):
        tiny_model(torch.rand(1, 3, 64, 64), attention)


def test_bad_attention_says_what_it_got(tiny_model):
    images = torch.rand(1, 3, 64, 64)
    with pytest.raises(ValueError, match=r"must be float \(1, 1, h, w\).* got int64 \(1, 1, 8, 8\)"):
        tiny_model(images, torch.ones(1, 1, 8, 8, dtype=torch.long))
    with pytest.raises(ValueError, match=r"got -3 to 4; give probabilities"):
        tiny_model(images, torch.tensor([[[[-3.0, 4.0]]]]))


@torch.no_grad()
def test_from_parser():
    model = tiny(attention=("hair",), face_parser=FixedParser())
    images = torch.stack([torch.rand(3, 64, 64), torch.zeros(3, 64, 64)])
    output = model(images)
    assert output.attention[0, 0, :8].eq(1).all() and output.attention[0, 0, 8:].eq(0).all()
    assert output.attention[1].eq(1).all(), "without a face nothing is hidden"
    given = model(images[:1], attention=output.attention[:1])
    torch.testing.assert_close(given.magnitude, output.magnitude[:1])
    replaced = model(images[:1], attention=torch.ones(1, 1, 4, 4))
    assert replaced.attention.eq(1).all()


def test_parser_stays_frozen():
    parser = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    parser.parts = FixedParser.parts
    parser.has_face = lambda probabilities: torch.ones(len(probabilities), dtype=torch.bool)
    model = tiny(attention=("hair",), face_parser=parser).train()
    assert not parser.training and model.encoder.training
    model(torch.rand(2, 3, 64, 64)).logits.sum().backward()
    assert all(parameter.grad is None for parameter in parser.parameters())


def test_foreign_parser_cannot_be_saved():
    with pytest.raises(ValueError, match="FixedParser has no config"):
        _ = tiny(attention=("hair",), face_parser=FixedParser()).config


def test_unknown_part():
    with pytest.raises(ValueError, match="hair"):
        tiny(attention=("hiar",), face_parser=FixedParser())


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (40, 56), (6, 30)])
def test_resize_keeps_range_and_constants(size):
    resized = resize_attention(torch.rand(1, 1, 10, 14), *size)
    assert resized.shape[-2:] == size and resized.min() >= 0 and resized.max() <= 1
    torch.testing.assert_close(resize_attention(torch.full((1, 1, 10, 14), 0.3), *size), torch.full((1, 1, *size), 0.3))


@torch.no_grad()
def test_output_says_where_no_face_was_found():
    images = torch.stack([torch.rand(3, 64, 64), torch.zeros(3, 64, 64), torch.rand(3, 64, 64)])
    attending = tiny(attention=("hair",), face_parser=FixedParser())
    assert attending(images).face_found.tolist() == [True, False, True]
    assert attending(images, torch.ones(3, 1, 4, 4)).face_found is None, "the parser did not run"
    assert tiny()(images).face_found is None


@torch.no_grad()
def test_attention_in_advance():
    """What a parser says can be kept and given to later calls, as trainings do."""
    images = torch.stack([torch.rand(3, 64, 64), torch.zeros(3, 64, 64)])
    model = tiny(attention=("hair",), face_parser=FixedParser())
    attended = model.attend(images)
    assert attended.face_found.tolist() == [True, False]
    torch.testing.assert_close(model(images, attended.attention).magnitude, model(images).magnitude)
    assert tiny().attend(images) is None


class GradedParser(FixedParser):
    """Hair with a probability of 0.2, 0.5 and 0.8 in three columns."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hair = torch.tensor([0.2, 0.5, 0.8]).expand(len(images), 1, 3, 3)
        self.seen_empty = torch.zeros(len(images), dtype=torch.bool)
        return torch.cat([1 - hair, hair, torch.zeros_like(hair)], dim=1)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (1.0, (0.2, 0.5, 0.8)),
        (0.5, (1 / 17, 0.5, 16 / 17)),  # odds of 1 : 4 are squared
        (2.0, (1 / 3, 0.5, 2 / 3)),  # their root is 1 : 2
    ],
)
def test_temperature_sharpens_and_softens(temperature, expected):
    found = parts_attention(GradedParser(), torch.rand(1, 3, 8, 8), ("hair",), temperature)
    assert found.attention[0, 0, 0].tolist() == pytest.approx(expected, abs=1e-4)
    model = tiny(attention="hair", face_parser=GradedParser(), attention_temperature=temperature)
    torch.testing.assert_close(model.attend(torch.rand(1, 3, 8, 8)).attention, found.attention)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_bad_temperature(temperature):
    with pytest.raises(ValueError, match="attention_temperature must be more than 0"):
        tiny(attention_temperature=temperature)


@torch.no_grad()
def test_padding_does_not_stretch_attention():
    """The map of a 36 x 36 image reaches to pixel 36 of the padded 40 x 40, not to its edge."""
    model = tiny()
    left = torch.zeros(1, 1, 36, 36)
    left[..., :20] = 1
    seen = []
    model.encoder.register_forward_hook(lambda module, inputs, features: seen.append(features[3]))
    model(torch.rand(1, 3, 36, 36), left)
    assert seen[0].shape[-1] == 5, "stride 8"
    assert seen[0][..., :2].any() and not seen[0][..., 3:].any()


def test_parser_with_other_labels():
    with pytest.raises(ValueError, match="this parser has no part 'nose': it tells background, hair, upper_lip"):
        tiny(attention="nose", face_parser=FixedParser())


def test_parser_that_gives_other_maps_than_it_names():
    parser = FixedParser()
    model = tiny(attention="hair", face_parser=parser)
    parser.parts = ("background", "hair")
    with pytest.raises(ValueError, match=r"gave \(1, 3, 16, 16\) but names 2 parts"):
        model(torch.rand(1, 3, 64, 64))


def test_parser_that_is_none():
    with pytest.raises(ValueError, match="face_parser must be a FaceParser, its name, or as_face_parser"):
        tiny(attention="hair", face_parser=nn.Identity())


def test_typo_in_a_part_suggests_the_nearest():
    with pytest.raises(ValueError, match="unknown face part 'mouht': did you mean 'mouth'"):
        tiny(attention="mouht")
