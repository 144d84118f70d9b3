"""The model card (README.md) of a saved model: what is known of it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_TEMPLATE = """---
{header}
---

# {name}

{description}

A [FakeLocator](https://arxiv.org/abs/2001.09598): for a photo of a face it gives a grey fakeness map at full
resolution (how much a generator changed each pixel) and a real/fake decision. Both are evidence, no proof.

## Use

```python
import torch
import fakelocator_zoo as fz

model = fz.FakeLocator.from_pretrained("{name}")
output = model.predict(torch.rand(1, 3, 256, 256))  # RGB in [0, 1], any height and width
print(output.fakeness_map.shape, output.logits.softmax(dim=1)[:, 1])  # fake probability
```

## What it is

{facts}
{metrics}
"""


def write_card(
    name: str,
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    *,
    licence: str,
    description: str,
    trained_on: str,
    metrics: Mapping[str, Mapping[str, float]],
) -> str:
    """The text of README.md; ``metrics`` is {evaluation set: {metric: value}} and may be empty."""
    from huggingface_hub import ModelCardData

    about: dict[str, Any] = {"description": description, "trained_on": trained_on}
    header = ModelCardData(
        library_name="fakelocator-zoo",
        pipeline_tag="image-segmentation",
        license=licence,
        tags=["deepfake-detection", "image-forensics", "segmentation-models-pytorch"],
        **{key: value for key, value in about.items() if value},
    )
    attention = config["attention"]
    stem = config["texture_channels"]
    facts = {
        "Encoder": f"`{config['encoder_name']}`, {config['encoder_depth']} stages",
        "Decoder upsampling": config["decoder_upsampling"],
        "Texture stem": f"{stem} channels" if stem else "none",
        "Attention": ", ".join(attention) if attention else "none",
        "Numbers in the weights file": f"{sum(value.numel() for value in tensors.values()):,}",
        "Trained on": trained_on or "not stated",
        "Licence": licence,
    }
    return _TEMPLATE.format(
        header=header.to_yaml().strip(),
        name=name,
        description=description or "No description was given.",
        facts=_table(("", ""), list(facts.items())),
        metrics=_metrics(metrics),
    )


def read_card_header(folder: Path) -> dict[str, Any]:
    """The front matter of a model folder's README.md; empty where there is none."""
    from huggingface_hub import metadata_load

    path = folder / "README.md"
    return metadata_load(path) or {} if path.is_file() else {}


def _metrics(metrics: Mapping[str, Mapping[str, float]]) -> str:
    if not metrics:
        return ""
    columns = list(dict.fromkeys(column for row in metrics.values() for column in row))
    rows = [
        (name, *(f"{row[column]:.3f}" if column in row else "" for column in columns)) for name, row in metrics.items()
    ]
    return "\n## Measured\n\n" + _table(("Evaluation set", *columns), rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
