"""Parsers of others behind ours: stubs with the interfaces of BiSeNet and SegFormer, real weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from fakelocator_zoo import FakeLocator
from fakelocator_zoo.face_parsing import BISENET_PARTS, PARTS, as_face_parser
from fakelocator_zoo.models.attention import resize_attention


class ColourNet(nn.Module):
    """Says `hair` where red is strong, `cloth` where blue is, else background."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        super().__init__()
        self.score = nn.Conv2d(3, len(parts), 1)
        self.norm = nn.BatchNorm2d(len(parts))
        nn.init.zeros_(self.score.weight)
        nn.init.constant_(self.score.bias, -5.0)
        with torch.no_grad():
            self.score.weight[parts.index("hair"), 0] = 20
            self.score.weight[parts.index("cloth"), 2] = 20
            self.score.bias[parts.index("background")] = 5

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.score(images))


class BiSeNetLike(ColourNet):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        maps = super().forward(images)
        return maps, maps * 0, maps * 0


class SegformerLike(ColourNet):
    def forward(self, images: Tensor) -> SimpleNamespace:  # type: ignore[override]
        return SimpleNamespace(logits=super().forward(images)[:, :, ::4, ::4])


def halves() -> Tensor:
    """Left half red, right half blue."""
    images = torch.zeros(2, 3, 64, 96)
    images[:, 0, :, :48] = 1
    images[:, 2, :, 48:] = 1
    return images


@pytest.mark.parametrize("model", [BiSeNetLike(BISENET_PARTS), SegformerLike(PARTS)])
def test_others_networks_plug_in(model: ColourNet) -> None:
    parts = BISENET_PARTS if isinstance(model, BiSeNetLike) else PARTS
    parser = as_face_parser(model, parts)
    hair = parser.part_map(halves(), "hair")
    assert hair.shape == (2, 1, 64, 96)
    assert hair[..., :40].min() > 0.99
    assert hair[..., 56:].max() < 0.01
    assert parser.has_face(parser(halves())).tolist() == [False, False]
    parser.train()
    assert not model.norm.training
    assert not model.score.weight.requires_grad


@torch.no_grad()
@pytest.mark.parametrize("model", [BiSeNetLike(BISENET_PARTS), SegformerLike(PARTS)])
def test_a_network_of_others_guides_a_model(model: ColourNet, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line: the encoder attends to the left half, which the other network calls hair."""
    parts = BISENET_PARTS if isinstance(model, BiSeNetLike) else PARTS
    parser = as_face_parser(model, parts)
    monkeypatch.setattr(parser, "has_face", lambda maps: torch.tensor([True, False]))
    locator = FakeLocator("tu-test_resnet", encoder_weights=None, attention="hair", face_parser=parser).eval()
    output = locator(halves())
    assert output.attention is not None and output.face_found is not None
    assert output.face_found.tolist() == [True, False]
    attention = resize_attention(output.attention, 64, 96)
    assert attention[0, :, :, :40].min() > 0.99 and attention[0, :, :, 56:].max() < 0.01
    without = locator(halves(), torch.ones(2, 1, 1, 1))
    torch.testing.assert_close(output.fakeness_map[1], without.fakeness_map[1], msg="without a face nothing is hidden")


@torch.no_grad()
def test_a_network_of_others_joins_saved_weights(tmp_path: Path) -> None:
    tiny = FakeLocator("tu-test_resnet", encoder_weights=None).eval()
    tiny.save_pretrained(tmp_path / "tiny")
    parser = as_face_parser(BiSeNetLike(BISENET_PARTS), BISENET_PARTS)
    loaded = FakeLocator.from_pretrained(tmp_path / "tiny", attention="hair", face_parser=parser)
    given = parser.gather(parser(halves()), "hair")
    attended = loaded.attend(halves())
    assert attended is not None and not attended.face_found.any(), "there are no skin and no features"
    torch.testing.assert_close(loaded(halves(), given).fakeness_map, tiny(halves(), given).fakeness_map)


def test_normalisation_and_size_are_applied() -> None:
    seen: list[Tensor] = []

    def model(images: Tensor) -> dict[str, Tensor]:
        seen.append(images)
        return {"out": images[:, :2].clamp(0, 1)}

    parser = as_face_parser(model, ("a", "b"), outputs="probabilities", mean=(0.5,) * 3, std=(0.5,) * 3, size=(16, 32))
    maps = parser(torch.ones(1, 3, 40, 40))
    assert seen[0].shape == (1, 3, 16, 32)
    torch.testing.assert_close(maps, torch.ones(1, 2, 16, 32))
    assert parser.part_map(torch.ones(1, 3, 40, 40), "b").shape == (1, 1, 40, 40)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"\(2, 19, 64, 96\), but 5 parts are named"):
        as_face_parser(ColourNet(PARTS), PARTS[:5])(halves())
    with pytest.raises(TypeError, match="must be callable"):
        as_face_parser("bisenet", PARTS)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="holds no part maps"):
        as_face_parser(lambda images: "no", PARTS)(halves())
    with pytest.raises(ValueError, match="no probabilities; give as_face_parser outputs='logits'"):
        as_face_parser(ColourNet(PARTS), PARTS, outputs="probabilities")(halves())
    with pytest.raises(ValueError, match="outputs must be"):
        as_face_parser(ColourNet(PARTS), PARTS, outputs="labels")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="did you mean 'hair'"):
        as_face_parser(ColourNet(PARTS), PARTS).part_map(halves(), "hiar")
