"""What every result file says of itself: machine, versions, commit, date, command."""

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
    "scikit-image",
    "scikit-learn",
    "onnxruntime",
    "openvino",
)


def provenance(seed: int, program: str = "fakelocator") -> dict[str, Any]:
    """Where and how a result was measured, as JSON has it; ``program`` is what the command begins with."""
    return {
        "date": datetime.date.today().isoformat(),
        "command": command_line(sys.argv, program),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "versions": {"fakelocator-zoo": fakelocator_zoo.__version__} | _versions(),
        "commit": commit(),
        "seed": seed,
    }


def without_folders(text: str) -> str:
    """A text in which absolute paths are cut down to their last name.

    >>> without_folders("onnx:/home/me/models/theirs.onnx")
    'onnx:.../theirs.onnx'
    """
    return re.sub(r"(?<![\w.-])/(?:[^/,\s]+/)+", ".../", text)


def command_line(arguments: list[str], program: str = "fakelocator") -> str:
    """The command, however it was started, without where its folders lie."""
    return shlex.join([*program.split(), *(without_folders(each) for each in arguments[1:])])


def commit() -> str | None:
    """The git commit of this checkout, ``+`` added where files differ from it; None for an installed package."""
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


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
