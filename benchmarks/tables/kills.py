"""Training, benchmark, export, and scoring of folders and videos, killed at random moments and started again."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.harness.cells import Cell, finished, run_cells, skip_sentences
from benchmarks.harness.killing import OUT, Killed, kill_at_random
from benchmarks.harness.options import Options
from benchmarks.harness.table import Skipped, Table
from fakelocator_zoo.models.fakelocator import FakeLocator

#: Kills of each command, of a cell, and of a run that only shows that everything works.
KILLS, CELL, QUICK_KILLS = 50, 10, 2
_MODEL: dict[str, Any] = {"encoder_name": "tu-test_resnet", "decoder_channels": [8, 8, 8]}
TEXT = (
    "Each command runs on small made data, and all of its processes are killed (SIGKILL) after a random time; the same "
    "command then goes on. After each kill every file in place must be whole, and what was finished must still be "
    "there; in the end all must be as a run in peace leaves it, byte for byte (but a model card that says the run was "
    "resumed). A fault is a sentence below."
)


def run(options: Options) -> Table:
    """A row for each command."""
    kills, block = (QUICK_KILLS, QUICK_KILLS) if options.quick else (KILLS, CELL)
    cells = [
        Cell(
            f"{name}/{first}",
            {"kills": block, "seed": options.seed},
            partial(killed, name, block, options.seed + first),
        )
        for name in SUBJECTS
        for first in range(0, kills, block)
    ]
    found = run_cells(options, "kills", cells)
    rows, faults = [], []
    for name in SUBJECTS:
        results = finished(found, f"{name}/")
        if not results:
            continue
        count = sum(len(each["faults"]) for each in results)
        totals = (sum(each[key] for each in results) for key in ("kills", "finished"))
        rows.append((name, *map(str, totals), f"{max(each['seconds'] for each in results):.1f}", str(count)))
        faults += [(name, fault, "", "", "") for each in results for fault in each["faults"]]
    columns = ("command", "kills", "runs brought to their end", "s of a whole run", "faults")
    return Table("Kills", TEXT, columns, rows, {"Faults": faults} if faults else {}, skip_sentences(found))


def killed(name: str, kills: int, seed: int) -> dict[str, Any]:
    """Kill a command of :data:`SUBJECTS`.

    Raises:
        Skipped: where it needs a package that is not installed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        return kill_at_random(SUBJECTS[name](folder / "data"), folder / "runs", kills, seed)


def _train(data: Path) -> Killed:
    _need("lightning", "train")
    _photos(data / "photos", 6)
    for generator in ("one", "two"):
        _photos(data / generator / "real", 6)
        _photos(data / generator / "fake", 6, blur=1.5)
    recipe = {
        "model": _MODEL,
        "data": {
            "pairs": {name: {"real": f"{name}/real", "fake": f"{name}/fake"} for name in ("one", "two")},
            "size": 32,
        },
        "validation": {"generators": ["two"], "every": 2, "images": 2, "side": 64},
        "optimisation": {"steps": 12, "batch_size": 4},
    }
    (data / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    command = ["train", str(data / "recipe.yaml"), "--data", str(data), "--out", OUT, "--device", "cpu"]
    # Not the card: that of a resumed run says so.
    results = ["model/*.json", "model/*.safetensors", "model/*.yaml", "model/*.png", "recipe.json"]
    return Killed(["-m", "fakelocator_zoo.cli", *command], results)


def _benchmark(data: Path) -> Killed:
    _photos(data / "pairs" / "real", 4)
    _photos(data / "pairs" / "fake" / "blur", 4, blur=1.5)
    (data / "pairs" / "mask").mkdir()
    for number in range(4):
        Image.fromarray(np.pad(np.full((32, 32), 255, np.uint8), 16)).save(data / "pairs" / "mask" / f"{number}.png")
    command = ["pairs", "--quick", "--data", str(data), "--model", str(_model(data)), "--out", OUT]
    return Killed(["-m", "benchmarks", *command], ["cells/pairs/*.json"])


def _export(data: Path) -> Killed:
    _need("onnxscript", "export")
    # An export that came to its end would refuse to write again, so the command ends where the file is there.
    code = (
        "import sys; from pathlib import Path; from fakelocator_zoo.inference.export import export_model; "
        "from fakelocator_zoo.models.fakelocator import FakeLocator; out = Path(sys.argv[2]); "
        "out.exists() or export_model(FakeLocator.from_pretrained(sys.argv[1]), out, name='tiny')"
    )
    return Killed(["-c", code, str(_model(data)), f"{OUT}/model.onnx"], ["*.onnx"])


def _folder(data: Path) -> Killed:
    _photos(data / "photos", 12, side=160)
    command = ["locate", str(data / "photos"), "--model", str(_model(data)), "--out", OUT]
    command += ["--resume", "--batch", "2", "--workers", "1", "--device", "cpu"]
    return Killed(["-m", "fakelocator_zoo.cli", *command], ["*.png"], ["results.jsonl"])


def _video(data: Path) -> Killed:
    _need("av", "video")
    import av

    data.mkdir(parents=True)
    rng, clips = np.random.default_rng(0), [data / f"{number}.mp4" for number in range(3)]
    for clip in clips:
        with av.open(str(clip), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"threads": "1"})
            stream.width = stream.height = 96
            stream.pix_fmt = "yuv420p"
            for _ in range(6):
                pixels = gaussian_filter(rng.integers(0, 256, (96, 96, 3)).astype(np.uint8), (2, 2, 0))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
    command = ["locate", *map(str, clips), "--model", str(_model(data)), "--out", OUT]
    command += ["--resume", "--batch", "2", "--device", "cpu"]
    return Killed(["-m", "fakelocator_zoo.cli", *command], ["*.csv", "*.png", "*.mp4"], ["results.jsonl"])


#: Name -> makes its data in a new folder.
SUBJECTS: dict[str, Callable[[Path], Killed]] = {
    "train": _train,
    "benchmark": _benchmark,
    "export": _export,
    "folder": _folder,
    "video": _video,
}


def _need(package: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise Skipped(f"it needs {package}: pip install 'fakelocator-zoo[{extra}]'")


def _model(data: Path) -> Path:
    torch.manual_seed(0)
    return FakeLocator(**_MODEL).save_pretrained(data / "tiny")


def _photos(folder: Path, count: int, side: int = 64, blur: float = 0.0) -> None:
    """Soft colours under noise, the same in every folder."""
    folder.mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        colours = gaussian_filter(rng.normal(size=(side, side, 3)), (8, 8, 0)) * 900 + 128
        image = (colours + rng.normal(0, 6, colours.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(gaussian_filter(image, (blur, blur, 0))).save(folder / f"{number}.png")
