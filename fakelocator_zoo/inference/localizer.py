"""The Localizer: a photo in, a map of the whole photo and a probability for each face out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from fakelocator_zoo.images import ImageError, list_images, read_image, to_rgb, write_image
from fakelocator_zoo.inference import faces as face_finder
from fakelocator_zoo.inference.faces import Box
from fakelocator_zoo.inference.tiles import predict_tiled


@dataclass(frozen=True)
class Face:
    """One face of a photo."""

    box: Box  #: left, top, right, bottom in pixels of the photo; right and bottom are exclusive
    fake_probability: float  #: in [0, 1]


@dataclass(frozen=True, eq=False)
class Localization:
    """What a :class:`Localizer` says of one photo of H x W pixels."""

    image: np.ndarray  #: the photo as it was read, (H, W, 3) uint8 RGB, upright
    fakeness_map: np.ndarray  #: (H, W) float32 in [0, 1], |real - fake| as the model sees it; 0 outside faces
    fake_probability: float  #: the highest of the faces, or that of the whole image
    faces: tuple[Face, ...]  #: largest first; empty where the whole image was scored
    whole_image: bool  #: True where no face was found or looked for, so that all of the photo was scored
    attention: np.ndarray | None  #: (H, W) float32 in [0, 1] where the model attends to face parts, or None
    #: Whether the model's face parser found a face in every piece that was scored; where it did not, attention is 1
    #: everywhere. None without a parser.
    face_found: bool | None = None
    texture_map: np.ndarray | None = None  #: (H, W) float32 in [0, 1], P(painted), of an explaining Localizer
    change: np.ndarray | None = None  #: (H, W) float32 in [0, 1], how much was changed if painted, likewise

    def save(self, path: str | Path) -> None:
        """Write the photo with its heat map and face boxes as a PNG.

        Raises:
            ImageError: where the name does not end in .png, or the file cannot be written.
        """
        from fakelocator_zoo.inference.render import render

        write_image(path, render(self))


class Localizer:
    """Finds faces, scores each at its native resolution and pastes the maps back into the photo.

    Args:
        model: a :class:`~fakelocator_zoo.FakeLocator`, or what ``from_pretrained`` takes: a name or a folder.
            It is put into eval mode and moved to ``device``.
        device: where to run; None takes CUDA if there is one, else the CPU.
        find_faces: False scores the whole image always.
        tile: larger faces and photos go through in overlapping tiles of this side (multiple of 32).
        overlap: of the tiles, in pixels.
        explain: keep the factors of the fakeness map, where the model has them.

    A call keeps no state: one Localizer may serve several threads.
    """

    def __init__(
        self,
        model: nn.Module | str | Path,
        device: str | torch.device | None = None,
        find_faces: bool = True,
        tile: int = 768,
        overlap: int = 64,
        explain: bool = False,
    ) -> None:
        if not isinstance(model, nn.Module):
            import fakelocator_zoo

            model = fakelocator_zoo.from_pretrained(model)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = model.to(self.device).eval()
        self.find_faces, self.tile, self.overlap, self.explain = find_faces, tile, overlap, explain

    def __call__(self, photo: np.ndarray | Image.Image | Tensor | str | Path) -> Localization:
        """Locate manipulations in one photo.

        Args:
            photo: a path, a PIL image, an array (H, W, 3) uint8 RGB, or a tensor (3, H, W) in [0, 1]
                (rounded to 8 bits, as a saved photo is).

        Raises:
            ImageError: where a file cannot be read, or an array or tensor has another shape or range.
        """
        image = as_image(photo)
        height, width = image.shape[:2]
        boxes = face_finder.find_faces(image) if self.find_faces else []
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        maps: dict[str, np.ndarray] = {}
        probabilities, face_found = [], []
        for left, top, right, bottom in boxes or [(0, 0, width, height)]:
            crop = pixels[:, top:bottom, left:right]
            part = predict_tiled(self.model, crop, self.tile, self.overlap, self.explain)
            for name in ("fakeness_map", "attention", "texture_map", "change"):
                values: Tensor | None = getattr(part, name)
                if values is not None:
                    whole = maps.setdefault(name, np.zeros((height, width), np.float32))
                    place = whole[top:bottom, left:right]
                    np.maximum(place, values.numpy(), out=place)
            probabilities.append(part.fake_probability)
            face_found.append(part.face_found)
        return Localization(
            image,
            maps["fakeness_map"],
            max(probabilities),
            tuple(Face(box, probability) for box, probability in zip(boxes, probabilities, strict=False)),
            not boxes,
            maps.get("attention"),
            None if None in face_found else all(face_found),
            maps.get("texture_map"),
            maps.get("change"),
        )

    def folder(self, path: str | Path) -> Iterator[tuple[Path, Localization | ImageError]]:
        """Every photo below a folder, sorted; one that cannot be read yields its error, and the rest go on.

        Raises:
            ImageError: at once, where the folder does not exist or holds no photo.
        """
        paths = list_images([path])
        return ((photo, self._try(photo)) for photo in paths)

    def _try(self, path: Path) -> Localization | ImageError:
        try:
            return self(path)
        except ImageError as error:
            return error


def as_image(photo: np.ndarray | Image.Image | Tensor | str | Path) -> np.ndarray:
    """Anything that a :class:`Localizer` takes as an array (H, W, 3) uint8 RGB, upright.

    Raises:
        ImageError: where a file cannot be read, or an array or tensor has another shape or range.
    """
    if isinstance(photo, str | Path):
        if Path(photo).is_dir():
            raise ImageError(f"{photo} is a folder; go through it with Localizer.folder")
        return read_image(photo)
    if isinstance(photo, Image.Image):
        try:
            return to_rgb(photo)
        except ImageError as error:
            raise ImageError(f"the image {error}") from error
    if isinstance(photo, Tensor):
        if photo.ndim != 3 or photo.shape[0] != 3 or photo.numel() == 0 or not photo.is_floating_point():
            raise ImageError(f"a tensor must be float (3, H, W), got {photo.dtype} {tuple(photo.shape)}")
        # Written so that nan fails as well.
        if not (photo.min() >= 0 and photo.max() <= 1):
            raise ImageError("a tensor must lie in [0, 1]; divide 8-bit values by 255")
        return (photo.detach().float().cpu() * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    if isinstance(photo, np.ndarray):
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
            raise ImageError(f"an array must be uint8 (H, W, 3), got {photo.dtype} {photo.shape}")
        return photo
    raise ImageError(f"a photo is a path, a PIL image, an array or a tensor, got {type(photo).__name__}")
