"""What attention costs, for the table `speed`: a model with its face parser beside itself without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
from torch import nn

from benchmarks.harness.timing import interleaved_seconds, quartiles, torch_threads
from fakelocator_zoo.evaluation.tables import markdown_table
from fakelocator_zoo.models.fakelocator import FakeLocator

WITH, WITHOUT, PARSER = "with attention", "without attention", "face parser alone"
#: A small network that everybody knows, for what the parser's milliseconds are worth on this machine.
REFERENCE = "mobilenetv3_small_100"


def attention_seconds(config: Mapping[str, Any], size: int, budget: float, device: str) -> dict[str, list[float]]:
    """Seconds of forward passes of one image on one thread, in turns; speed does not depend on weights.

    Args:
        config: of a model; where it has no attention, ``"face"`` is what it gets.
        size: side of the image in pixels.
        budget: in seconds, see :func:`interleaved_seconds`.
    """
    bare = {key: value for key, value in config.items() if key != "face_parser"}
    attending = FakeLocator(**(bare | {"attention": "face"} if config["attention"] is None else dict(config)))
    assert attending.face_parser is not None
    networks: dict[str, nn.Module] = {
        WITHOUT: FakeLocator(**{**bare, "attention": None}),
        WITH: attending,
        PARSER: attending.face_parser,
        REFERENCE: timm.create_model(REFERENCE, pretrained=False),
    }
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(device)
    ready = {name: network.eval().to(device) for name, network in networks.items()}
    with torch_threads(1):
        return interleaved_seconds(
            {name: lambda network=network: network(image) for name, network in ready.items()},  # type: ignore[misc]
            budget=budget,
            device=device,
        )


def attention_table(seconds: Mapping[str, Sequence[float]]) -> str:
    """Markdown: milliseconds, and the ratios within a round that say what attention and parser cost."""
    rows = [
        (
            name,
            quartiles([1e3 * each for each in taken], 1),
            *(quartiles(_ratios(taken, seconds[base]), 2) for base in (WITHOUT, REFERENCE)),
        )
        for name, taken in seconds.items()
    ]
    return markdown_table(("network", "ms an image", f"times {WITHOUT}", f"times {REFERENCE}"), rows)


def _ratios(seconds: Sequence[float], base: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(seconds, base, strict=True)]
