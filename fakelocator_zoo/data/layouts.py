"""The layouts of data sets: how each is recognised and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fakelocator_zoo.data.celeb_df import index_celeb_df, is_celeb_df
from fakelocator_zoo.data.celebamask_hq import index_celebamask_hq, is_celebamask_hq
from fakelocator_zoo.data.dffd import index_dffd, is_dffd
from fakelocator_zoo.data.faceforensics import index_faceforensics, is_faceforensics
from fakelocator_zoo.data.index import DataIndex
from fakelocator_zoo.data.pair_folders import has_sides, index_pairs, index_whole, shares_names
from fakelocator_zoo.images.folders import subfolders


class Layout(NamedTuple):
    """One layout of files and folders."""

    recognises: Callable[[Path], bool]
    read: Callable[[Path], DataIndex]
    looks_like: str


#: In the order in which they are tried.
LAYOUTS = {
    "faceforensics": Layout(is_faceforensics, index_faceforensics, "original_sequences/, manipulated_sequences/"),
    "celeb-df": Layout(is_celeb_df, index_celeb_df, "Celeb-real/, Celeb-synthesis/"),
    "celebamask-hq": Layout(is_celebamask_hq, index_celebamask_hq, "CelebA-HQ-img/"),
    "dffd": Layout(is_dffd, index_dffd, "faceapp/, stargan/, pggan_v1/, ..., or train/{Real,Fake,Mask}/"),
    "pairs": Layout(lambda root: has_sides(root) and shares_names(root), index_pairs, "real/, fake/ with equal names"),
    # Never taken by itself: pairs of which the names differ would silently become whole fakes.
    "whole": Layout(lambda root: False, index_whole, "real/, fake/ without pairs, only if named"),
}


def detect_layout(root: str | Path) -> str:
    """The name of the layout of a folder.

    Raises:
        FileNotFoundError: where there is no such folder.
        ValueError: for no known layout; lists what was looked for.
    """
    root = _existing(root)
    for name, layout in LAYOUTS.items():
        if layout.recognises(root):
            return name
    if has_sides(root):
        raise ValueError(
            f"no image in fake/ of {root} has the name of one in real/: rename the pairs, or give the layout "
            "'whole' if the fakes were made whole"
        )
    nearer = [path for path in subfolders(root).values() if any(x.recognises(path) for x in LAYOUTS.values())]
    if nearer:
        raise ValueError(f"{root} is of no known layout, but {nearer[0]} is; give that")
    looked_for = "; ".join(f"{layout.looks_like} ({name})" for name, layout in LAYOUTS.items())
    raise ValueError(f"{root} is of no known layout; looked for {looked_for}")


def read_index(root: str | Path, layout: str | None = None, *, compression: str | None = None) -> DataIndex:
    """Index a data set without opening an image or a video.

    Args:
        layout: a name of :data:`LAYOUTS`; None recognises it.
        compression: of FaceForensics++ alone.

    Raises:
        FileNotFoundError: where there is no such folder.
        ValueError: for an unknown layout, lists that cannot be read, and options that do not belong to the layout.
    """
    root = _existing(root)
    name = layout or detect_layout(root)
    if name not in LAYOUTS:
        raise ValueError(f"there is no layout {name!r}; there are {', '.join(LAYOUTS)}")
    if name == "faceforensics":
        return index_faceforensics(root, compression)
    if compression is not None:
        raise ValueError(f"compression belongs to faceforensics, and {root} is {name}; leave it out")
    return LAYOUTS[name].read(root)


def _existing(root: str | Path) -> Path:
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder; give the folder of a data set")
    return root
