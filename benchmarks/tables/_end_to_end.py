"""What `speed` measures beside forward passes: folders, start, memory and workers."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import fakelocator_zoo
from benchmarks.harness.contenders import load_model
from benchmarks.harness.options import Options
from benchmarks.harness.table import Skipped
from benchmarks.harness.timing import interleaved_seconds
from fakelocator_zoo.images import list_images, read_image
from fakelocator_zoo.inference.export import export_model
from fakelocator_zoo.inference.folders import Locate, locate_photos
from fakelocator_zoo.inference.localizer import Localizer
from fakelocator_zoo.inference.runtimes import load_model as load_to_run

SIDE = 512  # pixels of the photos
BARE, FOLDER = "bare model", "folder"
IMPORTS, FIRST = "import torch, timm", "first result of `locate`"
MEGAPIXELS = 12

_MEMORY = """
import re, resource, sys
from pathlib import Path
import numpy as np, torch
from fakelocator_zoo import Localizer
torch.set_num_threads(int(sys.argv[2]))
Localizer(sys.argv[1], device="cpu")(np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), np.uint8))
status = Path("/proc/self/status")  # ru_maxrss counts what the parent held when it started this process
found = re.search(r"VmHWM:\\s+(\\d+)", status.read_text()) if status.is_file() else None
print(found[1] if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write_photos(options: Options, folder: Path, count: int) -> list[Path]:
    """JPEG photos of one face, :data:`SIDE` pixels wide and high: those of ``faces/``, or scikit-image's astronaut."""
    faces = None if options.data is None else options.data / "faces"
    if faces is not None and faces.is_dir():
        found = [path for path in list_images([faces]) if "masks" not in path.relative_to(faces).parts]
        chosen = [found[index] for index in np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]
        sources = [Image.fromarray(read_image(path)) for path in chosen]
    else:
        from skimage.data import astronaut

        sources = [Image.fromarray(astronaut()).crop((120, 0, 320, 200))]
    paths = []
    for index, source in zip(range(count), itertools.cycle(sources), strict=False):
        paths.append(folder / f"{index:03}.jpg")
        source.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(paths[-1], quality=92)
    return paths


def time_folder(name: str, options: Options, count: int, budget: float) -> dict[str, Any]:
    """Seconds a round for ``count`` photos: the bare model, and a folder through it and through its exported files."""
    model = load_model(name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos = write_photos(options, folder, count)
        image = torch.from_numpy(read_image(photos[0])).permute(2, 0, 1)[None].float().div(255).contiguous()
        localizers = {FOLDER: Localizer(model, device="cpu")}
        if importlib.util.find_spec("onnxscript") and importlib.util.find_spec("onnxruntime"):
            export_model(model, folder / "model.onnx")
            for runtime, package in (("onnx", "onnxruntime"), ("openvino", "openvino")):
                if importlib.util.find_spec(package):
                    exported = load_to_run(folder / "model.onnx", runtime)
                    localizers[f"{FOLDER}, {runtime}"] = Localizer(exported, device="cpu")
        actions: dict[str, Callable[[], object]] = {BARE: lambda: [model(image) for _ in photos]}
        actions |= {what: functools.partial(_run, photos, each) for what, each in localizers.items()}
        return {"count": count, "seconds": interleaved_seconds(actions, budget=budget)}


def time_start(name: str, options: Options, rounds: int) -> dict[str, Any]:
    """Seconds until a new process has imported torch and timm, and until `locate` has written one photo's results."""
    seconds: dict[str, list[float]] = {IMPORTS: [], FIRST: []}
    with tempfile.TemporaryDirectory() as folder:
        (photo,) = write_photos(options, Path(folder), 1)
        commands = {
            IMPORTS: ["-c", "import torch, timm"],
            FIRST: ["-m", "fakelocator_zoo.cli", "locate", str(photo), "--model", name, "--out", f"{folder}/out"],
        }
        for _ in range(rounds):
            for what, command in commands.items():
                start = time.perf_counter()
                _process(command, options.threads)
                seconds[what].append(time.perf_counter() - start)
    return {"seconds": seconds}


def peak_memory(name: str, options: Options) -> dict[str, Any]:
    """Megabytes of a process that locates in a photo of 4000 x 3000 pixels, all imports included."""
    return {"megabytes": int(_process(["-c", _MEMORY, name, str(options.threads)], options.threads)) / 1024}


def time_ray(name: str, options: Options, count: int) -> dict[str, Any]:
    """Seconds for ``count`` photos with one and with two workers, from their start on.

    Raises:
        Skipped: without Ray or a second core.
    """
    if importlib.util.find_spec("ray") is None:
        raise Skipped("Ray: it needs the extra ray")
    if (os.cpu_count() or 1) < 2 or (hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) < 2):
        raise Skipped("Ray: two workers need two cores")
    import ray

    from fakelocator_zoo.inference.ray_engine import locate_on_ray

    load, seconds = functools.partial(load_on_one_thread, name), {}
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            photos = write_photos(options, Path(folder), count)
            for workers in (1, 2):
                start = time.perf_counter()
                list(locate_on_ray(photos, [], load, Path(folder) / f"out{workers}", workers=workers))
                seconds[f"Ray, {workers} worker{'s' if workers > 1 else ''}"] = [time.perf_counter() - start]
    finally:
        ray.shutdown()
    return {"count": count, "seconds": seconds}


def load_on_one_thread(name: str) -> Locate:
    """What a worker runs."""
    torch.set_num_threads(1)
    return Localizer(name, device="cpu").locate_prepared


def _run(photos: Sequence[Path], localizer: Localizer) -> object:
    with tempfile.TemporaryDirectory() as out:
        return list(locate_photos(photos, lambda: localizer.locate_prepared, Path(out), workers=0))


def _process(command: Sequence[str], threads: int) -> str:
    environment: Mapping[str, str] = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    found = subprocess.run(
        [sys.executable, *command],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(fakelocator_zoo.__file__).parents[1],
    )
    if found.returncode:
        raise ValueError(f"{command[:2]} failed: {found.stderr.strip().splitlines()[-1:]}")
    return found.stdout
