"""Data sets in miniature. Indexing opens no file, so most of their files are empty."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def touch(root: Path, *names: str) -> None:
    """Empty files below ``root``, with their folders."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write_image(path: Path, pixels: np.ndarray) -> None:
    """An image file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_video(path: Path, frames: Sequence[np.ndarray], *, key_every: int = 4) -> None:
    """An H.264 video of (H, W, 3) uint8 frames with a key frame every few, and frames that refer to later ones."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        options = {"crf": "1", "g": str(key_every), "bf": "2", "sc_threshold": "0"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_splits(root: Path, **pairs: list[list[str]]) -> None:
    """The official lists of FaceForensics++, such as ``train=[["000", "003"]]``."""
    root.mkdir(parents=True, exist_ok=True)
    for split, listed in pairs.items():
        (root / f"{split}.json").write_text(json.dumps(listed))


def video_name(source: str, name: str, level: str = "c23") -> str:
    """Where a copy of FaceForensics++ has a video: source is youtube, actors or a method."""
    kind = "original" if source in ("youtube", "actors") else "manipulated"
    return f"{kind}_sequences/{source}/{level}/videos/{name}.mp4"
