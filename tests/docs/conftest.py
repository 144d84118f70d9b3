"""The files that the pages speak of: a portrait and its repainted version, suspects, pairs, a video, a data set."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fakelocator_zoo import FakeLocator, Generator
from fakelocator_zoo.inference.demo import demo_photo, repaint
from tests.data.trees import video_name, write_splits, write_video


def save(path: Path, image: np.ndarray, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)


def write_examples(root: Path) -> None:
    """Write them into a folder."""
    photo = demo_photo()
    fake, _ = repaint(photo, "face", Generator.from_pretrained("generator_demo.open").eval())
    head = np.s_[32:256, 128:320]
    save(root / "photo.jpg", fake, quality=98)
    save(root / "holiday/portrait.jpg", photo, quality=95)
    for name, image in (("real", photo), ("before", photo), ("fake", fake), ("after", fake)):
        save(root / f"{name}.png", image[head])
    for number, name in enumerate("abcd"):
        save(root / f"{name}.png", photo[64 : 160 + number, 160:256])

    # Noise, and noise upsampled: any model that reads texture tells these suspects apart.
    rng = np.random.default_rng(0)
    for number in range(24):
        factor = 2 if number % 2 else 1
        noise = rng.normal(120, 8, (96 // factor, 96 // factor, 3)).repeat(factor, axis=0).repeat(factor, axis=1)
        pixels = np.clip(noise + rng.normal(0, 1.5, noise.shape), 0, 255).astype(np.uint8)
        save(root / f"suspects/{number:03d}.png", pixels)
        if number < 4:
            save(root / f"more/{number}.png", pixels[:80])

    from skimage import data

    scene = data.coffee()
    painted = _painted(scene)
    for number in range(6):
        crop = np.s_[40 * number : 40 * number + 80, 60 * number : 60 * number + 72]
        for gan in ("my_gan", "other_gan"):
            save(root / f"DATA/{gan}/real/{number}.png", scene[crop])
            save(root / f"DATA/{gan}/fake/{number}.png", painted[crop])
    shutil.copytree(root / "DATA/other_gan", root / "pairs")

    write_video(root / "clip.mp4", [fake[head]] * 2)
    moving = [photo[64 + step : 128 + step, 160:224] for step in range(4)]
    for source, name in (("youtube", "000"), ("youtube", "003"), ("FaceSwap", "000_003"), ("FaceSwap", "003_000")):
        write_video(root / "FaceForensics++" / video_name(source, name), moving)
    write_splits(root / "FaceForensics++", train=[["000", "003"]])
    FakeLocator("tu-test_resnet", decoder_channels=(16, 8, 8), texture_channels=4).save_pretrained(root / "my_model")
    (root / "recipe.yaml").write_text("data: {pairs: {my_gan: {real: my_gan/real, fake: my_gan/fake}}}\n")


@pytest.fixture(scope="session")
def example_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("examples")
    write_examples(root)
    return root


@pytest.fixture
def example_folder(example_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files, as the working directory."""
    folder = tmp_path / "work"
    shutil.copytree(example_files, folder)
    monkeypatch.chdir(folder)
    return folder


def _painted(image: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) uint8 made anew by the demo's generator, a little redder."""
    generator = Generator.from_pretrained("generator_demo.open").eval()
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None] / 255 * torch.tensor([1.1, 0.9, 0.9]).view(3, 1, 1)
    with torch.inference_mode():
        made = generator(pixels.clamp(0, 1))[0]
    return (made.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
