"""What every result file says of itself: machine, versions, date, command."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def provenance(seed: int | None = None) -> dict[str, Any]:
    """Where and how a result was measured."""
    packages = ("torch", "torchvision", "timm", "segmentation-models-pytorch", "scikit-image", "numpy")
    # Folders by name: where they lie on this machine is nobody's concern.
    arguments = [f"DATA/{Path(each).name}" if Path(each).is_absolute() else each for each in sys.argv[1:]]
    return {
        "date": datetime.date.today().isoformat(),
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *arguments]),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
        "seed": seed,
    }


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; the first column is text, the others numbers."""
    align = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, align, *rows])


def write_results(name: str, title: str, table: str, values: dict[str, Any], seed: int | None = None) -> None:
    """Print the table, and write ``results/<name>.json`` and ``results/<name>.md``."""
    about = provenance(seed)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({**about, **values}, indent=1) + "\n", encoding="utf-8")
    footer = (
        f"`{about['command']}`, {about['date']}, {about['machine']}, Python {about['python']}, "
        + ", ".join(f"{package} {number}" for package, number in about["versions"].items())
        + (f", seed {seed}" if seed is not None else "")
    )
    text = f"# {title}\n\n{table}\n\n{footer}\n"
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
