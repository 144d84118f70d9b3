"""However a mask is stored, 1 is what its painter meant to be fake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakelocator_zoo.images import ImageError, read_labels, read_mask, write_map

INSIDE = np.zeros((6, 8), bool)
INSIDE[1:4, 2:5] = True


def palette_of_voc() -> list[int]:
    """The colours of PASCAL VOC: bits 0, 1, 2 of the index are the highest of red, green, blue, and so on."""
    colours = []
    for index in range(256):
        red = green = blue = 0
        for bit in range(8):
            red |= (index >> 3 * bit & 1) << 7 - bit
            green |= (index >> 3 * bit + 1 & 1) << 7 - bit
            blue |= (index >> 3 * bit + 2 & 1) << 7 - bit
        colours += [red, green, blue]
    return colours


def palette_image(indices: np.ndarray, palette: list[int]) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8), mode="L")
    image.putpalette(palette)
    assert image.mode == "P"
    return image


def coloured(alpha: np.ndarray, colour: np.ndarray | int) -> Image.Image:
    return Image.fromarray(np.dstack([np.broadcast_to(colour, (*INSIDE.shape, 3)), alpha]).astype(np.uint8))


BINARY = {
    "0 and 255": lambda: Image.fromarray(INSIDE.astype(np.uint8) * 255),
    "0 and 1": lambda: Image.fromarray(INSIDE.astype(np.uint8)),
    "one bit": lambda: Image.fromarray(INSIDE),
    "16 bits": lambda: Image.fromarray(INSIDE.astype(np.uint16) * 65535),
    "16 bits, 0 and 1": lambda: Image.fromarray(INSIDE.astype(np.uint16)),
    "16 bits, 0 and 255": lambda: Image.fromarray(INSIDE.astype(np.uint16) * 255),
    "RGB": lambda: Image.fromarray(np.repeat(INSIDE[..., None], 3, 2).astype(np.uint8) * 255),
    "RGB, 0 and 1": lambda: Image.fromarray(np.repeat(INSIDE[..., None], 3, 2).astype(np.uint8)),
    "VOC palette, one class": lambda: palette_image(INSIDE * 15, palette_of_voc()),
    "VOC palette, two classes": lambda: palette_image(INSIDE * 1 + INSIDE[:, ::-1] * 2, palette_of_voc()),
    "grey palette, white first": lambda: palette_image(~INSIDE, [255, 255, 255, 0, 0, 0]),
    "alpha over white": lambda: coloured(INSIDE * 255, 255),
    "alpha over black": lambda: coloured(INSIDE * 255, 0),
    "alpha of white on black": lambda: coloured(INSIDE * 255, np.repeat(INSIDE[..., None], 3, 2) * 255),
    "opaque": lambda: coloured(INSIDE * 0 + 255, np.repeat(INSIDE[..., None], 3, 2) * 255),
}


@pytest.mark.parametrize("kind", BINARY)
def test_black_and_white(tmp_path: Path, kind: str) -> None:
    BINARY[kind]().save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png")
    expected = INSIDE | INSIDE[:, ::-1] if "two classes" in kind else INSIDE
    assert mask.dtype == np.float32 and np.array_equal(mask, expected)


def test_grey_stays_grey(tmp_path: Path) -> None:
    levels = np.arange(48, dtype=np.uint8).reshape(INSIDE.shape) * 5
    Image.fromarray(levels).save(tmp_path / "m.png")
    np.testing.assert_allclose(read_mask(tmp_path / "m.png"), levels / 255, rtol=1e-6)
    coloured(levels, 255).save(tmp_path / "alpha.png")
    np.testing.assert_allclose(read_mask(tmp_path / "alpha.png"), levels / 255, rtol=1e-6)
    palette_image(levels, [level for level in range(256) for _ in range(3)]).save(tmp_path / "p.gif")
    np.testing.assert_allclose(read_mask(tmp_path / "p.gif"), levels / 255, rtol=1e-6)
    Image.fromarray((levels / 255).astype(np.float32)).save(tmp_path / "f.tif")
    np.testing.assert_allclose(read_mask(tmp_path / "f.tif"), levels / 255, rtol=1e-6)
    write_map(tmp_path / "map.png", levels / 255)
    np.testing.assert_allclose(read_mask(tmp_path / "map.png"), levels / 255, atol=1 / 65535)


def test_a_mask_is_turned_as_its_photo_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(INSIDE.astype(np.uint8) * 255).save(tmp_path / "m.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "m.png"), np.rot90(INSIDE, -1))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image.new("L", (4, 4)), "is an empty mask, black all over"),
        (Image.new("P", (4, 4)), "is an empty mask"),
        (Image.new("RGBA", (4, 4), (255, 255, 255, 0)), "is an empty mask"),
        (Image.new("RGB", (4, 4), (255, 0, 0)), "holds colours"),
        (coloured(INSIDE * 255, np.arange(144).reshape(6, 8, 3)), "has colours and transparency"),
    ],
)
def test_a_mask_that_says_nothing_is_named(tmp_path: Path, image: Image.Image, words: str) -> None:
    image.save(tmp_path / "m.png")
    with pytest.raises(ImageError, match=rf"m\.png {words}.*; "):
        read_mask(tmp_path / "m.png")


def test_labels_are_indices_not_colours(tmp_path: Path) -> None:
    labels = np.arange(48).reshape(6, 8) % 19
    palette_image(labels, palette_of_voc()).save(tmp_path / "l.png")
    assert np.array_equal(read_labels(tmp_path / "l.png"), labels)
    Image.new("RGB", (4, 4)).save(tmp_path / "rgb.png")
    with pytest.raises(ImageError, match=r"rgb\.png holds colours, not part numbers"):
        read_labels(tmp_path / "rgb.png")
