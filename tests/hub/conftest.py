from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tiny_model, tmp_path) -> Path:
    """A saved model."""
    return tiny_model.save_pretrained(tmp_path / "model")
