"""What a model's card says of its validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def validation_metrics(header: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Validation generator -> metric -> value, on images as they are.

    Args:
        header: of :func:`fakelocator_zoo.hub.card.read_card_header`.
    """
    results = [result for index in header.get("model-index") or () for result in index["results"]]
    return {
        result["dataset"]["name"]: {each["name"]: each["value"] for each in result["metrics"]}
        for result in results
        if "JPEG" not in result["dataset"]["name"]
    }
