"""What is released: the wheel, the sdist, the Space's folder, and one version everywhere."""

from __future__ import annotations

import runpy
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from fakelocator_zoo import __version__
from fakelocator_zoo.hub import bundled_names
from tests.docs.pages import ROOT

builders = pytest.importorskip("hatchling.builders.wheel", reason="packages are built by: pip install hatchling")
LARGEST = 40e6  # bytes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(next(builders.WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")))))


def test_the_wheel_holds_package_and_models_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    assert {name.split("/")[0] for name in names} == {"fakelocator_zoo", f"fakelocator_zoo-{__version__}.dist-info"}
    assert "fakelocator_zoo/py.typed" in names
    for model in bundled_names():
        for file in ("config.json", "model.safetensors", "README.md", "recipe.yaml"):
            assert f"fakelocator_zoo/_hub_configs/{model}/{file}" in names
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "fakelocator_zoo").rglob("*.py")}
    assert sources <= names
    assert not [name for name in names if "test" in Path(name).parts or "__pycache__" in name]
    assert wheel.stat().st_size < LARGEST


def test_the_sdist_holds_what_its_tests_read(tmp_path: Path) -> None:
    sdist = pytest.importorskip("hatchling.builders.sdist")
    built = Path(next(sdist.SdistBuilder(str(ROOT)).build(directory=str(tmp_path))))
    with tarfile.open(built) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    needed = ("pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "tests/conftest.py")
    assert set(needed) <= names
    assert {"benchmarks/__main__.py", "docs/index.md", "mkdocs.yml"} <= names
    assert not [name for name in names if name.startswith(("runs/", ".git/"))]
    assert built.stat().st_size < LARGEST


def test_the_space_is_no_model_and_serves_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [name for name in bundled_names() if "space" in name]
    pytest.importorskip("gradio")
    from fakelocator_zoo.app import limits

    monkeypatch.setattr(limits, "CONTENT_POLICY", limits.CONTENT_POLICY)
    called: dict[str, object] = {}
    monkeypatch.setattr("fakelocator_zoo.cli.serve.serve", lambda **options: called.update(options))
    runpy.run_path(str(ROOT / "hub_configs/space/app.py"), run_name="__main__")
    assert called == {"host": "0.0.0.0", "port": 7860, "model": None}
    assert "frame-ancestors https://huggingface.co" in limits.CONTENT_POLICY
    _, header, _ = (ROOT / "hub_configs/space/README.md").read_text(encoding="utf-8").split("---", 2)
    about = yaml.safe_load(header)
    assert about["sdk"] == "gradio" and about["app_file"] == "app.py"


def test_one_version_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert f"=={__version__}" in (ROOT / "hub_configs/space/requirements.txt").read_text()
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f": {page.name}\n" in text, f"add {page.name} to the nav of mkdocs.yml"
