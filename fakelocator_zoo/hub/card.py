"""The model card (README.md) of a saved model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fakelocator_zoo.hub.files import CARD

LIBRARY = "fakelocator-zoo"


class _Kind(NamedTuple):
    """What the cards of one type of model have in common."""

    pipeline_tag: str
    tags: tuple[str, ...]
    summary: str
    use: str
    cite: str = ""


_KINDS = {
    "fakelocator": _Kind(
        "image-segmentation",
        ("deepfake-detection", "image-forensics", "segmentation-models-pytorch"),
        "A [FakeLocator](https://arxiv.org/abs/2001.09598): for a photo of a face it gives a grey fakeness map at\n"
        "full resolution (how much a generator changed each pixel) and a real/fake decision.",
        "output = model.predict(torch.rand(1, 3, 256, 256))  # RGB in [0, 1], any height and width\n"
        "print(output.fakeness_map.shape, output.fake_probability)",
        """
## How to cite

```bibtex
@article{huang2022fakelocator,
  title = {FakeLocator: Robust Localization of GAN-Based Face Manipulations},
  author = {Huang, Yihao and Juefei-Xu, Felix and Guo, Qing and Liu, Yang and Pu, Geguang},
  journal = {IEEE Transactions on Information Forensics and Security},
  year = {2022},
}
```

The method is the paper's. The weights are not: its data was not used.
""",
    ),
    "face_parser": _Kind(
        "image-segmentation",
        ("face-parsing",),
        "A face parser: for each pixel of a photo it gives the probability of each part (skin, hair, mouth, ...).",
        'mouth = model.part_map(torch.rand(1, 3, 256, 256), "mouth")  # RGB in [0, 1] -> (1, 1, 256, 256) in [0, 1]',
    ),
    "generator": _Kind(
        "image-to-image",
        ("image-forensics",),
        "A small auto-encoder that re-synthesises photos and leaves the traces that a FakeLocator learns to find.",
        "fake = model(torch.rand(1, 3, 256, 256))  # RGB in [0, 1], any height and width",
    ),
}

_TEMPLATE = """---
{header}
---

# {name}

{description}

{summary}

## Use

```python
import torch
import fakelocator_zoo as fz

model = fz.{class_name}.from_pretrained("{name}")
{use}
```

## What it is

{facts}
{metrics}{cite}"""


def write_card(
    name: str,
    class_name: str,
    config: Mapping[str, Any],
    numbers: int,
    *,
    license: str,
    description: str,
    trained_on: str,
    training: str = "",
    metrics: Mapping[str, Mapping[str, float]],
) -> str:
    """The text of README.md, whose front matter is the Hub's.

    Args:
        name: what ``from_pretrained`` loads it by.
        class_name: of the model.
        config: as in config.json.
        numbers: how many there are in the weights file.
        license: an identifier as the Hub uses them.
        description, trained_on: one sentence each, or nothing.
        training: command, steps, time and seed, or nothing.
        metrics: ``{evaluation set: {metric: value}}``, or nothing.
    """
    from huggingface_hub import EvalResult, ModelCardData

    kind = _KINDS[config["model_type"]]
    about = {"description": description, "trained_on": trained_on}
    columns = list(dict.fromkeys(column for row in metrics.values() for column in row))
    results = [
        EvalResult(
            task_type=kind.pipeline_tag,
            dataset_type=_identifier(dataset),
            dataset_name=dataset,
            metric_type=_identifier(metric),
            metric_name=metric,
            metric_value=value,
        )
        for dataset, row in metrics.items()
        for metric, value in row.items()
    ]
    header = ModelCardData(
        library_name=LIBRARY,
        pipeline_tag=kind.pipeline_tag,
        license=license,
        tags=list(kind.tags),
        metrics=[_identifier(column) for column in columns] or None,
        model_name=name if results else None,
        eval_results=results or None,
        **{key: value for key, value in about.items() if value},  # type: ignore[arg-type]
    )
    values = {**config, **(config.get("limits") or {})}
    facts = {f"`{key}`": _fact(value) for key, value in values.items() if not isinstance(value, Mapping)}
    facts |= {
        "Numbers in the weights file": f"{numbers:,}",
        "Trained on": trained_on or "not stated",
        **({"Training": training} if training else {}),
        "License": license,
    }
    return _TEMPLATE.format(
        header=header.to_yaml().strip(),
        name=name,
        class_name=class_name,
        description=description or "No description was given.",
        summary=kind.summary,
        use=kind.use,
        facts=_table(("", ""), list(facts.items())),
        metrics=_metrics(metrics, columns),
        cite=kind.cite,
    )


def read_card_header(folder: Path) -> dict[str, Any]:
    """The front matter of a model folder's README.md; empty where there is none."""
    from huggingface_hub import metadata_load

    path = folder / CARD
    return metadata_load(path) or {} if path.is_file() else {}


def _identifier(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _fact(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _metrics(metrics: Mapping[str, Mapping[str, float]], columns: list[str]) -> str:
    if not metrics:
        return ""
    rows = [
        (name, *(f"{row[column]:.3f}" if column in row else "" for column in columns)) for name, row in metrics.items()
    ]
    return "\n## Measured\n\n" + _table(("Evaluation set", *columns), rows) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
