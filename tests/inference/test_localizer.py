from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import fakelocator_zoo
from fakelocator_zoo import FakeLocator
from fakelocator_zoo.images import ImageError
from fakelocator_zoo.inference import faces, localizer
from fakelocator_zoo.inference.localizer import Face, Localizer
from fakelocator_zoo.inference.tiles import Prediction
from fakelocator_zoo.models.heads import combine_factors
from tests.inference.stubs import StubModel, noise

BOXES = [(10, 20, 90, 110), (60, 30, 120, 100)]


@pytest.fixture
def two_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_faces", lambda image: BOXES)


def test_whole_image_where_there_is_no_face(model: StubModel) -> None:
    image = noise(50, 70)
    result = Localizer(model)(image)
    assert result.whole_image
    assert result.faces == ()
    assert result.fakeness_map.shape == (50, 70)
    assert result.fakeness_map.dtype == np.float32
    assert result.attention is None
    with torch.inference_mode():
        expected = model(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255).fakeness_map[0, 0]
    np.testing.assert_allclose(result.fakeness_map, expected.numpy(), atol=1e-6)


@pytest.mark.usefixtures("two_faces")
def test_faces_are_scored_at_native_resolution_and_pasted_back() -> None:
    model = StubModel(attention=True)
    image = noise(120, 130)
    image[:, :60] //= 4  # the second face is the brighter one
    result = Localizer(model, device="cpu")(image)
    assert model.sizes == [(1, 3, 90, 80), (1, 3, 70, 60)]
    assert not result.whole_image
    assert [face.box for face in result.faces] == BOXES
    assert result.fake_probability == max(face.fake_probability for face in result.faces)
    inside = np.zeros((120, 130), bool)
    maps = []
    for left, top, right, bottom in BOXES:
        inside[top:bottom, left:right] = True
        crop = torch.from_numpy(image[top:bottom, left:right]).permute(2, 0, 1)[None].float() / 255
        full = np.zeros((120, 130), np.float32)
        with torch.inference_mode():
            full[top:bottom, left:right] = model(crop).fakeness_map[0, 0].numpy()
        maps.append(full)
    np.testing.assert_allclose(result.fakeness_map, np.maximum(*maps), atol=1e-6)
    assert not result.fakeness_map[~inside].any()
    assert result.attention is not None
    assert result.attention[inside].any()


@pytest.mark.usefixtures("two_faces")
def test_find_faces_can_be_switched_off(model: StubModel) -> None:
    assert Localizer(model, find_faces=False)(noise(120, 130)).whole_image


def test_every_kind_of_photo_gives_the_same(model: StubModel, tmp_path: Path) -> None:
    image = noise(40, 50)
    path = tmp_path / "photo.png"
    Image.fromarray(image).save(path)
    spot = Localizer(model)
    expected = spot(image)
    tensor = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    for photo in (path, str(path), Image.fromarray(image), tensor):
        result = spot(photo)
        np.testing.assert_array_equal(result.image, image)
        np.testing.assert_array_equal(result.fakeness_map, expected.fakeness_map)


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
        torch.zeros(1, 3, 10, 10),
        torch.full((3, 10, 10), 2.0),
        torch.full((3, 10, 10), torch.nan),
        torch.zeros(3, 10, 10, dtype=torch.uint8),
        17,
    ],
)
def test_bad_arrays(model: StubModel, photo: object) -> None:
    with pytest.raises(ImageError, match=r"must|a photo is"):
        Localizer(model)(photo)  # type: ignore[arg-type]


def test_folder_goes_on_after_a_bad_file(model: StubModel, tmp_path: Path) -> None:
    for index in range(3):
        Image.fromarray(noise(30, 30, index)).save(tmp_path / f"{index}.png")
    (tmp_path / "1.png").write_text("no image")
    found = list(Localizer(model).folder(tmp_path))
    assert [path.name for path, _ in found] == ["0.png", "1.png", "2.png"]
    assert [isinstance(result, ImageError) for _, result in found] == [False, True, False]


def test_folder_given_to_the_call_names_the_way(model: StubModel, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"Localizer\.folder"):
        Localizer(model)(tmp_path)


def test_empty_folder_fails_at_once(model: StubModel, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="holds no image"):
        Localizer(model).folder(tmp_path)


def test_model_by_name(model: StubModel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(fakelocator_zoo, "from_pretrained", lambda name: asked.append(name) or model)
    Localizer("some_model")
    assert asked == ["some_model"]


def test_save_and_frozen(model: StubModel, tmp_path: Path) -> None:
    result = Localizer(model)(noise(40, 50))
    result.save(tmp_path / "heat.png")
    assert Image.open(tmp_path / "heat.png").size == (50, 40)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.whole_image = False  # type: ignore[misc]
    with pytest.raises(ImageError, match=r"ends in \.png"):
        result.save(tmp_path / "heat.gif")


def test_real_network_end_to_end() -> None:
    torch.manual_seed(0)
    model = fakelocator_zoo.FakeLocator(
        "tu-test_resnet", encoder_weights=None, decoder_channels=(32, 16, 8, 8, 8), texture_stem=8
    )
    result = Localizer(model)(noise(97, 131))
    assert not model.training
    assert result.fakeness_map.shape == (97, 131)
    assert 0 <= result.fake_probability <= 1
    assert isinstance(result.faces, tuple)
    assert all(isinstance(face, Face) for face in result.faces)


@pytest.mark.parametrize(("found", "expected"), [((True, True), True), ((True, False), False), ((None, None), None)])
@pytest.mark.usefixtures("two_faces")
def test_says_whether_the_face_parser_found_every_face(
    found: tuple[bool | None, bool | None], expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(found)
    maps = {"attention": None, "texture_map": None, "change": None}

    def predict(model: object, image: torch.Tensor, *options: object) -> Prediction:
        return Prediction(torch.zeros(image.shape[1:]), 0.5, face_found=next(answers), **maps)

    monkeypatch.setattr(localizer, "predict_tiled", predict)
    assert Localizer(StubModel())(noise(120, 130)).face_found is expected


def test_explaining_localizer_keeps_the_factors_of_the_map(tiny_model: FakeLocator) -> None:
    image = noise(64, 64)
    plain, explained = (Localizer(tiny_model, find_faces=False, explain=explain)(image) for explain in (False, True))
    assert plain.texture_map is None and plain.change is None
    assert explained.texture_map is not None and explained.change is not None
    factors = (torch.from_numpy(each)[None, None] for each in (explained.texture_map, explained.change))
    combined = combine_factors(torch.tensor([explained.fake_probability]), *factors, None, "multiply")
    np.testing.assert_allclose(combined[0, 0], explained.fakeness_map, atol=1e-6)
    np.testing.assert_array_equal(plain.fakeness_map, explained.fakeness_map)
