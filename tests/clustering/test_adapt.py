from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from fakelocator_zoo import FakeLocator, cli
from fakelocator_zoo.clustering.adapt import Adapter, parse_labelled
from fakelocator_zoo.images import ImageError
from fakelocator_zoo.inference import faces
from fakelocator_zoo.inference.localizer import Localizer

runner = CliRunner()


def photo(fake: bool, seed: int) -> np.ndarray:
    """(40, 40, 3) uint8: bright coarse stripes where fake, dark noise where real."""
    rng = np.random.default_rng(seed)
    if fake:
        stripes = np.tile(np.array([90, 250, 250, 90]), 10)[None, :, None]
        return np.clip(stripes + rng.normal(0, 8, (40, 40, 3)), 0, 255).astype(np.uint8)
    return np.clip(rng.normal(40, 8, (40, 40, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def loaded(tiny_model: FakeLocator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def load(name: str) -> FakeLocator:
        names.append(name)
        return tiny_model

    monkeypatch.setattr(FakeLocator, "from_pretrained", load)
    monkeypatch.setattr(faces, "find_faces", lambda image: [])
    return names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve real and ten fake photos, in two folders."""
    for index in range(22):
        path = tmp_path / "photos" / ("a" if index % 2 else "b") / f"{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(index >= 12, index)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def alike(tmp_path: Path) -> Path:
    (tmp_path / "alike").mkdir()
    for index in range(16):
        Image.fromarray(photo(False, index)).save(tmp_path / "alike" / f"{index:02d}.png")
    return tmp_path / "alike"


def run(command: str, *arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(cli.app, [command, *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "results.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_label_and_then_locate(folder: Path, tmp_path: Path, tiny_model: FakeLocator, loaded: list[str]) -> None:
    out = tmp_path / "out"
    code, stdout, stderr = run("adapt", folder, "--labelled", "b/20.png=fake", "--out", out, "--model", "some")
    assert code == 0, stderr
    assert "10 fake, 12 real" in stdout
    assert "stability" in stdout
    found = rows(out)
    assert list(found[0]) == ["path", "cluster", "label", "probability"]
    assert len(found) == 22
    for row in found:
        fake = int(Path(row["path"]).stem) >= 12
        assert row["label"] == ("fake" if fake else "real")
        assert (float(row["probability"]) >= 0.5) == fake
        assert row["cluster"] in ("0", "1")
    picture = np.asarray(Image.open(out / "scatter.png"))
    assert picture.shape[2] == 3
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100  # thumbnails, not dots alone
    assert sorted(path.name for path in (out / "adapter").iterdir()) == ["config.json", "model.safetensors"]

    new = {"fake": tmp_path / "new_fake.png", "real": tmp_path / "new_real.png"}
    for kind, path in new.items():
        Image.fromarray(photo(kind == "fake", 99)).save(path)
    code, stdout, stderr = run(
        "locate", *new.values(), "--adapter", out / "adapter", "--out", tmp_path / "maps", "--json"
    )
    assert code == 0, stderr
    assert loaded == ["some", "some"]
    decided = json.loads(stdout)
    assert [row["fake_probability"] >= 0.5 for row in decided] == [True, False]
    for row, path in zip(decided, new.values(), strict=True):
        own = Localizer(tiny_model, device="cpu")(path)
        assert row["adapter"] == str(out / "adapter") and row["verdict"] in ("fake", "real", "not judged")
        assert row["map_mean"] == pytest.approx(float(own.fakeness_map.mean()), abs=1e-5)
    code, stdout, _ = run("locate", new["fake"], "--adapter", out / "adapter", "--out", tmp_path / "maps")
    assert code == 0
    assert "adapter" in stdout


def test_not_separable_invents_nothing(folder: Path, alike: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("adapt", folder, "--labelled", "b/20.png=fake", "--out", out)[0] == 0
    code, stdout, stderr = run("adapt", alike, "--labelled", "03.png=fake", "--out", out)
    assert code == 3, stderr
    assert "not separable" in stdout
    found = rows(out)
    assert len(found) == 16
    assert {row["label"] for row in found} == {""}
    assert {row["probability"] for row in found} == {""}
    assert {row["cluster"] for row in found} == {"0", "1"}
    assert (out / "scatter.png").is_file()
    # That of the earlier run does not belong to these results.
    assert not (out / "adapter").exists()


def test_one_bad_file_does_not_stop_the_rest(folder: Path, tmp_path: Path) -> None:
    bad = folder / "a" / "03.png"
    bad.write_bytes(bad.read_bytes()[:100])
    out = folder / "out"
    for _ in range(2):  # the second run does not take scatter.png for a photo
        code, stdout, stderr = run("adapt", folder, "--labelled", folder / "a" / "13.png=fake", "--out", out)
        assert code == 1
        assert "03.png is damaged or cut off" in stderr
        assert "21 clustered, 1 failed" in stderr
        assert "10 fake, 11 real" in stdout
        assert len(rows(out)) == 21


def test_several_labels_and_a_contradiction(folder: Path, tmp_path: Path) -> None:
    arguments = [f"--labelled={name}" for name in ("b/00.png=real", "b/20.png=fake", "a/01.png=fake")]
    code, stdout, stderr = run("adapt", folder, *arguments, "--out", tmp_path / "out")
    assert code == 0, stderr
    assert "contradiction: " in stdout
    assert "01.png" in stdout
    assert "10 fake, 12 real" in stdout


def test_a_labelled_image_from_elsewhere_is_added(folder: Path, tmp_path: Path) -> None:
    Image.fromarray(photo(True, 50)).save(tmp_path / "known.png")
    code, stdout, stderr = run("adapt", folder, "--labelled", f"{tmp_path / 'known.png'}=fake", "--out", tmp_path / "o")
    assert code == 0, stderr
    assert "11 fake, 12 real" in stdout


@pytest.mark.parametrize(
    ("labelled", "message"),
    [
        ("none.png=fake", "labelled image none.png does not exist"),
        ("b/20.png", "IMAGE=fake or IMAGE=real"),
        ("b/20.png=false", "IMAGE=fake or IMAGE=real"),
    ],
)
def test_bad_labels(folder: Path, tmp_path: Path, labelled: str, message: str) -> None:
    code, stdout, stderr = run("adapt", folder, "--labelled", labelled, "--out", tmp_path / "out")
    assert code == 1
    assert stdout == ""
    assert message in stderr
    assert stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_usage_errors(folder: Path, tmp_path: Path) -> None:
    assert run("adapt", folder)[0] == 2
    assert run("adapt", folder, "--labelled", "b/20.png=fake", "--method", "umap")[0] == 2
    code, _, stderr = run("adapt", tmp_path / "none", "--labelled", f"{folder / 'b' / '20.png'}=fake")
    assert code == 1
    assert "does not exist" in stderr


def test_too_few_photos_and_no_readable_label(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    for index in range(3):
        Image.fromarray(photo(False, index)).save(tmp_path / "few" / f"{index}.png")
    code, _, stderr = run("adapt", tmp_path / "few", "--labelled", "0.png=real", "--out", tmp_path / "out")
    assert code == 1
    assert "3 images can be read, and clustering needs 4 at least" in stderr
    (folder / "a" / "03.png").write_bytes(b"no image")
    code, _, stderr = run("adapt", folder, "--labelled", "a/03.png=real", "--out", tmp_path / "out")
    assert code == 1
    assert "no labelled image can be read" in stderr


def test_parse_labelled(folder: Path) -> None:
    odd = folder / "a=b.png"
    Image.fromarray(photo(False, 0)).save(odd)
    assert parse_labelled(["a=b.png=real"], folder) == {odd.resolve(): "real"}
    with pytest.raises(ValueError, match="both real and fake"):
        parse_labelled(["a=b.png=real", f"{odd}=fake"], folder)
    with pytest.raises(ValueError, match="one image at least"):
        parse_labelled([], folder)
    with pytest.raises(ImageError, match="does not exist"):
        parse_labelled(["=real=real"], folder)


def test_an_adapter_of_another_model_is_refused(folder: Path, tmp_path: Path, tiny_model: FakeLocator) -> None:
    out = tmp_path / "out"
    run("adapt", folder, "--labelled", "b/20.png=fake", "--out", out)
    adapter = Adapter(out / "adapter", tiny_model)
    image = photo(True, 77)
    with torch.no_grad():
        features = tiny_model.encode(torch.from_numpy(image).permute(2, 0, 1)[None] / 255).numpy()
    assert adapter.fake_probability(image) == pytest.approx(adapter.clusters.fake_probability(features)[0], abs=1e-6)
    with torch.no_grad():
        next(tiny_model.encoder.parameters()).add_(1e-3)
    code, _, stderr = run("locate", folder, "--adapter", out / "adapter", "--out", tmp_path / "maps")
    assert code == 1
    assert "was made with other weights" in stderr
    code, _, stderr = run("locate", folder, "--adapter", folder, "--out", tmp_path / "maps")
    assert code == 1
    assert "config.json" in stderr
