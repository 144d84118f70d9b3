"""The one reader and writer of images and masks, and the one walk through folders. Imports no torch."""

from fakelocator_zoo.images.folders import FoundImages, find_images, list_images
from fakelocator_zoo.images.masks import read_labels, read_mask
from fakelocator_zoo.images.reader import MAX_PIXELS, check_same_size, read_image, to_rgb
from fakelocator_zoo.images.sources import ImageError, ImageSource
from fakelocator_zoo.images.writer import is_result, make_folder, write_image, write_labels, write_map

__all__ = [
    "MAX_PIXELS",
    "FoundImages",
    "ImageError",
    "ImageSource",
    "check_same_size",
    "find_images",
    "is_result",
    "list_images",
    "make_folder",
    "read_image",
    "read_labels",
    "read_mask",
    "to_rgb",
    "write_image",
    "write_labels",
    "write_map",
]
