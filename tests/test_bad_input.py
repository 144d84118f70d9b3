"""Bad input about images and paths: one clear sentence each, and nothing half-written."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakelocator_zoo.images import (
    ImageError,
    collect_images,
    make_folder,
    read_image,
    write_image,
    write_map,
)
from tests.inference.stubs import noise


@pytest.fixture
def photo() -> np.ndarray:
    y, x = np.mgrid[:40, :60]
    return np.stack([x * 4, y * 6, 255 - x * 4], axis=2).astype(np.uint8)


def save(path: Path, image: np.ndarray, mode: str = "RGB", **options: object) -> Path:
    Image.fromarray(image).convert(mode).save(path, **options)  # type: ignore[arg-type]
    return path


def check_sentence(path: Path, words: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message
    assert words in message
    assert "; " in message  # the remedy
    assert "\n" not in message


def test_missing_path(tmp_path: Path) -> None:
    check_sentence(tmp_path / "none.jpg", "does not exist")
    (tmp_path / "file").write_text("x")
    check_sentence(tmp_path / "file" / "none.jpg", "does not exist")


def test_folder_is_no_photo(tmp_path: Path) -> None:
    check_sentence(tmp_path, "is a folder")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    check_sentence(tmp_path / "a.jpg", "is an empty file")


def test_text_file_called_jpg(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("this is text")
    check_sentence(tmp_path / "a.jpg", "is not an image")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_file(tmp_path: Path, suffix: str, share: float) -> None:
    path = save(tmp_path / f"a{suffix}", noise(64, 64))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match=r"damaged or cut off|is not an image"):
        read_image(path)


def test_bomb_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def png(width: int, height: int) -> Path:
        def chunk(name: bytes, content: bytes) -> bytes:
            return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        path = tmp_path / f"{width}.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
        return path

    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("fakelocator_zoo.images.reader.to_rgb", refuse)
    for size in ((20000, 10000), (13000, 10000)):  # above and below the limit of Pillow's own
        check_sentence(png(*size), "more than 128 megapixels")


def test_cmyk(tmp_path: Path, photo: np.ndarray) -> None:
    for name in ("a.jpg", "a.tif"):
        options = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {}
        read = read_image(save(tmp_path / name, photo, "CMYK", **options))
        assert np.abs(read.astype(int) - photo).mean() < 4


def test_16_bit(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        read = read_image(tmp_path / name)
        np.testing.assert_array_equal(read[..., 0].ravel(), np.arange(256))
        assert (read == read[..., :1]).all()


def test_values_of_unknown_range(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "f.tif")
    check_sentence(tmp_path / "f.tif", "floating-point")
    Image.fromarray(np.full((4, 4), 1 << 20, np.int32)).save(tmp_path / "i.tif")
    check_sentence(tmp_path / "i.tif", "32-bit")


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (4, 2), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    read = read_image(tmp_path / "a.png")
    assert read[0, 0].tolist() == [255, 255, 255]
    assert read[1, 1].tolist() == [200, 100, 50]


def test_grey_and_one_bit(tmp_path: Path, photo: np.ndarray) -> None:
    grey = photo[..., 0]
    Image.fromarray(grey).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.repeat(grey[..., None], 3, axis=2))
    Image.fromarray(grey).convert("1").save(tmp_path / "b.png")
    assert set(np.unique(read_image(tmp_path / "b.png"))) == {0, 255}


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_lies_over_white(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (2, 1), (100,) * (len(mode) - 1) + (255,))
    image.putpixel((1, 0), (100,) * (len(mode) - 1) + (0,))
    image.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0].tolist() == [[100] * 3, [255] * 3]


def test_exif_rotation(tmp_path: Path, photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise
    Image.fromarray(photo).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(photo, -1))


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (8, 8000), (8000, 8)])
def test_odd_sizes_are_read(tmp_path: Path, size: tuple[int, int]) -> None:
    image = noise(*size)
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", image)), image)


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ImageError, match="holds no image"):
        collect_images(tmp_path)
    with pytest.raises(ImageError, match="does not exist"):
        collect_images(tmp_path / "none")


def test_folders_are_searched_below(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    paths = [save(tmp_path / "a.jpg", noise(4, 4)), save(tmp_path / "b" / "A.PNG", noise(4, 4))]
    assert collect_images(tmp_path) == paths
    assert collect_images(paths[0]) == [paths[0]]


def test_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ImageError, match="cannot write into"):
        make_folder(tmp_path / "file" / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_output_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ImageError, match="cannot write into"):
        make_folder(tmp_path)


def test_write_map_and_read_back(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    write_map(tmp_path / "m.png", values)
    back = np.asarray(Image.open(tmp_path / "m.png"))
    assert back.dtype == np.uint16
    np.testing.assert_allclose(back / 65535, values, atol=1 / 65535)
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        write_map(tmp_path / "m.png", values[None])


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    write_image(tmp_path / "a.png", noise(4, 4, 1))
    before = (tmp_path / "a.png").read_bytes()

    def fail(self: Image.Image, path: Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(Image.Image, "save", fail)
    expected = ImageError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_image(tmp_path / "a.png", noise(4, 4, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before
