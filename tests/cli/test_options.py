from __future__ import annotations

from pathlib import Path

import pytest
import typer

from fakelocator_zoo.cli.options import load_localizer


def test_a_bad_device_is_a_usage_error() -> None:
    with pytest.raises(typer.BadParameter, match="'abacus' is no device; give cpu or cuda"):
        load_localizer(None, "abacus")


def test_an_unknown_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fakelocator_"):
        load_localizer("fakelocator_mobilenetv4_conv_smal.open", None)
