"""What the site holds beside its pages: pictures, the zoo's table, model cards and results; no request leaves it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from pictures import pictures

ROOT = Path(__file__).parents[2]
_COPIED = {".png", ".jpg", ".svg", ".json", ".csv"}
_KINDS = {"face_parser": "finds 19 face parts", "generator_demo": "repaints the portrait of `fakelocator demo`"}
#: What a browser loads by itself.
_LOADS = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["'](?:https?:)?//|<link[^>]+rel=["'](?:stylesheet|preconnect)["'][^>]+href=["'](?:https?:)?//"""
)
_LOADS_BY_HREF = re.compile(r"""<link[^>]+href=["'](?:https?:)?//[^"']+["'][^>]+rel=["'](?:stylesheet|preconnect)""")


def on_files(files: Files, config: Any) -> Files:
    """Add what is made from the code, the model folders and the published tables."""
    for name, content in pictures().items():
        files.append(File.generated(config, f"pictures/{name}", content=content))
    for card in sorted((ROOT / "hub_configs").glob("*.*/README.md")):
        _copy(files, config, card.parent, f"models/{card.parent.name}")
    _copy(files, config, ROOT / "benchmarks/results", "results")
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Fill in the tables that are written by a command."""
    if page.file.src_uri == "zoo.md":
        return markdown.replace("<!-- models -->", _models())
    if page.file.src_uri == "results.md":
        tables = sorted(each.src_uri for each in files.documentation_pages() if each.src_uri.startswith("results/"))
        listed = "\n".join(f"- [{Path(each).stem}]({each})" for each in tables if not each.endswith("README.md"))
        return markdown.replace("<!-- tables -->", listed)
    return markdown


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Refuse a page that loads something from another host."""
    found = _LOADS.search(output) or _LOADS_BY_HREF.search(output)
    if found:
        raise PluginError(f"{page.file.src_uri} loads something from another host: {found.group()}")
    return output


def _copy(files: Files, config: Any, folder: Path, place: str) -> None:
    for path in sorted(folder.iterdir()):
        if path.suffix == ".md" or (path.suffix in _COPIED and path.name != "config.json"):
            files.append(File.generated(config, f"{place}/{path.name}", abs_src_path=str(path)))


def _models() -> str:
    from fakelocator_zoo.hub import bundled_names, bundled_root
    from fakelocator_zoo.hub.card import read_card_header
    from fakelocator_zoo.hub.files import WEIGHTS, count_parameters

    lines = ["| Name | Parameters | License | What it is |", "|---|---:|---|---|"]
    for name in bundled_names():
        folder = bundled_root() / name
        card, weights = read_card_header(folder), folder / WEIGHTS
        count = f"{count_parameters(weights) / 1e6:.2f} M" if weights.is_file() else ""
        about = card.get("description") or _KINDS.get(name.partition(".")[0], "")
        lines.append(f"| [`{name}`](models/{name}/README.md) | {count} | {card.get('license', '')} | {about} |")
    return "\n".join(lines)
