"""Docstrings name code as Sphinx does (``:class:`Name` ``); the site shows it as code."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`(~?)([\w.]+)`")


def as_code(docstring: str) -> str:
    """Roles as plain code, with ``~`` the last name alone."""
    return _ROLE.sub(lambda found: f"`{found[2].rsplit('.', 1)[-1] if found[1] else found[2].lstrip('.')}`", docstring)


class PlainRoles(Extension):
    """Applies :func:`as_code` to every docstring."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_code(obj.docstring.value)
