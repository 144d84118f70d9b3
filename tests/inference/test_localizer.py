from __future__ import annotations

import dataclasses
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fakelocator_zoo.images import ImageError
from fakelocator_zoo.inference import faces, prepare, quality
from fakelocator_zoo.inference.faces import DetectedFace
from fakelocator_zoo.inference.localizer import Localizer
from tests.inference.stubs import StubModel, as_batch, noise, smooth

BOXES = [(8, 16, 72, 112), (56, 24, 120, 104)]


def face(box: tuple[int, int, int, int], turns: int = 0) -> DetectedFace:
    return DetectedFace(box, box, 0.9, turns)


@pytest.fixture
def two_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_faces", lambda image: [face(box) for box in BOXES])


@pytest.fixture
def no_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_faces", lambda image: [])


@torch.inference_mode()
def fakeness_of(image: np.ndarray) -> np.ndarray:
    return StubModel().eval()(as_batch(image)).fakeness_map[0, 0].numpy()


def localizer(model: StubModel | None = None, **options: object) -> Localizer:
    return Localizer(model or StubModel(), device="cpu", **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_face")
def test_whole_image_where_there_is_no_face() -> None:
    image = smooth(80, 90)
    result = localizer()(image)
    assert result.whole_image and result.faces == ()
    assert result.reason == "no face found: the whole image was scored"
    assert result.fakeness_map.dtype == np.float32
    np.testing.assert_allclose(result.fakeness_map, fakeness_of(image), atol=1e-6)
    np.testing.assert_allclose(result.fakeness_map, result.p_fake * result.magnitude, atol=1e-6)
    assert result.attention is None and result.face_found is None


@pytest.mark.usefixtures("two_faces")
def test_without_the_search_there_is_no_note() -> None:
    result = localizer(find_faces=False)(smooth(120, 130))
    assert result.whole_image and result.reason is None


@pytest.mark.usefixtures("two_faces")
def test_faces_are_scored_at_native_resolution_and_pasted_back() -> None:
    model, image = StubModel(), smooth(120, 130)
    result = localizer(model)(image)
    assert model.sizes == [(1, 3, 96, 64), (1, 3, 80, 64)]
    assert [each.box for each in result.faces] == BOXES and not result.whole_image
    assert result.fake_probability in [each.fake_probability for each in result.faces]
    expected = np.zeros((120, 130), np.float32)
    for left, top, right, bottom in BOXES:
        place = expected[top:bottom, left:right]
        np.maximum(place, fakeness_of(image[top:bottom, left:right]), out=place)
    np.testing.assert_allclose(result.fakeness_map, expected, atol=1e-6)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_faces_reach_the_model_upright(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = smooth(96, 128)
    monkeypatch.setattr(faces, "find_faces", lambda image: [face((16, 8, 80, 88), turns)])
    result = localizer()(image)
    crop = np.rot90(image[8:88, 16:80], turns)
    np.testing.assert_allclose(np.rot90(result.fakeness_map[8:88, 16:80], turns), fakeness_of(crop), atol=1e-6)


@pytest.mark.usefixtures("no_face")
def test_photos_of_one_size_share_a_batch_and_keep_their_order() -> None:
    model = StubModel()
    images = [smooth(*size, seed) for seed, size in enumerate([(64, 64), (72, 64), (64, 64), (64, 64)])]
    results = localizer(model, batch_size=2)(images)
    assert sorted(model.sizes) == [(1, 3, 64, 64), (1, 3, 72, 64), (2, 3, 64, 64)]
    for image, result in zip(images, results, strict=True):
        assert result.image is image
        np.testing.assert_allclose(result.fakeness_map, fakeness_of(image), atol=1e-6)


@pytest.mark.usefixtures("no_face")
def test_whatever_users_have(tmp_path: Path) -> None:
    image = smooth(64, 72)
    path = tmp_path / "photo.png"
    Image.fromarray(image).save(path)
    rgba = np.concatenate([image, np.full((64, 72, 1), 255, np.uint8)], axis=2)
    with path.open("rb") as file:
        sources = [path, str(path), path.read_bytes(), file, Image.fromarray(image), image, rgba]
        results = localizer()([*sources, as_batch(image)[0]])
    assert [result.name for result in results] == [*[str(path)] * 2, "image", str(path), *["image"] * 4]
    for result in results:
        np.testing.assert_array_equal(result.image, image)
    grey = localizer()(image[..., 0]).image
    np.testing.assert_array_equal(grey, np.repeat(image[..., :1], 3, axis=2))
    assert localizer()(io.BytesIO(path.read_bytes())).name == "image"


@pytest.mark.parametrize(
    "source",
    [
        np.zeros((10, 10, 3), np.float32),
        np.zeros((10, 10, 5), np.uint8),
        torch.zeros(1, 3, 10, 10),
        torch.full((3, 10, 10), 2.0),
        torch.full((3, 10, 10), torch.nan),
        torch.zeros(3, 10, 10, dtype=torch.uint8),
        b"no image",
        "missing.jpg",
        17,
    ],
)
def test_bad_sources_get_one_sentence(source: object) -> None:
    with pytest.raises(ImageError) as caught:
        localizer()(source)  # type: ignore[call-overload]
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("no_face")
def test_a_stream_goes_on_after_a_bad_photo() -> None:
    results = list(localizer(batch_size=1).stream([smooth(64, 64), b"no image", smooth(64, 64)]))
    assert [isinstance(result, ImageError) for result in results] == [False, True, False]
    with pytest.raises(ImageError):
        localizer()([smooth(64, 64), b"no image"])
    assert localizer()([]) == []


def verdict_at(probability: float, image: np.ndarray | None = None, **attributes: object) -> tuple[str, str | None]:
    model = StubModel()
    for name, value in attributes.items():
        setattr(model, name, value)
    logit = float(torch.logit(torch.tensor(probability)))
    model.decide = lambda dense: torch.tensor([[0.0, logit]])  # type: ignore[method-assign]
    result = localizer(model)(smooth(120, 130) if image is None else image)
    return result.verdict, result.reason


@pytest.mark.usefixtures("two_faces")
@pytest.mark.parametrize(
    ("probability", "threshold", "verdict"),
    [
        (0.9, 0.5, "fake"),
        (0.1, 0.5, "real"),
        (0.51, 0.5, "fake"),
        (0.41, 0.5, "unsure"),
        (0.7, 0.85, "real"),
        (0.8, 0.85, "unsure"),
    ],
)
def test_the_verdict_follows_the_threshold_of_the_model(probability: float, threshold: float, verdict: str) -> None:
    assert verdict_at(probability, threshold=threshold) == (verdict, None)


@pytest.mark.usefixtures("two_faces")
def test_what_cannot_be_judged_says_why() -> None:
    photo = smooth(120, 130)
    one_bit = np.asarray(Image.fromarray(photo).convert("1").convert("RGB"))
    assert verdict_at(0.9, one_bit) == ("not judged", "not a photograph: 1-bit or halftone")
    assert verdict_at(0.9, limits={"smallest_face": 100}) == (
        "not judged",
        "too small to judge: 64 px, at least 100 px are needed",
    )
    assert verdict_at(0.9, limits={"smallest_face": 64}) == ("fake", None)


@pytest.mark.usefixtures("two_faces")
def test_heavy_compression_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "jpeg_quality", lambda image: 30)
    assert verdict_at(0.9) == ("not judged", "heavily compressed: JPEG quality about 30, at least 50 is needed")
    assert verdict_at(0.9, limits={"lowest_jpeg_quality": 25}) == ("fake", None)


def test_faces_that_were_judged_decide_for_the_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_faces", lambda image: [face((0, 0, 96, 96)), face((96, 0, 128, 32))])
    result = localizer(StubModel(threshold=0.999))(smooth(96, 128))
    assert [each.verdict for each in result.faces] == ["real", "not judged"]
    assert result.verdict == "real" and result.fake_probability == result.faces[0].fake_probability
    small = result.faces[1]
    assert (small.box, small.verdict) == ((96, 0, 128, 32), "not judged")
    assert small.reason == "too small to judge: 32 px, at least 64 px are needed"


@pytest.mark.usefixtures("two_faces")
@pytest.mark.parametrize(("red", "expected"), [((255, 255), True), ((255, 0), False)])
def test_says_whether_the_face_parser_found_every_face(red: tuple[int, int], expected: bool) -> None:
    image = np.zeros((120, 130, 3), np.uint8)
    image[20, 20, 0], image[100, 110, 0] = red
    result = localizer(StubModel(attention=True))(image)
    assert result.face_found is expected and result.attention is not None


@pytest.mark.usefixtures("two_faces")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_models_of_any_dtype(dtype: torch.dtype) -> None:
    image = smooth(120, 130)
    found, expected = localizer(StubModel().to(dtype))(image), localizer()(image)
    np.testing.assert_allclose(found.fakeness_map, expected.fakeness_map, atol=0.05)
    assert found.fakeness_map.dtype == np.float32


@pytest.mark.usefixtures("two_faces")
def test_threads_share_a_localizer() -> None:
    shared, images = localizer(StubModel(attention=True)), [smooth(120, 130, seed) for seed in range(8)]
    expected = [shared(image).fakeness_map for image in images]
    with ThreadPoolExecutor(4) as pool:
        for result, wanted in zip(pool.map(shared, images), expected, strict=True):
            np.testing.assert_array_equal(result.fakeness_map, wanted)


def test_bad_options() -> None:
    with pytest.raises(ValueError, match="batch_size must be 1 or more"):
        localizer(batch_size=0)
    with pytest.raises(ValueError, match="unknown runtime 'tensorrt'"):
        localizer(runtime="tensorrt")


def test_a_prepared_photo_can_be_sent_to_another_process() -> None:
    import pickle

    image = noise(32, 40)
    copied = pickle.loads(pickle.dumps(prepare.prepare(image)))
    assert copied.name == "image" and copied.faces == ()
    np.testing.assert_array_equal(copied.image, image)


@pytest.mark.usefixtures("no_face")
def test_save_and_frozen(tmp_path: Path) -> None:
    result = localizer()(smooth(40, 50))
    result.save(tmp_path / "heat.png")
    assert Image.open(tmp_path / "heat.png").size == (50, 40)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.whole_image = False  # type: ignore[misc]
