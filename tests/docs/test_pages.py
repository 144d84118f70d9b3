"""Every code block of the documentation runs; commands that take long or need a cluster have their options checked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import NOT_RUN, ROOT, SERVED, blocks, run_page

#: tests/docs/test_stranger.py runs it whole.
WALK = "backbones.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


class LocalHub:
    """huggingface_hub.HfApi with a folder in place of the Hub."""

    root: Path

    def __init__(self, token: str | None = None) -> None: ...

    def create_repo(self, repo_id: str, **_: object) -> None:
        (self.root / repo_id).mkdir(parents=True, exist_ok=True)

    def upload_folder(self, *, repo_id: str, folder_path: Path, **_: object) -> Any:
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)
        return type("Commit", (), {"commit_url": f"hub://{repo_id}"})


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalHub.root = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.HfApi", LocalHub)
    monkeypatch.setattr(
        "huggingface_hub.hf_hub_download", lambda repo, filename, **_: str(LocalHub.root / repo / filename)
    )


@pytest.fixture
def address(page: Path) -> Iterator[str | None]:
    """Of the page, which is served where Python blocks of the documentation speak to it."""
    if not any(SERVED in block.text for block in blocks(page) if block.language == "python"):
        yield None
        return
    pytest.importorskip("gradio")
    from fakelocator_zoo.app.handlers import Models
    from fakelocator_zoo.app.page import served
    from fakelocator_zoo.zoo.models import DEFAULT_MODEL

    with served(Models({DEFAULT_MODEL: DEFAULT_MODEL}), DEFAULT_MODEL, "127.0.0.1", None) as (_, address):
        yield address


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in PAGES if page.name != WALK])
@pytest.mark.filterwarnings("ignore:the samples do not fall into two clusters")
def test_the_code_of_a_page_runs(page: Path, example_folder: Path, address: str | None) -> None:
    import torch

    import fakelocator_zoo as fz

    # The README shows lines, not programs.
    names = {"fz": fz, "images": torch.rand(1, 3, 96, 80)} if page.parent == ROOT else {}
    run_page(page, example_folder, NOT_RUN, names, address)


def test_a_page_with_an_unknown_option_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nfakelocator train recipe.yaml --colour red\n```\n")
    with pytest.raises(Exception, match="No such option"):
        run_page(page, tmp_path, NOT_RUN)
