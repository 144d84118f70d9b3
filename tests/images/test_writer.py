"""Results are written whole or not at all, and never over a file of the user's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakelocator_zoo.images import ImageError, is_result, make_folder, write_image, write_map

PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def test_a_map_is_read_back(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    write_map(tmp_path / "m.png", values)
    back = np.asarray(Image.open(tmp_path / "m.png"))
    assert back.dtype == np.uint16
    np.testing.assert_allclose(back / 65535, values, atol=1 / 65535)
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        write_map(tmp_path / "m.png", values[None])


def test_a_users_file_is_never_replaced_and_a_result_is(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a_map.png")
    before = (tmp_path / "a_map.png").read_bytes()
    for write in (lambda path: write_map(path, np.zeros((2, 2))), lambda path: write_image(path, PICTURE)):
        with pytest.raises(ImageError, match=r"a_map\.png is there already .*; give another place"):
            write(tmp_path / "a_map.png")
        for _ in range(2):
            write(tmp_path / "b.png")
    assert (tmp_path / "a_map.png").read_bytes() == before
    assert is_result(tmp_path / "b.png")
    assert not is_result(tmp_path / "a_map.png") and not is_result(tmp_path / "none.png")


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    write_image(tmp_path / "a.png", PICTURE)
    before = (tmp_path / "a.png").read_bytes()

    def fail(self: Path, content: bytes) -> None:
        self.write_text("half")
        raise failure

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(ImageError if isinstance(failure, OSError) else KeyboardInterrupt):
        write_image(tmp_path / "a.png", PICTURE + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


def test_pillow_writes_the_same_pixels_where_opencv_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((40, 30))
    for name in ("opencv", "pillow"):
        write_image(tmp_path / f"{name}.png", PICTURE)
        write_map(tmp_path / f"{name}_map.png", values)
        monkeypatch.setitem(sys.modules, "cv2", None)
    for ending in (".png", "_map.png"):
        first, second = (Image.open(tmp_path / f"{name}{ending}") for name in ("opencv", "pillow"))
        assert first.mode == second.mode and np.array_equal(first, second)
        assert is_result(tmp_path / f"pillow{ending}") and is_result(tmp_path / f"opencv{ending}")


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ImageError, match="cannot write into"):
        make_folder(tmp_path / "file" / "out")
    with pytest.raises(ImageError, match="cannot write"):
        write_image(tmp_path / "none" / "a.png", PICTURE)
    with pytest.raises(ImageError, match="ends in .png"):
        write_image(tmp_path / "a.jpg", PICTURE)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ImageError, match="cannot write into"):
        make_folder(tmp_path)
