from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fakelocator_zoo import FakeLocator
from fakelocator_zoo.clustering.features import encode_image, encode_photos


def test_photos_of_many_sizes_keep_their_order_and_bad_ones_are_named(tmp_path: Path, tiny_model: FakeLocator) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(6)]
    photos = []
    for index, path in enumerate(paths):
        size = (40, 40) if index % 2 else (48, 72)
        photos.append(np.random.default_rng(index).integers(0, 256, (*size, 3), np.uint8))
        Image.fromarray(photos[-1]).save(path)
    paths[3].write_bytes(b"no image")
    features = encode_photos(tiny_model, paths, batch_size=2)
    assert features.paths == tuple(path for path in paths if path != paths[3])
    assert list(features.failures) == [paths[3]] and "3.png" in features.failures[paths[3]]
    alone = np.concatenate([encode_image(tiny_model, photo, 512) for i, photo in enumerate(photos) if i != 3])
    np.testing.assert_allclose(features.values, alone, atol=1e-5)
    with torch.no_grad():
        images = torch.from_numpy(photos[0]).permute(2, 0, 1)[None] / 255
        np.testing.assert_allclose(alone[:1], tiny_model.encode(images).numpy(), atol=1e-5)


def test_large_photos_are_cropped_not_resized(tiny_model: FakeLocator) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    np.testing.assert_array_equal(
        encode_image(tiny_model, photo, 64), encode_image(tiny_model, photo[16:80, 32:96], 64)
    )
