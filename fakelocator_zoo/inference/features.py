"""Features of many images by a model, in batches, and kept in a file that knows which model made them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from fakelocator_zoo.images import ImageError
from fakelocator_zoo.inference.localizer import as_image

if TYPE_CHECKING:
    from fakelocator_zoo.models.fakelocator import FakeLocator
    from fakelocator_zoo.models.texture import TextureStem

Photo = str | Path | np.ndarray | Image.Image | Tensor
Stage = int | Literal["texture", "deepest"] | None
STATISTICS = ("mean", "std", "max")
_FORMAT = 2  # of the cache, and of what is computed: raise it when either changes


class Features(NamedTuple):
    """Features of those of N images that could be read."""

    values: np.ndarray  #: (M, D) float32; statistic after statistic, each with all channels
    rows: np.ndarray  #: (M,) int64, ascending: which image each is
    failures: dict[int, str]  #: {image: why it could not be read, one sentence}


def extract_features(
    model: FakeLocator,
    images_or_paths: Iterable[Photo],
    *,
    stage: Stage = None,
    statistics: Sequence[str] = ("mean", "std"),
    crop: int | None = 512,
    batch_size: int = 16,
    device: str | torch.device | None = None,
    progress: bool = False,
    cache: str | Path | None = None,
) -> Features:
    """Pooled features of images, for :class:`~fakelocator_zoo.SingleSampleClustering`.

    Images are never resized, since that would destroy the texture that tells fakes apart. Larger ones are cropped
    around their centre; those of one size share a batch, so that none is padded to another's.

    Args:
        model: put into eval mode and moved to ``device``.
        images_or_paths: paths, PIL images, arrays (H, W, 3) uint8, or tensors (3, H, W) in [0, 1]. One that
            cannot be read is named in ``failures``, and the rest go on.
        stage: whose feature map is pooled: an encoder stage, 1 (stride 2) to the encoder's depth; ``"deepest"``, the
            last of them, whose mean is ``model.encode`` (the paper's feature); ``"texture"``, the hidden layer from
            which the texture stem makes its logits. None takes ``"texture"``, and ``"deepest"`` for a model without
            a stem: an encoder's features fall into clusters of content, a stem's into photos and fakes.
        statistics: of the map, of each channel: ``"mean"``, ``"std"``, ``"max"``.
        crop: longer sides are cut to so many pixels around the centre; None keeps them (memory grows with the image).
        batch_size: images of one size that go through at once.
        device: None takes CUDA if there is one, else the CPU.
        progress: show a bar on stderr.
        cache: a safetensors file to read the features from or, where it is missing, to write them to. Its header
            names the model's weights and config, the options and the images (paths, sizes and times of change; of
            images in memory their pixels).

    Raises:
        ValueError: for bad options, a stage that the model lacks, no image that can be read, and for a cache that
            was made with anything else.
        OSError: where the cache cannot be written.
    """
    photos = list(images_or_paths)
    _check_options(statistics, crop, batch_size)
    identity: dict[str, Any] = {}
    if cache is not None:
        cache = Path(cache)
        identity = {
            "format": _FORMAT,
            **model_identity(model),
            "options": json.dumps({"stage": stage, "statistics": list(statistics), "crop": crop}),
            "images": _images_hash(photos),
        }
        if cache.exists():
            return _read_cache(cache, identity)
    target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    model = model.to(target).eval()
    found: dict[int, np.ndarray] = {}
    failures: dict[int, str] = {}
    with torch.inference_mode():
        for indices, batch in _batches(photos, crop, batch_size, failures, progress):
            values = _pool(model, batch.to(target), stage, statistics).float().cpu().numpy()
            found.update(zip(indices, values, strict=True))
    if not found:
        first = f": {failures[min(failures)]}" if failures else ""
        raise ValueError(f"no image could be read{first}")
    rows = np.array(sorted(found), dtype=np.int64)
    features = Features(np.stack([found[row] for row in rows]), rows, dict(sorted(failures.items())))
    if cache is not None:
        _write_cache(Path(cache), features, identity)
    return features


def model_identity(model: torch.nn.Module) -> dict[str, str]:
    """What makes a model's features its own: the SHA-256 of its weights (wherever they lie) and its config as JSON."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    config = getattr(model, "config", {})
    return {"weights": digest.hexdigest(), "config": json.dumps(config, sort_keys=True)}


def centre_crop(image: np.ndarray, side: int | None) -> np.ndarray:
    """The centre of an image (H, W, 3), at most ``side`` in height and width; a smaller side stays as it is."""
    if side is None:
        return image
    height, width = image.shape[:2]
    # On even pixels: the texture stem looks at pixels in pairs, counted from the photo's corner.
    top, left = max(0, height - side) // 4 * 2, max(0, width - side) // 4 * 2
    return image[top : top + side, left : left + side]


def _check_options(statistics: Sequence[str], crop: int | None, batch_size: int) -> None:
    unknown = [name for name in statistics if name not in STATISTICS]
    if isinstance(statistics, str) or unknown or not statistics or len(set(statistics)) < len(statistics):
        raise ValueError(f"statistics must be some of {', '.join(STATISTICS)}, each once; got {statistics!r}")
    if crop is not None and crop < 32:
        raise ValueError(f"crop must be 32 pixels or more, or None; got {crop}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}")


def _pool(model: FakeLocator, images: Tensor, stage: Stage, statistics: Sequence[str]) -> Tensor:
    """(B, 3, H, W) in [0, 1] -> (B, D)."""
    if stage is None:
        stage = "deepest" if model.texture is None else "texture"
    if stage == "texture":
        if model.texture is None:
            raise ValueError("this model has no texture stem; give an encoder stage")
        feature = _texture_evidence(model.texture, images)
    else:
        features = model.encode_stages(images).features
        # The first feature that an smp encoder gives is the image.
        usable = [number for number, each in enumerate(features) if number and each.shape[1]]
        number = usable[-1] if stage == "deepest" else stage
        if number not in usable:
            raise ValueError(f"this model's encoder has no stage {stage!r}; it has {', '.join(map(str, usable))}")
        feature = features[number]
    flat = feature.flatten(2)
    pooled = {
        "mean": lambda: flat.mean(dim=2),
        "std": lambda: flat.std(dim=2, correction=0),
        "max": lambda: flat.amax(dim=2),
    }
    return torch.cat([pooled[name]() for name in statistics], dim=1)


def _texture_evidence(stem: TextureStem, images: Tensor) -> Tensor:
    """The hidden layer of the stem's head for images (B, 3, H, W): (B, C, ceil(H / 2), ceil(W / 2)).

    Its logits are a weighted sum of these channels, which say photo or fake; the features before them say also what
    kind of photo.
    """
    even = F.pad(images, (0, images.shape[-1] % 2, 0, images.shape[-2] % 2), mode="replicate")
    return stem.evidence(even)[1]


def _batches(
    photos: Sequence[Photo], crop: int | None, batch_size: int, failures: dict[int, str], progress: bool
) -> Iterator[tuple[list[int], Tensor]]:
    """Indices and images (B, 3, H, W) in [0, 1] of one size; what cannot be read goes into ``failures``."""
    from rich.console import Console
    from rich.progress import track

    waiting: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = {}
    pending = 0
    console = Console(stderr=True)
    shown = progress and console.is_terminal
    for index, photo in enumerate(track(photos, "features", console=console, transient=True, disable=not shown)):
        try:
            # Copied, so that no large photo is kept for its crop.
            image = centre_crop(as_image(photo), crop).copy()
        except ImageError as error:
            failures[index] = str(error)
            continue
        group = waiting.setdefault(image.shape, [])
        group.append((index, image))
        pending += 1
        if len(group) == batch_size:
            yield _stack(waiting.pop(image.shape))
            pending -= batch_size
        elif pending >= 4 * batch_size:  # many sizes: the largest group goes first, memory stays bounded
            largest = max(waiting, key=lambda shape: len(waiting[shape]))
            pending -= len(waiting[largest])
            yield _stack(waiting.pop(largest))
    for group in waiting.values():
        yield _stack(group)


def _stack(group: list[tuple[int, np.ndarray]]) -> tuple[list[int], Tensor]:
    images = torch.from_numpy(np.stack([image for _, image in group]))
    return [index for index, _ in group], images.permute(0, 3, 1, 2).contiguous().float() / 255


def _images_hash(photos: Sequence[Photo]) -> str:
    digest = hashlib.sha256()
    for photo in photos:
        if isinstance(photo, str | Path):
            path = Path(photo).absolute()
            try:
                status = path.stat()
                digest.update(f"{path}\0{status.st_size} {status.st_mtime_ns}\0".encode())
            except OSError:
                digest.update(f"{path}\0missing\0".encode())
        else:
            values = photo.detach().cpu().numpy() if isinstance(photo, Tensor) else np.asarray(photo)
            digest.update(f"{values.dtype} {values.shape}\0".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
    return f"{len(photos)} {digest.hexdigest()}"


_MADE_WITH = {
    "format": "by another version",
    "weights": "with other weights",
    "config": "with another model",
    "options": "with other options",
    "images": "of other images, or they were changed since",
}


def _read_cache(path: Path, identity: dict[str, Any]) -> Features:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
            for key, words in _MADE_WITH.items():
                if header.get(key) != str(identity[key]):
                    raise ValueError(f"the features in {path} were made {words}; delete it, or give another file")
            failures = {int(row): why for row, why in json.loads(header["failures"]).items()}
            return Features(file.get_tensor("values"), file.get_tensor("rows"), failures)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is no whole cache of features ({error}); delete it, or give another file") from None


def _write_cache(path: Path, features: Features, identity: dict[str, Any]) -> None:
    from safetensors.numpy import save

    header = {key: str(value) for key, value in identity.items()} | {"failures": json.dumps(features.failures)}
    content = save({"values": features.values, "rows": features.rows}, metadata=header)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
