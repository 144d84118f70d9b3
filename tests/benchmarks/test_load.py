"""The page under a few clients for two seconds."""

from __future__ import annotations

import sys

import pytest

from benchmarks.harness.options import Options
from benchmarks.tables import load


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_nobody_gets_an_error(options: Options) -> None:
    pytest.importorskip("gradio")
    table = load.run(options)
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert int(row["answered"]) > 0 and row["errors"] == "0", table.details
    assert float(row["s alone"]) > 0 and len(table.rows[0]) == len(table.columns)
