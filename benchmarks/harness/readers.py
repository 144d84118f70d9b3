"""Everything that reads a user's file, with small sound files of each kind to damage."""

from __future__ import annotations

import io
import json
import random
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

from benchmarks.harness.mutation import damaged, odd_values
from benchmarks.harness.table import Skipped
from fakelocator_zoo.data.frames import stream_frames
from fakelocator_zoo.hub.files import CONFIG, WEIGHTS
from fakelocator_zoo.images import read_image, read_mask
from fakelocator_zoo.inference.provenance import read_credentials
from fakelocator_zoo.models.fakelocator import FakeLocator

_FRAMES = 50  # of a video are read
#: What a reader raises for a file that it cannot use.
EXPECTED = (ValueError, OSError, ImportError)


def read_damaged(kind: str, number: int) -> str:
    """Read file ``number`` of a kind of :data:`KINDS`, the same at every call: ``read`` or ``refused``.

    Raises:
        Exception: any but :data:`EXPECTED`, which is a fault of the reader; also an AssertionError for a refusal that
            is no single sentence.
    """
    rng = random.Random(f"{kind} {number}")
    try:
        KINDS[kind](rng)
    except EXPECTED as error:
        message = str(error).strip()
        assert message and "\n" not in message, f"not one sentence: {message!r}"
        return "refused"
    return "read"


def _image(rng: random.Random) -> None:
    data = damaged(rng.choice(_images()), rng)
    read_credentials(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.png"
        path.write_bytes(data)
        (read_image if rng.random() < 0.8 else read_mask)(path)


def _video(rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"video{rng.choice(('.mp4', '.mkv', '.avi'))}"
        path.write_bytes(damaged(_clip(path.suffix), rng))
        for _ in islice(stream_frames(path), _FRAMES):
            pass


def _safetensors(rng: random.Random) -> None:
    config, weights = _model()
    if rng.random() < 0.5:  # the header is JSON behind its length
        length = int.from_bytes(weights[:8], "little")
        header = json.dumps(odd_values(json.loads(weights[8 : 8 + length]), rng)).encode()
        _load(config, len(header).to_bytes(8, "little") + header + weights[8 + length :])
    else:
        _load(config, damaged(weights, rng))


def _config(rng: random.Random) -> None:
    config, weights = _model()
    odd = rng.random() < 0.7
    _load(json.dumps(odd_values(json.loads(config), rng)).encode() if odd else damaged(config, rng), weights)


def _recipe(rng: random.Random) -> None:
    from fakelocator_zoo.training.recipe import load_recipe

    text = rng.choice(_recipes())
    odd = rng.random() < 0.7
    data = yaml.safe_dump(odd_values(yaml.safe_load(text), rng)).encode() if odd else damaged(text, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_bytes(data)
        load_recipe(path)


#: Kind of file -> reads a damaged one, which the random numbers choose.
KINDS: dict[str, Callable[[random.Random], None]] = {
    "image": _image,
    "video": _video,
    "safetensors": _safetensors,
    "config": _config,
    "recipe": _recipe,
}


@cache
def _images() -> list[bytes]:
    """A photo in every format that Pillow writes here, in several modes."""
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (40, 56, 3), np.uint8))
    deep = Image.fromarray(rng.integers(0, 65536, (40, 56)).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation
    made = []
    for image, format, options in (
        (colours, "JPEG", {"exif": exif}),
        (colours.convert("CMYK"), "JPEG", {}),
        (colours, "JPEG", {"progressive": True}),
        (colours, "PNG", {"exif": exif}),
        (colours.convert("RGBA"), "PNG", {}),
        (colours.convert("P"), "PNG", {"transparency": 3}),
        (deep, "PNG", {}),
        (colours, "WEBP", {"exif": exif}),
        (colours, "BMP", {}),
        (colours, "TIFF", {"compression": "tiff_lzw"}),
        (deep, "TIFF", {}),
        (colours, "GIF", {"save_all": True, "append_images": [colours.rotate(90)]}),
        (colours, "AVIF", {}),
    ):
        file = io.BytesIO()
        image.save(file, format, **options)
        made.append(file.getvalue())
    return made


@cache
def _clip(suffix: str) -> bytes:
    """A second of moving noise."""
    try:
        import av
    except ImportError:
        raise Skipped("video needs av: pip install 'fakelocator-zoo[video]'") from None
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"clip{suffix}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4" if suffix == ".avi" else "libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for _ in range(25):
                frame = av.VideoFrame.from_ndarray(rng.integers(0, 256, (48, 64, 3), np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path.read_bytes()


@cache
def _model() -> tuple[bytes, bytes]:
    """config.json and model.safetensors of a tiny model."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        saved = FakeLocator("tu-test_resnet", decoder_channels=(8, 8, 8)).save_pretrained(Path(folder) / "tiny")
        return (saved / CONFIG).read_bytes(), (saved / WEIGHTS).read_bytes()


@cache
def _recipes() -> list[bytes]:
    from fakelocator_zoo.hub.sources import bundled_root

    return [path.read_bytes() for path in sorted(bundled_root().glob("fakelocator_*/recipe.yaml"))]


def _load(config: bytes, weights: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / CONFIG).write_bytes(config)
        (folder / WEIGHTS).write_bytes(weights)
        FakeLocator.from_pretrained(folder)
