"""What the site adds to its pages: readable docstrings, the table of models, and a check that no request leaves it."""

from __future__ import annotations

import runpy
from types import SimpleNamespace
from typing import Any

import pytest

from fakelocator_zoo.hub import bundled_names
from tests.docs.pages import ROOT

pytest.importorskip("mkdocs", reason="the site is built by: pip install 'fakelocator-zoo[docs]'")
pytest.importorskip("griffe", reason="the site is built by: pip install 'fakelocator-zoo[docs]'")


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(ROOT / "docs/site")  # as mkdocs does
    return runpy.run_path(str(ROOT / "docs/site/hooks.py"))


@pytest.mark.parametrize(
    "loaded",
    [
        '<script src="https://host.example/mermaid.js"></script>',
        '<img alt="" src="//host.example/badge.svg">',
        '<link rel="stylesheet" href="https://host.example/fonts.css">',
        '<link href="https://host.example/" rel="preconnect" crossorigin>',
    ],
)
def test_a_page_that_loads_from_another_host_is_refused(hooks: dict[str, Any], loaded: str) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="page.md"))
    with pytest.raises(Exception, match=r"page\.md loads something from another host"):
        hooks["on_post_page"](f"<html>{loaded}</html>", page=page, config=None)


def test_a_page_may_link_to_another_host(hooks: dict[str, Any]) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="page.md"))
    html = '<a href="https://arxiv.org/abs/2001.09598">paper</a><img src="maps.png"><link rel="icon" href="a.png">'
    assert hooks["on_post_page"](html, page=page, config=None) == html


def test_the_table_has_every_model_of_the_package(hooks: dict[str, Any]) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="zoo.md"))
    table = hooks["on_page_markdown"]("<!-- models -->", page=page, config=None, files=None)
    assert all(f"(models/{name}/README.md)" in table for name in bundled_names())


@pytest.mark.parametrize(
    ("docstring", "shown"),
    [
        ("See :class:`~fakelocator_zoo.FakeLocator`.", "See `FakeLocator`."),
        ("As :meth:`from_pretrained` does.", "As `from_pretrained` does."),
        ("``images`` and `maps`", "``images`` and `maps`"),
    ],
)
def test_names_in_docstrings_are_shown_as_code(docstring: str, shown: str) -> None:
    assert docstrings()["as_code"](docstring) == shown


@pytest.mark.parametrize(
    ("source", "line", "shown"),
    [
        ("a: int\nb: int = 1  #: (B,), how many\n", 1, "(B,), how many"),
        ("#: One sentence\n#: in two lines.\nb: int\n", 2, "One sentence in two lines."),
        ("# not for readers\nb: int\n", 1, ""),
    ],
)
def test_comments_of_attributes_are_shown(source: str, line: int, shown: str) -> None:
    assert docstrings()["comment"](source.splitlines(), line, line) == shown


def docstrings() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs/site/docstrings.py"))
