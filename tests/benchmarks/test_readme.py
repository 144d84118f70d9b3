"""The README's table of the zoo is the published one."""

from __future__ import annotations

import pytest

from benchmarks.readme import ROOT, with_table, zoo_table


def test_the_readme_has_the_published_table() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    made = with_table(readme, zoo_table(ROOT / "benchmarks/results"))
    assert made == readme, (
        "write it anew: python -m benchmarks zoo --out benchmarks/results && python -m benchmarks.readme"
    )


def test_a_table_replaces_the_one_before() -> None:
    assert (
        with_table("a\n<!-- zoo -->\n\nold\n\n<!-- /zoo -->\nb", "new") == "a\n<!-- zoo -->\n\nnew\n\n<!-- /zoo -->\nb"
    )
    with pytest.raises(ValueError, match="README.md has no <!-- zoo -->"):
        with_table("a", "new")
