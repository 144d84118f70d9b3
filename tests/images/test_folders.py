"""One walk through folders: every image once, and what is left out is counted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fakelocator_zoo.images import ImageError, find_images, list_images
from fakelocator_zoo.images.folders import files_by_name, walk_files
from tests.data.trees import touch


def below(paths: list[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def test_images_are_found_below_folders_and_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "b/c/2.JPG", "b/1.avif", "a.png", "notes.txt", ".hidden.png", ".git/x.png", "b/._1.avif")
    assert below(list_images([tmp_path]), tmp_path) == ["a.png", "b/1.avif", "b/c/2.JPG"]


def test_a_file_is_taken_as_it_is_and_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.unknown")
    found = list_images([tmp_path / "b.png", tmp_path, tmp_path / "c.unknown", tmp_path / "a.png"])
    assert below(found, tmp_path) == ["b.png", "a.png", "c.unknown"]


def test_a_link_to_its_own_folder_is_no_endless_way(tmp_path: Path) -> None:
    touch(tmp_path, *(f"real/{i}.png" for i in range(4)))
    (tmp_path / "real" / "loop").symlink_to(".")
    (tmp_path / "real" / "up").symlink_to("..")
    assert below(list_images([tmp_path]), tmp_path) == [f"real/{i}.png" for i in range(4)]
    assert len(files_by_name(tmp_path / "real")[0]) == 4


def test_linked_folders_are_entered_and_duplicates_are_not_listed(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/1.png", "photos/z/2.png")
    (tmp_path / "photos" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "a").symlink_to("z")  # sorts before the folder itself, which keeps its name
    (tmp_path / "photos" / "again.png").symlink_to("z/2.png")
    (tmp_path / "photos" / "broken.png").symlink_to("nowhere.png")
    assert below(walk_files(tmp_path / "photos"), tmp_path) == ["photos/linked/1.png", "photos/z/2.png"]


def test_names_that_share_a_file_elsewhere_all_count_in_a_data_set(tmp_path: Path) -> None:
    """One white mask may serve many fakes; as photos they are one."""
    touch(tmp_path, "white.png", "mask/.keep")
    for name in ("a", "b"):
        (tmp_path / "mask" / f"{name}.png").symlink_to("../white.png")
    assert list(files_by_name(tmp_path / "mask")[0]) == ["a", "b"]
    assert below(list_images([tmp_path / "mask"]), tmp_path) == ["mask/a.png"]


def test_what_is_left_out_is_counted_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.png", "b.heic", "c.HEIF", "d.mp4", "e/f.mov", "notes.txt")
    pytest.importorskip("pillow_heif")
    found = find_images([tmp_path])
    assert below(found.images, tmp_path) == ["a.png", "b.heic", "c.HEIF"]
    assert found.left_out_sentence() == "left out: 2 videos, 1 other file"
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    found = find_images([tmp_path])
    assert below(found.images, tmp_path) == ["a.png"] and found.left_out["HEIC photo"] == 2
    assert "2 HEIC photos (pip install 'fakelocator-zoo[heic]' to read them)" in found.left_out_sentence()


def test_folders_that_hold_no_image_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "d.mp4")
    with pytest.raises(ImageError, match="holds no image; left out: 1 video$"):
        list_images([tmp_path])
    with pytest.raises(ImageError, match="nowhere does not exist"):
        list_images([tmp_path / "nowhere"])
