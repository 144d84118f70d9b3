"""FaceParser on random weights: shapes, ranges, freezing, export, mirrored photos."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from fakelocator_zoo.face_parsing import PARTS, FaceParser


@pytest.fixture(scope="module")
def parser() -> FaceParser:
    torch.manual_seed(0)
    return FaceParser(encoder_name="tu-test_resnet", side=64).freeze()


@pytest.mark.parametrize("size", [(256, 256), (97, 131), (1, 1), (8, 800), (64, 64)])
def test_any_size_gives_probabilities_that_add_up_to_one(parser: FaceParser, size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size)
    maps = parser(images)
    height, width = parser.working_size(*size)
    assert maps.shape == (2, 19, height // 4, width // 4)
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps.sum(dim=1), torch.ones(2, height // 4, width // 4))
    chosen = parser.part_map(images, ("hair", "mouth"))
    assert chosen.shape == (2, 1, *size)
    assert 0 <= float(chosen.min()) <= float(chosen.max()) <= 1


def test_working_size_is_bounded_and_keeps_the_shape() -> None:
    parser = FaceParser(encoder_name="tu-test_resnet")
    assert parser.working_size(3000, 4000) == (192, 256)
    assert parser.working_size(97, 131) == (192, 256)
    assert parser.working_size(1, 1) == (256, 256)
    assert parser.working_size(8, 800) == (32, 256)


def test_part_map_is_the_sum_of_the_parts(parser: FaceParser) -> None:
    images = torch.rand(1, 3, 64, 64)
    maps = parser(images)
    both = parser.gather(maps, "eyes")
    torch.testing.assert_close(both[:, 0], maps[:, 4] + maps[:, 5])
    torch.testing.assert_close(parser.part_map(images, PARTS), torch.ones(1, 1, 64, 64))


def test_each_image_of_a_batch_gets_what_it_gets_alone(parser: FaceParser) -> None:
    images = torch.rand(3, 3, 80, 60)
    torch.testing.assert_close(parser(images)[1:2], parser(images[1:2]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 0, 64)])
def test_wrong_shapes_raise(parser: FaceParser, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images must be"):
        parser(torch.rand(shape))


def test_bad_settings_raise() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        FaceParser(side=100)
    with pytest.raises(ValueError, match="differ"):
        FaceParser(parts=("skin", "skin"))
    with pytest.raises(TypeError):
        FaceParser(piramid_channels=64)  # type: ignore[call-arg]


def test_config_is_json_and_rebuilds(parser: FaceParser) -> None:
    again = FaceParser(**json.loads(json.dumps(parser.config)))
    assert again.config == parser.config
    assert again.parts == parser.parts
    again.load_state_dict(parser.state_dict())


def test_frozen_stays_frozen_inside_a_model_that_trains(parser: FaceParser) -> None:
    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.face_parser = parser

    Detector().train()
    assert not any(module.training for module in parser.modules())
    assert not any(weight.requires_grad for weight in parser.parameters())


def test_has_face_wants_skin_and_features(parser: FaceParser) -> None:
    maps = torch.zeros(3, 19, 8, 8)
    maps[0, PARTS.index("background")] = 1
    maps[1, PARTS.index("skin")] = 1
    maps[2, PARTS.index("skin"), :4] = 1
    maps[2, PARTS.index("nose"), 4:] = 1
    assert parser.has_face(maps).tolist() == [False, False, True]
    assert parser.has_face(maps).dtype == torch.bool


def test_export_inside_another_model_agrees(parser: FaceParser) -> None:
    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.face_parser = parser

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return images * self.face_parser.part_map(images, ("hair", "mouth"))

    detector = Detector().eval()
    images = torch.rand(2, 3, 96, 72)
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    exported = torch.export.export(detector, (images,), dynamic_shapes=(batch,)).module()
    more = torch.rand(5, 3, 96, 72)
    torch.testing.assert_close(exported(more), detector(more), atol=1e-5, rtol=1e-4)
