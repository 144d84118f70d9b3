"""Docstrings as the site shows them: Sphinx roles as code, and ``#:`` comments as the docstrings of attributes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from griffe import Docstring, Extension, Object

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`(~?)([\w.]+)`")


def as_code(docstring: str) -> str:
    """Roles as plain code, with ``~`` the last name alone."""
    return _ROLE.sub(lambda found: f"`{found[2].rsplit('.', 1)[-1] if found[1] else found[2].lstrip('.')}`", docstring)


def comment(lines: Sequence[str], first: int, last: int) -> str:
    """The ``#:`` comment at the end of lines ``first`` to ``last`` of a file (counted from 0), or just above them."""
    if "#:" in lines[last]:
        return lines[last].partition("#:")[2].strip()
    above = first
    while above > 0 and lines[above - 1].strip().startswith("#:"):
        above -= 1
    return " ".join(line.strip().removeprefix("#:").strip() for line in lines[above:first])


class ShownDocstrings(Extension):
    """Applies both to everything that is documented."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_code(obj.docstring.value)
        elif obj.is_attribute and obj.lineno and obj.endlineno and not isinstance(obj.filepath, list):
            text = comment(obj.lines_collection[obj.filepath], obj.lineno - 1, obj.endlineno - 1)
            if text:
                obj.docstring = Docstring(as_code(text), parent=obj)
