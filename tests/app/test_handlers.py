"""What the page's buttons do, without Gradio."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fakelocator_zoo import FakeLocator, Localizer
from fakelocator_zoo.app import handlers
from fakelocator_zoo.app.handlers import Models
from fakelocator_zoo.images import ImageError, read_image
from fakelocator_zoo.inference.provenance import ContentCredentials
from fakelocator_zoo.transforms.fakeness_map import fakeness_map
from tests.inference.clips import write_clip
from tests.inference.stubs import noise


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_locate_gives_the_localizers_result_as_report_and_files(models: Models, photos: list[Path], out: Path) -> None:
    localizer = models.localizer("tiny")
    located = handlers.locate(photos[0], localizer, "tiny", out)
    expected = localizer(photos[0])
    files = {Path(path).name: Path(path) for path in located.files}
    assert set(files) == {"map.png", "overlay.png", "report.json"}
    with Image.open(files["map.png"]) as image:
        assert np.allclose(np.asarray(image) / 65535, expected.fakeness_map, atol=1e-4)
    assert read_image(files["overlay.png"]).shape == expected.image.shape
    assert json.loads(files["report.json"].read_text()) == located.report
    assert located.report["photo"] == "photo0.png"
    assert located.report["fake_probability"] == pytest.approx(expected.fake_probability)
    assert located.report["verdict"] == expected.verdict
    assert expected.verdict in located.words


def test_the_picture_has_a_layer_for_the_map_and_loads_nothing(models: Models, photos: list[Path], out: Path) -> None:
    picture = handlers.locate(photos[0], models.localizer("tiny"), "tiny", out).picture
    sources = re.findall(r'src="([^"]*)"', picture)
    assert len(sources) == 3
    assert all(source.startswith("data:image/") for source in sources)
    assert 'class="heat"' in picture


def test_attention_is_shown_where_the_model_has_it(models: Models, photos: list[Path], out: Path) -> None:
    torch.manual_seed(0)
    options = {"decoder_channels": (16, 8, 8), "texture_channels": 4}
    attending = Localizer(FakeLocator("tu-test_resnet", attention="face", **options))
    captions = [caption for _, caption in handlers.locate(photos[0], attending, "attending", out).maps]
    without = [caption for _, caption in handlers.locate(photos[0], models.localizer("tiny"), "tiny", out).maps]
    assert set(captions) - set(without) == {"attention to face parts"}


def test_content_credentials_stand_beside_the_verdict(
    models: Models, photos: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for found, shown in ((None, False), (ContentCredentials("valid", "[a](b)", declares_ai=True), True)):
        monkeypatch.setattr(handlers, "read_credentials", lambda photo, found=found: found)
        located = handlers.locate(photos[0], models.localizer("tiny"), "tiny", out)
        assert ("content_credentials" in located.report) == shown == ("AI made it" in located.words)
        assert "[a]" not in located.words


def test_a_video_has_a_report_and_files_without_folders(models: Models, tmp_path: Path, out: Path) -> None:
    pytest.importorskip("av")
    clip = write_clip(tmp_path / "clip.mp4", [noise(48, 64, seed) for seed in range(5)])
    located = handlers.locate_video(clip, models.localizer("tiny"), "tiny", out)
    assert {Path(path).name for path in located.files} == {"clip_overlay.mp4", "clip_frames.csv", "clip_timeline.png"}
    assert located.report["frames"] == 5 and located.report["verdict"] in located.words
    assert str(tmp_path) not in json.dumps(located.report)
    assert {path.name for path in Path(located.video).parent.iterdir()} == {Path(path).name for path in located.files}


def test_a_broken_photo_leaves_one_sentence_and_no_files(models: Models, tmp_path: Path, out: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(ImageError, match=r"^broken\.jpg is"):
        handlers.locate(broken, models.localizer("tiny"), "tiny", out)
    assert not list(out.iterdir())


def test_compare_scores_the_map_against_the_difference(models: Models, photos: list[Path]) -> None:
    localizer = models.localizer("tiny")
    compared = handlers.compare(photos[0], photos[4], localizer, "tiny")
    true = fakeness_map(photos[0], photos[4]).ravel()
    located = localizer(photos[4]).fakeness_map.ravel()
    cosine = located @ true / np.linalg.norm(located) / np.linalg.norm(true)
    assert compared.report["coss"] == pytest.approx(cosine, abs=1e-4)
    assert compared.report["coss_of_a_constant_map"] == pytest.approx(true.mean() / np.sqrt((true**2).mean()), abs=1e-4)
    assert [caption for _, caption in compared.pictures][:2] == ["true map, |real - fake|", "located map"]


def test_compare_needs_two_photos_of_one_size_that_differ(models: Models, photos: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (30, 40)).save(other)
    localizer = models.localizer("tiny")
    for real, fake, message in (
        (photos[0], None, "both"),
        (photos[0], other, "one size"),
        (photos[0], photos[0], "the same in every pixel"),
    ):
        with pytest.raises(ImageError, match=message):
            handlers.compare(real, fake, localizer, "tiny")


def test_adapt_labels_what_it_can_and_says_what_it_left_out(
    models: Models, photos: list[Path], tmp_path: Path, out: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    adapted = handlers.adapt([*photos, broken], photos[7], "fake", models, "tiny", out)
    assert [row["photo"] for row in adapted.report["photos"]] == [path.name for path in photos]
    assert len(adapted.report["left_out"]) == 1
    assert adapted.report["left_out"][0].startswith("broken.png ")
    labels = {row["label"] for row in adapted.report["photos"]}
    assert labels <= ({"real", "fake"} if adapted.report["separable"] else {None})
    names = [Path(path).name for path in adapted.files]
    assert names == (["results.csv", "adapter.zip"] if adapted.report["separable"] else ["results.csv"])
    table = Path(adapted.files[0]).read_text().splitlines()
    assert table[0] == "photo,label,fake_probability"
    assert len(table) == 1 + len(photos)
    assert str(tmp_path) not in Path(adapted.files[0]).read_text() + json.dumps(adapted.report)
    assert adapted.scatter.dtype == np.uint8


def test_adapt_needs_photos_and_a_label(models: Models, photos: list[Path], out: Path) -> None:
    for given, labelled, label, message in (
        ([], photos[0], "fake", "photos to label"),
        (photos, None, "fake", "whose label you know"),
        (photos, photos[0], "maybe", "fake or real"),
        (photos[:2], photos[0], "fake", "4 at least"),
    ):
        with pytest.raises(ValueError, match=message):
            handlers.adapt(given, labelled, label, models, "tiny", out)
    assert not list(out.iterdir())


def test_the_page_loads_its_own_models_alone(models: Models) -> None:
    for name in ("/etc", "someone/model"):
        with pytest.raises(ValueError, match="has no model"):
            models.localizer(name)


def test_a_card_is_shown_without_its_header_and_pictures(tmp_path: Path) -> None:
    card = "---\nlicense: mit\n---\n# Name\n![picture](http://example.org/a.png) and <img src='b.png'> text\n"
    (tmp_path / "README.md").write_text(card)
    assert Models({"mine": str(tmp_path)}).card("mine") == "# Name\n and  text\n"


def test_a_card_that_is_a_link_to_another_file_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match="leads out of the model's folder"):
        Models({"mine": str(tmp_path / "model")}).card("mine")


def test_the_example_is_the_demos_portrait_and_its_manipulated_copy(out: Path) -> None:
    real, fake = map(read_image, handlers.demo_pair(out))
    changed = fakeness_map(real, fake) > 0
    assert 0.01 < changed.mean() < 0.5
