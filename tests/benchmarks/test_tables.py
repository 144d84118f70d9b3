"""What each table measures: edits, unchanged images, networks that differ as they say, and files of a table alone."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score
from tests.bench.conftest import photo, write

from benchmarks.harness import ablation, demo, speed
from benchmarks.harness.evaluations import difference
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.run import run_bench
from fakelocator_zoo.evaluation.results import MAP_METRICS, Evaluation, ScoredFake, ScoredPhoto
from fakelocator_zoo.models.fakelocator import FakeLocator


@pytest.fixture
def attending(tmp_path: Path) -> Path:
    """A model as the published ones are: its attention weighs the map of the stem, and no stage of the encoder."""
    model = FakeLocator(
        "tu-test_resnet",
        encoder_weights=None,
        decoder_channels=(8, 8, 8, 8, 8),
        texture_stem=8,
        attention="face",
        attention_mode="prior",
    )
    assert model.config["attention_stages"] == []
    return model.eval().save_pretrained(tmp_path / "attending")


@pytest.fixture
def attributes(tmp_path: Path) -> Path:
    """Two edits of three people by one generator."""
    for person in range(3):
        real = photo(person)
        write(tmp_path / f"attributes/gan/real/{person}.png", real)
        write(tmp_path / f"attributes/gan/fake/{person}_Bald.png", real // 2)
        write(tmp_path / f"attributes/gan/fake/{person}_Young.png", gaussian_filter(real, (3, 3, 0)))
    return tmp_path / "attributes"


def test_edits_of_attributes_have_one_row_a_predictor(options: BenchOptions, attributes: Path) -> None:
    options = dataclasses.replace(
        options, pairs=None, whole=None, attributes=attributes, rivals=("constant",), baseline="constant", limit=3
    )
    (section,) = run_bench(options, ("generators",))
    rows = {row[:2]: dict(zip(section.columns, row, strict=True)) for row in section.rows}
    assert set(rows) == {("attributes/gan: 2 attributes", each) for each in ("tiny", "constant", "true mask")}
    constant, model = (rows["attributes/gan: 2 attributes", each] for each in ("constant", "tiny"))
    assert constant["fakes"] == "6" and constant["AUC"] == "0.500 [0.500, 0.500]"
    # The truth is |real - fake| and no map of ones, so a constant is not right everywhere.
    assert 0.3 < float(constant["COSS"].split()[0]) < 0.99
    assert float(model["Δ AUC"].split()[0]) == pytest.approx(float(model["AUC"].split()[0]) - 0.5, abs=1.1e-3)


def test_images_as_they_are_are_measured_once_and_start_every_curve(options: BenchOptions) -> None:
    (section,) = run_bench(dataclasses.replace(options, rivals=("gaussian",)), ("robustness", "generators"))[:1]
    shown = [row[0] for row in section.rows]
    assert shown.count("unchanged") == 2 and "Downscaling, factor 1" not in shown  # two predictors
    cells = json.loads((options.out / "bench.json").read_text())["tables"]
    alone = cells["generators"]["cells"]["pairs/centred Gaussian/dark"]["result"]["fakes"]
    assert cells["robustness"]["cells"]["unchanged/centred Gaussian/dark"]["result"]["fakes"] == alone[:1]


def test_the_networks_of_the_ablation_differ_as_they_say(options: BenchOptions, attending: Path) -> None:
    options = dataclasses.replace(options, models=(str(attending),))
    models = {name: FakeLocator(**ablation.variant_config(name, options)).config for name in ablation.VARIANTS}
    plain = models[ablation.REFERENCE]
    assert plain["attention"] is plain["texture_stem"] is None
    attended = models["with attention to the face's parts"]
    assert attended["attention"] and attended["attention_stages"] and attended["attention_mode"] == "multiply"
    assert models["with the texture stem"]["texture_stem"] == 32
    assert models["upsampling: nearest"]["decoder_upsampling"] == "nearest"


def test_speed_compares_networks_that_differ_as_they_say(options: BenchOptions, attending: Path) -> None:
    options = dataclasses.replace(options, models=(str(attending), options.models[0]))
    networks = speed.timed_networks(options)
    without, plain = networks["attending, no attention"], networks["attending, no attention, no texture stem"]
    assert networks["attending"].face_parser is not None and without.face_parser is plain.face_parser is None
    assert without.texture is not None and plain.texture is None
    assert {"tiny", speed.UNET, speed.ENCODER} < networks.keys()


def test_models_of_one_architecture_are_timed_once(options: BenchOptions, tmp_path: Path) -> None:
    twin = FakeLocator.from_pretrained(options.models[0]).save_pretrained(tmp_path / "twin")
    assert speed.timed_models(dataclasses.replace(options, models=(*options.models, str(twin)))) == [*options.models]


def decided(name: str, real: list[float], fake: list[float], paired: bool) -> Evaluation:
    scores = dict.fromkeys(MAP_METRICS, float("nan"))
    names = [str(i) if paired else f"fake{i}" for i in range(len(fake))]
    fakes = tuple(ScoredFake(each, "gan", scores, value) for each, value in zip(names, fake, strict=True))
    photos = tuple(ScoredPhoto(str(i), value) for i, value in enumerate(real))
    return Evaluation(name, 0.05, paired, ("gan",), fakes, photos, ())


@pytest.mark.parametrize("paired", [True, False])
def test_the_difference_of_two_aucs_is_that_of_scikit_learn(paired: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = (decided(each, rng.random(12).tolist(), (rng.random(12) + 0.3).tolist(), paired) for each in "ab")
    expected = [
        roc_auc_score([0] * 12 + [1] * 12, [row.fake_probability for row in (*each.photos, *each.fakes)])
        for each in (a, b)
    ]
    found = difference(a, b, "auc", ("gan",))
    assert found.mean == pytest.approx(expected[0] - expected[1]) and found.low <= found.mean <= found.high
    assert difference(a, a, "auc", ("gan",)).high == 0


def test_each_table_is_written_alone_with_its_pictures(options: BenchOptions, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = tmp_path / "results"
    options = dataclasses.replace(options, rivals=("gaussian",), results=results, pairs=options.pairs)
    run_bench(options, ("robustness", "cross-attribute"))
    assert {path.name for path in results.iterdir()} == {"robustness.md", "robustness.json", "robustness.png"}
    text = (results / "robustness.md").read_text()
    assert text.startswith("# Robustness\n") and "](robustness.png)" in text and "seed 0" in text
    values = json.loads((results / "robustness.json").read_text())
    assert len(values["rows"][0]) == len(values["columns"]) and values["about"]["versions"]
    assert str(tmp_path) not in text + json.dumps(values)


def test_the_gallery_shows_photo_fake_and_maps_and_is_small(options: BenchOptions, tmp_path: Path) -> None:
    options = dataclasses.replace(options, quick=False)
    section = demo.section({cell.key: cell.compute() for cell in demo.cells(options)[:2]}, tmp_path)
    ((name, caption),) = section.pictures.items()
    content = (tmp_path / name).read_bytes()
    with Image.open(io.BytesIO(content)) as gallery:
        assert gallery.width < 900 and gallery.height < 2 * 230
    assert len(content) < 250_000 and "located map" in caption
