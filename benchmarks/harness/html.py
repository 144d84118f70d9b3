"""The report as one HTML page that needs no other file: pictures inside, no script, made to be printed as well."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

_INTERVAL = re.compile(r"(\[-?[\d.]+,) (-?[\d.]+\])")
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 76rem;
  margin: 2rem auto; padding: 0 1.25rem; }
h1, h2 { line-height: 1.25; }
h2 { margin-top: 2.75rem; border-bottom: 1px solid #bbb; padding-bottom: .25rem; }
p code, li code { background: #f2f2f2; padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #333; }
tbody tr:nth-child(even) { background: #f7f7f7; }
img { max-width: 100%; height: auto; }
small { color: #444; }
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { max-width: none; margin: 0; font-size: 10pt; }
  h2 { break-after: avoid; }
  table { font-size: 7pt; }
  img { max-height: 170mm; width: auto; }
  th, td { padding: .15rem .3rem; }
  td:nth-child(-n+2) { max-width: 36mm; overflow-wrap: anywhere; }
  tr, p:has(img) { break-inside: avoid; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; }
}
"""


def html_page(markdown: str, folder: Path, title: str) -> str:
    """Markdown (CommonMark with tables) as a page; its pictures are read from ``folder`` and written into it.

    Raises:
        FileNotFoundError: where a picture is missing.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")

    def image(tokens: Sequence[Token], index: int, *_: Any) -> str:
        token = tokens[index]
        content = base64.b64encode((folder / str(token.attrs["src"])).read_bytes()).decode()
        caption = escape(token.content)
        return f'<img alt="{caption}" src="data:image/png;base64,{content}"><br><small>{caption}</small>'

    parser.renderer.rules["image"] = image  # type: ignore[attr-defined]
    parser.renderer.rules["table_open"] = lambda *_: '<div class="scroll"><table>\n'  # type: ignore[attr-defined]
    parser.renderer.rules["table_close"] = lambda *_: "</table></div>\n"  # type: ignore[attr-defined]
    # A figure may break before its interval, never inside it.
    body = _INTERVAL.sub(r"\1&nbsp;\2", parser.render(markdown))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
