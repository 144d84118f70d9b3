from __future__ import annotations

import pytest

from tests.inference.stubs import StubModel


@pytest.fixture
def model() -> StubModel:
    return StubModel().eval()
