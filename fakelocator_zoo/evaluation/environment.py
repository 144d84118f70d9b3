"""Provenance of a result: machine, versions, commit, date and command."""

from __future__ import annotations

import datetime
import os
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fakelocator_zoo

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "segmentation-models-pytorch",
    "kornia",
    "numpy",
    "scikit-learn",
    "onnxruntime",
    "openvino",
)


def provenance(seed: int, program: str = "fakelocator") -> dict[str, Any]:
    """Date, command, machine, versions, commit and seed as a JSON object; ``program`` is the start of the command."""
    versions = {"fakelocator-zoo": fakelocator_zoo.__version__}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.date.today().isoformat(),
        "command": shlex.join([*program.split(), *map(without_folders, sys.argv[1:])]),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "versions": versions,
        "commit": commit(),
        "seed": seed,
    }


def without_folders(text: str) -> str:
    """The text with absolute paths reduced to their last name.

    >>> without_folders("onnx:/home/me/models/theirs.onnx")
    'onnx:.../theirs.onnx'
    """
    return re.sub(r"(?<![\w.-])/(?:[^/,\s]+/)+", ".../", text)


def commit() -> str | None:
    """The git commit of this checkout, with ``+`` where files differ from it; None for an installed package."""
    folder = Path(fakelocator_zoo.__file__).parent.parent
    if not (folder / ".git").exists():
        return None
    try:
        head, changes = (
            subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True, timeout=20).stdout
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.strip() + ("+" if changes.strip() else "")


def processor() -> str:
    """The processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
