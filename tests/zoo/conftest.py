from __future__ import annotations

import json

import pytest

from fakelocator_zoo.hub import sources
from fakelocator_zoo.zoo import models


@pytest.fixture
def root(tiny_model, tmp_path, monkeypatch):
    """A zoo of its own: two FakeLocators of one architecture, one without weights, and a face parser."""
    root = tmp_path / "hub_configs"
    for tag, license in (("open", "apache-2.0"), ("research", "other")):
        about = {"license": license, "trained_on": f"{tag} photos", "description": "A tiny one."}
        tiny_model.save_pretrained(root / f"fakelocator_test_resnet.{tag}", **about)
    (tiny_model.save_pretrained(root / "fakelocator_test_unfinished.open") / "model.safetensors").unlink()
    parser = root / "face_parser.open"
    parser.mkdir()
    (parser / "config.json").write_text(json.dumps({"model_type": "face_parser"}))
    for module in (sources, models):
        monkeypatch.setattr(module, "bundled_root", lambda: root)
    return root
