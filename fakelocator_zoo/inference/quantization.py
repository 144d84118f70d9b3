"""An exported graph in 8-bit integers, by ONNX Runtime's static quantisation; OpenVINO reads the result as well."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fakelocator_zoo.models.attention import resize_attention
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.models.residual import INPUT_CHANNELS

#: Heads are small, and their rounding errors would reach the maps.
_KEPT = ("model.segmentation_head.", "model.classification_head.")
_SIDE = 256  # pixels of the crops that ranges are found on


def quantize(source: Path, out: Path, inputs: Iterable[tuple[Tensor, ...]]) -> None:
    """Write an ONNX file whose convolutions compute in 8-bit integers, with the ranges seen for ``inputs``.

    Convolutions that read the image or its residual stay in float32: most residuals are a thousandth of their range.
    So do the heads.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    model = onnx.load(source)
    names = [each.name for each in model.graph.input]

    class Inputs(CalibrationDataReader):
        remaining = iter(inputs)

        def get_next(self) -> dict[str, np.ndarray] | None:
            given = next(self.remaining, None)
            return None if given is None else {n: v.numpy() for n, v in zip(names, given, strict=True)}

    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it asks for steps that an exported graph does not need
    try:
        quantize_static(
            model,
            out,
            Inputs(),
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_kept_in_float(model),
            per_channel=True,
            # Without VNNI a processor adds products of 8 bits in 16 bits; weights of 7 bits cannot overflow them.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.disable(disabled)


def calibration_inputs(model: FakeLocator, photos: Sequence[np.ndarray] | None = None) -> Iterator[tuple[Tensor, ...]]:
    """Inputs of the graph: the centres of photos (H, W, 3) uint8; None takes three of scikit-image's, at two sizes."""
    for photo in _bundled_photos() if photos is None else photos:
        height, width = photo.shape[:2]
        top, left = max(0, height - _SIDE) // 2, max(0, width - _SIDE) // 2
        crop = np.ascontiguousarray(photo[top : top + _SIDE, left : left + _SIDE].transpose(2, 0, 1))
        image = torch.from_numpy(crop)[None].float() / 255
        attended = model.attend(image)
        if attended is None:
            yield (image,)
        else:
            yield image, resize_attention(attended.attention, *image.shape[-2:])


def _bundled_photos() -> Iterator[np.ndarray]:
    from PIL import Image
    from skimage import data

    for photo in (data.astronaut(), data.coffee(), data.chelsea()):
        yield photo
        yield np.asarray(Image.fromarray(photo).reduce(2))


def _kept_in_float(model: object) -> list[str]:
    """Names of the convolutions that read an image or its residual, and of those of the heads."""
    graph = model.graph  # type: ignore[attr-defined]
    channels = {each.name: each.dims[1] for each in graph.initializer if len(each.dims) == 4}
    groups = {node.name: next((a.i for a in node.attribute if a.name == "group"), 1) for node in graph.node}
    return [
        node.name
        for node in graph.node
        if node.op_type == "Conv"
        if node.input[1].startswith(_KEPT)
        or (groups[node.name] == 1 and channels.get(node.input[1]) in INPUT_CHANNELS.values())
    ]
