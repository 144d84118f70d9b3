"""Whatever the file, an image is read as it is shown; whatever is wrong with it, the message is one sentence."""

from __future__ import annotations

import io
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakelocator_zoo.images import ImageError, read_image, sources, to_rgb

ORIENTATION = 0x0112


@pytest.fixture
def photo() -> np.ndarray:
    y, x = np.mgrid[:40, :60]
    return np.stack([x * 4, y * 6, 255 - x * 4], axis=2).astype(np.uint8)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, image: np.ndarray, mode: str = "RGB", **options: object) -> Path:
    Image.fromarray(image).convert(mode).save(path, **options)  # type: ignore[arg-type]
    return path


def check_sentence(source: object, words: str, name: str | None = None) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(source)  # type: ignore[arg-type]
    message = str(caught.value)
    assert (name or str(source)) in message and words in message
    assert "; " in message or "needs the extra" in message, "the remedy"
    assert "\n" not in message


def test_files_that_are_not_there_or_no_images(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("this is text")
    (tmp_path / "b.jpg").touch()
    check_sentence(tmp_path / "none.jpg", "does not exist")
    check_sentence(tmp_path / "a.jpg" / "none.jpg", "does not exist")
    check_sentence(tmp_path / ("n" * 300), "cannot be read")
    check_sentence(tmp_path, "is a folder")
    check_sentence("/dev/null", "is no regular file")
    check_sentence(tmp_path / "b.jpg", "is an empty file")
    check_sentence(tmp_path / "a.jpg", "is not an image")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".avif", ".heic"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_file_cut_off(tmp_path: Path, suffix: str, share: float) -> None:
    if suffix == ".heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    path = save(tmp_path / f"a{suffix}", noise(64, 64))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match=r"damaged or cut off|is not an image"):
        read_image(path)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif", ".heic"])
@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, -1), (8, 1)])
def test_a_photo_stored_sideways_is_upright(
    tmp_path: Path, photo: np.ndarray, suffix: str, orientation: int, turns: int
) -> None:
    if suffix == ".heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = save(tmp_path / f"a{suffix}", photo, exif=exif.tobytes())
    upright = np.rot90(photo, turns).astype(int)
    read = read_image(path)
    assert read.shape == upright.shape and np.abs(read - upright).mean() < 6


def test_mirrored_orientations(tmp_path: Path, photo: np.ndarray) -> None:
    for orientation, shown in {2: photo[:, ::-1], 4: photo[::-1], 5: photo.transpose(1, 0, 2)}.items():
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", photo, exif=exif)), shown)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_block_hides_no_photo(tmp_path: Path, photo: np.ndarray) -> None:
    path = save(tmp_path / "a.png", photo, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(read_image(path), photo)


def test_cmyk(tmp_path: Path, photo: np.ndarray) -> None:
    for name in ("a.jpg", "a.tif"):
        options = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {}
        read = read_image(save(tmp_path / name, photo, "CMYK", **options))
        assert np.abs(read.astype(int) - photo).mean() < 4


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_become_8(tmp_path: Path, suffix: str) -> None:
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / f"a{suffix}")
    read = read_image(tmp_path / f"a{suffix}")
    assert (read == np.arange(256).reshape(16, 16, 1)).all()
    assert (to_rgb(values) == read).all()


def test_values_of_unknown_range(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "f.tif")
    check_sentence(tmp_path / "f.tif", "floating-point")
    Image.fromarray(np.full((4, 4), 1 << 20, np.int32)).save(tmp_path / "i.tif")
    check_sentence(tmp_path / "i.tif", "32-bit")
    Image.new("LAB", (4, 4)).save(tmp_path / "lab.tif")
    check_sentence(tmp_path / "lab.tif", "LAB colours")


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (4, 2), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    read = read_image(tmp_path / "a.png")
    assert read[0, 0].tolist() == [255, 255, 255] and read[1, 1].tolist() == [200, 100, 50]


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


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (8, 8000), (8000, 8)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    image = noise(*size)
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", image)), image)


def test_heic_without_the_extra(tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    path = save(tmp_path / "a.jpg", photo, format="HEIF")  # phones' exports are often misnamed
    assert read_image(path).shape == photo.shape
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    check_sentence(path, "HEIC photo, which needs the extra: pip install 'fakelocator-zoo[heic]'")


def test_bytes_and_open_files(tmp_path: Path, photo: np.ndarray) -> None:
    path = save(tmp_path / "a.png", photo)
    content = path.read_bytes()
    with path.open("rb") as file:
        for source in (str(path), content, bytearray(content), io.BytesIO(content), file):
            np.testing.assert_array_equal(read_image(source), photo)
    check_sentence(b"", "is empty", "the image in memory")
    check_sentence(b"this is text", "is not an image", "the image in memory")
    check_sentence(io.StringIO("text"), "open it with mode 'rb'", "the open file")


@pytest.mark.parametrize(
    ("array", "pixel"),
    [
        (np.full((2, 2), 7, np.uint8), [7, 7, 7]),
        (np.full((2, 2, 1), 7, np.uint8), [7, 7, 7]),
        (np.full((2, 2, 3), 7, np.uint8), [7, 7, 7]),
        (np.full((2, 2, 4), (7, 8, 9, 0), np.uint8), [255, 255, 255]),
        (np.full((2, 2), True), [255, 255, 255]),
        (np.full((2, 2, 3), 65535, np.uint16), [255, 255, 255]),
    ],
)
def test_arrays(array: np.ndarray, pixel: list[int]) -> None:
    rgb = to_rgb(array)
    assert rgb.shape == (2, 2, 3) and rgb.dtype == np.uint8 and rgb[0, 0].tolist() == pixel


@pytest.mark.parametrize("array", [np.zeros((3, 4, 4), np.uint8)[None], np.zeros((0, 4, 3), np.uint8), np.zeros(3)])
def test_arrays_that_are_no_images(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"the image has shape .*; give an array \(H, W\)"):
        to_rgb(array)
    with pytest.raises(ImageError, match="a.png holds float32, whose range is not known"):
        to_rgb(np.zeros((2, 2), np.float32), "a.png")


@pytest.fixture
def address(photo: np.ndarray) -> Iterator[str]:
    """A web server of this machine: /photo.png is the photo, /endless never ends, all else is missing."""
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path in ("/photo.png", "/endless")
            self.send_response(200 if known else 404)
            self.end_headers()
            if self.path == "/photo.png":
                self.wfile.write(buffer.getvalue())
            while self.path == "/endless":
                try:
                    self.wfile.write(b"\0" * 4096)
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_http_address(address: str, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    np.testing.assert_array_equal(read_image(f"{address}/photo.png"), photo)
    check_sentence(f"{address}/none.png", "answers 404")
    monkeypatch.setattr(sources, "MAX_BYTES", 2**20)
    check_sentence(f"{address}/endless", "more than 1 megabytes")
    monkeypatch.setattr(sources, "MAX_BYTES", 2**40)
    monkeypatch.setattr(sources, "MAX_SECONDS", 0.2)
    check_sentence(f"{address}/endless", "cannot be downloaded (it took more than")
    check_sentence("http://127.0.0.1:1/a.png", "cannot be downloaded")
    check_sentence("file:///etc/passwd", "does not exist")
