"""Training on the data sets that users have, in miniature, end to end."""

from pathlib import Path

import numpy as np
import pytest

from fakelocator_zoo.training.recipe import parse_recipe
from fakelocator_zoo.training.run import train
from tests.data.trees import write_image, write_splits, write_video

RECIPE = {
    "model": {"encoder_name": "tu-test_resnet", "decoder_channels": [8, 8, 8], "texture_channels": 4},
    "optimisation": {"steps": 2, "batch_size": 4},
    "validation": {"images": 2},
}


def run(root: Path, **data: object) -> list[str]:
    told: list[str] = []
    recipe = parse_recipe(RECIPE | {"data": {"dataset": "set", "size": 32, **data}})
    folder = train(recipe, root, root / "run", device="cpu", progress=False, report=told.append)
    assert (folder / "model.safetensors").is_file()
    return told


def clip(seed: int, painted: bool = False) -> list[np.ndarray]:
    frames = np.random.default_rng(seed).integers(0, 200, (3, 48, 64, 3), dtype=np.uint8)
    if painted:
        frames[:, 10:30, 20:40] += 50
    return list(frames)


def write_frames(folder: Path, frames: list[np.ndarray]) -> None:
    for number, frame in enumerate(frames):
        write_image(folder / f"{number:03d}.png", frame)


def test_frames_of_faceforensics_with_official_splits(tmp_path):
    root = tmp_path / "set"
    write_splits(root, train=[["000", "001"]], val=[["002", "003"]])
    for real in range(4):
        write_frames(root / f"original_sequences/youtube/c23/frames/{real:03d}", clip(real))
        name = f"{real:03d}_{real ^ 1:03d}"
        for method in ("Deepfakes", "FaceSwap"):
            write_frames(root / f"manipulated_sequences/{method}/c23/frames/{name}", clip(real, painted=True))
    told = run(tmp_path, split="train", methods=["Deepfakes"], compression="c23")
    assert "2 fakes to train on, 2 to validate on" in told
    assert "test.json not there: the official lists, part of the download" in told


def test_training_on_the_official_test_split_is_told(tmp_path):
    for number in range(4):
        for split in ("train", "test"):
            for side, painted in (("real", False), ("fake", True)):
                write_image(tmp_path / "set" / split / side / f"{number}.png", clip(number, painted)[split == "test"])
    assert any("official test split is trained on too" in line for line in run(tmp_path))


def test_videos_of_celeb_df_split_by_people(tmp_path):
    pytest.importorskip("av")
    root = tmp_path / "set"
    for person in range(4):
        write_video(root / f"Celeb-real/id{person}_0000.mp4", clip(person))
        write_video(root / f"Celeb-synthesis/id{person}_id{person ^ 1}_0000.mp4", clip(person, painted=True))
    assert "2 fakes to train on, 2 to validate on" in run(tmp_path, frames_per_video=2)


def test_whole_fakes(tmp_path):
    for number in range(6):
        write_image(tmp_path / "set" / "real" / f"{number}.png", clip(number)[0])
        write_image(tmp_path / "set" / "fake" / f"{number + 50}.png", clip(number + 50)[0])
    assert "5 fakes to train on, 1 to validate on" in run(tmp_path, layout="whole")
