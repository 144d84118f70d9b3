from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.harness import cross_attribute
from benchmarks.harness.cells import Skipped, run_cells
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.part_fakes import MANIPULATED, PartFaces, faces_with_part, paint_part, part_masks
from benchmarks.harness.part_models import OTHERS, by_person, score_model
from benchmarks.harness.part_summary import OFF_DIAGONAL
from benchmarks.harness.part_tests import (
    PartTest,
    Scored,
    attention_alone,
    chosen_attention,
    edit_tests,
    figures,
    rank_auc,
    run,
    times_attention,
)
from benchmarks.harness.part_training import FACE, NONE, PART, train_on_part
from fakelocator_zoo import FakeLocator
from fakelocator_zoo.evaluation.metrics import pixel_auc
from fakelocator_zoo.face_parsing import FaceParser
from fakelocator_zoo.face_parsing.parts import PARTS
from fakelocator_zoo.generators.network import Generator

TINY = {
    "encoder_name": "tu-test_resnet",
    "encoder_depth": 4,
    "encoder_weights": None,
    "decoder_channels": [16, 8, 8, 8],
    "texture_stem": None,
}


def label_image(side: int) -> np.ndarray:
    """Five horizontal stripes: hair, mouth, eyes, nose, skin."""
    labels = np.zeros((side, side), np.uint8)
    for number, name in enumerate(("hair", "upper_lip", "left_eye", "nose", "skin")):
        labels[number * side // 5 : (number + 1) * side // 5] = PARTS.index(name)
    return labels


def some_faces(count: int = 6, side: int = 64) -> PartFaces:
    labels = torch.from_numpy(label_image(side)).expand(count, side, side)
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    return PartFaces(images, part_masks(labels), torch.full((count, 5, 8, 8), 255, dtype=torch.uint8))


@pytest.fixture
def generators() -> list[Generator]:
    return [Generator("nearest", levels=1, width=4).eval() for _ in range(2)]


@pytest.fixture
def data(tmp_path: Path, generators: list[Generator]) -> Path:
    """The folders of a benchmark: 12 labelled faces, a bank of two, three people with two edits."""
    rng = np.random.default_rng(0)

    def save(folder: str, name: str, values: np.ndarray) -> None:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(tmp_path / folder / f"{name}.png")

    for number in range(12):
        save("faces/set/images", f"{number:02}", rng.integers(0, 256, (64, 64, 3), np.uint8))
        save("faces/set/masks", f"{number:02}", label_image(64))
    for person in "abc":
        save("attributes/gan/real", person, rng.integers(0, 256, (32, 32, 3), np.uint8))
        for attribute in ("Bald", "Young"):
            save("attributes/gan/fake", f"{person}_{attribute}", rng.integers(0, 256, (32, 32, 3), np.uint8))
    (tmp_path / "bank").mkdir()
    for number, generator in enumerate(generators):
        generator.save_pretrained(tmp_path / "bank" / str(number))
    return tmp_path


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    parser = FaceParser(encoder_name="tu-test_resnet", side=64).freeze()
    monkeypatch.setattr(cross_attribute, "_face_parser", lambda: parser)
    tiny = {}
    for name, variant in cross_attribute.VARIANTS.items():
        tiny[name] = variant._replace(network={**TINY, "texture_stem": variant.network["texture_stem"] and 8})
    monkeypatch.setattr(cross_attribute, "VARIANTS", tiny)
    for cached in (cross_attribute._prepare, cross_attribute._fakes):
        cached.cache_clear()
    yield
    for cached in (cross_attribute._prepare, cross_attribute._fakes):
        cached.cache_clear()


def test_masks_of_parts() -> None:
    masks = part_masks(torch.from_numpy(label_image(10))[None])
    assert masks.shape == (1, 5, 10, 10)
    for number in range(5):
        assert masks[0, number].nonzero()[:, 0].unique().tolist() == [2 * number, 2 * number + 1]


def test_only_the_part_is_repainted(generators: list[Generator]) -> None:
    faces = some_faces()
    fakes = paint_part(faces, "mouth", generators, seed=0)
    changed = (fakes.images != faces.images[fakes.faces]).any(dim=1).any(dim=0).any(dim=1)
    # Rows 12 to 24 are the mouth; the blend reaches five pixels over its outline.
    assert changed[14:23].all()
    assert not changed[:7].any() and not changed[31:].any()
    assert torch.equal(paint_part(faces, "mouth", generators, seed=0).images, fakes.images)


def test_faces_without_the_part_are_left_out() -> None:
    faces = some_faces(3)
    faces.masks[1, MANIPULATED.index("hair")] = False
    assert faces_with_part(faces, "hair").tolist() == [0, 2]


def test_attention_of_ones_trains_the_same_network(generators: list[Generator]) -> None:
    """Batches and weights do not depend on the attention: what differs between trainings is attention alone."""
    faces = some_faces()
    fakes = paint_part(faces, "nose", generators, seed=0)
    whole = faces._replace(attention=torch.zeros_like(faces.attention))
    whole.attention[:, MANIPULATED.index("nose")] = 255
    plain, attended, blind = (
        train_on_part(given, fakes, "nose", attention, 2, 0, TINY).state_dict()
        for given, attention in ((whole, NONE), (whole, PART), (whole._replace(attention=whole.attention * 0), FACE))
    )
    for name, value in plain.items():
        torch.testing.assert_close(attended[name], value)
    assert any(not torch.equal(blind[name], value) for name, value in plain.items())


def test_attention_to_chosen_parts_adds_up() -> None:
    maps = torch.zeros(1, 5, 2, 2, dtype=torch.uint8)
    maps[:, 0], maps[:, 1] = 102, 51
    assert chosen_attention(maps, ("hair", "mouth")).unique().tolist() == pytest.approx([0.6])
    assert chosen_attention(maps, ("nose",)).unique().tolist() == [0]


def a_test() -> PartTest:
    """Two black photos; in the fakes the left half was painted, and the upper half is face."""
    real = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    painted = torch.zeros(2, 4, 4, dtype=torch.bool)
    painted[..., :2] = True
    fake = real.masked_fill(painted[:, None], 51)
    attention = torch.zeros(2, 5, 4, 4, dtype=torch.uint8)
    attention[:, 0, :, :2] = 255
    upper = torch.zeros_like(painted)
    upper[:, :2] = True
    return PartTest("hair", ("hair",), real, fake, attention, attention, painted, upper, torch.tensor([0, 1]))


def test_figures_by_hand() -> None:
    test = a_test()
    perfect = figures(Scored(test.painted.float(), np.array([0.9, 0.4]), np.array([0.5, 0.1])), test)
    # Three of the four pairs of fake and photo are in the right order.
    assert perfect == pytest.approx({"image_auc": 0.75, "pixel_auc": 1, "pixel_auc_parts": 1, "coss": 1})
    wrong_below = test.painted.float()
    wrong_below[:, 2:] = wrong_below[:, 2:].flip(-1)
    below = figures(Scored(wrong_below, np.ones(2), np.ones(2)), test)
    assert below["pixel_auc"] == pytest.approx(0.5)
    assert below["pixel_auc_parts"] == pytest.approx(1), "the lower half is no face"
    assert below["image_auc"] == pytest.approx(0.5)


def test_a_map_that_knows_where_to_look_scores_for_nothing() -> None:
    test = a_test()
    undecided = Scored(torch.full((2, 4, 4), 0.5), np.ones(2), np.ones(2))
    assert figures(undecided, test)["pixel_auc"] == 0.5
    for given in (times_attention(undecided, test, ("hair",)), attention_alone(test, ("hair",))):
        assert figures(given, test)["pixel_auc"] == 1


@pytest.mark.parametrize("levels", [3, 1000])
def test_pixel_auc_by_ranks_is_that_of_the_metrics(levels: int) -> None:
    """With ties (maps of three values) and without."""
    rng = np.random.default_rng(levels)
    predicted = rng.integers(0, levels, 400).astype(np.float32)
    painted = rng.random(400) < 0.3
    assert rank_auc(predicted, painted) == pytest.approx(pixel_auc(predicted, painted), abs=1e-12)
    assert np.isnan(rank_auc(predicted, np.ones(400, bool)))


@pytest.mark.parametrize("mode", ["multiply", "residual", "prior"])
def test_weighing_afterwards_is_what_attention_beside_a_stem_does(mode: str) -> None:
    """So trainings with and without it are one, and the table needs a single one."""
    torch.manual_seed(0)
    model = FakeLocator(**{**TINY, "texture_stem": 8, "attention_mode": mode}).eval()
    test = a_test()
    real = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    test = test._replace(real=real, fake=real.flip(0), painted=real[:, 0] > 99, parts_mask=None)
    attended, off = run(model, test, ("hair",)), run(model, test, None, off=True)
    weighed = times_attention(off, test, ("hair",), mode).maps  # type: ignore[arg-type]
    # The decision, the same factor of a whole map, looks at the parts as well.
    decided = torch.from_numpy(np.minimum(1, 2 * attended.fake_scores) / np.minimum(1, 2 * off.fake_scores)).view(
        2, 1, 1
    )
    torch.testing.assert_close(weighed * decided, attended.maps)


def test_values_of_one_person_stand_in_one_column() -> None:
    test = a_test()
    other = test._replace(people=torch.tensor([2]))
    found = by_person([np.array([0.1, 0.2]), np.array([0.3])], [test, other])
    np.testing.assert_array_equal(found, [[0.1, 0.2, np.nan], [np.nan, np.nan, 0.3]])


def test_a_published_model_with_its_attention_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attention is the left half, which is what was painted, and the map is flat: attention gains 0.5."""
    parser = FaceParser(encoder_name="tu-test_resnet", side=64).freeze()
    model = FakeLocator(**{**TINY, "texture_stem": 8, "attention": "face", "face_parser": parser}).eval()
    flat = Scored(torch.full((2, 4, 4), 0.5), np.ones(2), np.ones(2))
    test = a_test()
    own = times_attention(flat, test, ("hair",))
    monkeypatch.setattr(
        "benchmarks.harness.part_models.run", lambda model, test, parts, off=False: flat if off else own
    )
    found = score_model("ours", model, [test])
    assert list(found["scores"]) == ["ours, attention off", "ours", *(f"ours, {other}" for other in OTHERS)]
    gain = found["gains"]["ours"][OFF_DIAGONAL]
    assert gain["pixel_auc"] == {"mean": 0.5, "low": 0.5, "high": 0.5}
    assert gain["image_auc"]["mean"] == 0
    assert found["gains"]["ours, face and hair, residual"][OFF_DIAGONAL]["pixel_auc"]["mean"] == 0.5


def test_published_models_run_as_they_are() -> None:
    """A parser that sees no face gives attention 1 everywhere: on is off, and nothing is gained."""
    torch.manual_seed(0)
    parser = FaceParser(encoder_name="tu-test_resnet", side=64).freeze()
    parser.has_face = lambda probabilities: torch.zeros(len(probabilities), dtype=torch.bool)  # type: ignore[method-assign]
    test = a_test()
    real = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    painted = torch.zeros(2, 32, 32, dtype=torch.bool)
    painted[:, 8:20] = True
    test = test._replace(real=real, fake=real.flip(0), painted=painted, parts_mask=None)
    model = FakeLocator(**{**TINY, "texture_stem": 8, "attention": "face", "face_parser": parser}).eval()
    gain = score_model("ours", model, [test])["gains"]["ours"][OFF_DIAGONAL]
    assert gain["pixel_auc"] == {"mean": 0, "low": 0, "high": 0} and gain["image_auc"]["mean"] == 0
    assert gain["pixel_auc_parts"]["mean"] is None, "parts are not labelled"
    plain = score_model("plain", FakeLocator(**TINY).eval(), [test])
    assert list(plain["scores"]) == ["plain"] and plain["gains"] == {}


def test_edits_made_elsewhere(data: Path) -> None:
    tests = edit_tests(data / "attributes", FaceParser(encoder_name="tu-test_resnet", side=64).freeze())
    assert {test.name: test.parts for test in tests} == {"gan: Bald": ("hair",), "gan: Young": MANIPULATED}
    assert all(test.fake.shape == (3, 3, 32, 32) for test in tests)
    (data / "attributes/gan/real/b.png").unlink()
    with pytest.raises(FileNotFoundError, match="b_Bald.png is an edit of b"):
        edit_tests(data / "attributes", FaceParser(encoder_name="tu-test_resnet", side=64).freeze())


def test_table_from_folders(data: Path, tiny_folder: Path) -> None:
    options = BenchOptions(
        out=data / "out",
        models=(str(tiny_folder),),
        faces=data / "faces",
        attributes=data / "attributes",
        bank=data / "bank",
        steps=2,
        size=64,
        quick=True,
    )
    cells = cross_attribute.cells(options)
    assert [cell.key for cell in cells] == [
        *(f"{part}/{name}/0" for part in ("hair", "mouth") for name in cross_attribute.VARIANTS),
        "attention alone",
        "model/tiny",
    ]
    section = cross_attribute.section(run_cells(cells, data / "cells"), data)
    assert all(len(row) == len(section.columns) for row in section.rows)
    assert {row[0] for row in section.rows} == {
        "the other parts",
        "the part trained on",
        "gan: Bald",
        "gan: Young",
    }
    assert (data / "cross-attribute.png").is_file() or "extra" in section.text or "pip install" in section.text


def test_needs_labelled_faces(tmp_path: Path) -> None:
    with pytest.raises(Skipped, match="faces with labelled parts"):
        cross_attribute.cells(BenchOptions(out=tmp_path))
    with pytest.raises(Skipped, match="images/ and masks/"):
        cross_attribute.cells(BenchOptions(out=tmp_path, faces=tmp_path))


def test_differences_and_their_interval(tmp_path: Path) -> None:
    """Off the diagonal attention gains 0.09, 0.10 and 0.11 in three seeds: mean 0.10, 95 % t interval +- 0.0248."""

    def result(network: str, seed: int, off: float) -> dict:
        scores = {
            part: {"image_auc": 0.5, "pixel_auc": 0.9 if part == "hair" else off, "pixel_auc_parts": None, "coss": 0.1}
            for part in MANIPULATED
        }
        return {"part": "hair", "seed": seed, "scores": {network: scores}}

    off, on = cross_attribute.STEM, cross_attribute.STEM_FACE
    results = {f"off/{seed}": result(off, seed, 0.5) for seed in range(3)}
    results |= {f"on/{seed}": result(on, seed, 0.59 + seed / 100) for seed in range(3)}
    rows = {row[:2]: row[2:] for row in cross_attribute.section(results, tmp_path).rows}
    assert rows["the other parts", off] == ("0.500", "0.500", "-", "0.100", "-", "-", "-", "-")
    assert rows["the other parts", on][1] == "0.600"
    assert rows["the other parts", on][5] == "+0.100 [+0.075, +0.125]"
    assert rows["the part trained on", on] == ("0.500", "0.900", "-", "0.100", "+0.000", "+0.000", "-", "+0.000")


def test_a_published_model_is_compared_with_itself(tmp_path: Path) -> None:
    figures_of_parts = {
        part: {"image_auc": 0.5, "pixel_auc": 0.6, "pixel_auc_parts": 0.6, "coss": 0.2} for part in MANIPULATED
    }
    gain = {
        "pixel_auc": {"mean": 0.05, "low": 0.02, "high": 0.08},
        "image_auc": {"mean": 0.0, "low": None, "high": None},
    }
    model = {"scores": {"ours": figures_of_parts}, "gains": {"ours": {OFF_DIAGONAL: gain}}}
    (row,) = cross_attribute.section({"model/ours": model}, tmp_path).rows
    assert row[:2] == ("the other parts", "ours")
    assert row[6:] == ("+0.000", "+0.050 [+0.020, +0.080]", "-", "-")
