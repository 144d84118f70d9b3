"""A FakeLocator as one file for ONNX Runtime, OpenVINO or torch.export, any batch, height and width."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fakelocator_zoo.inference.fusion import folded
from fakelocator_zoo.inference.quantization import calibration_inputs, quantize
from fakelocator_zoo.inference.runtimes import METADATA_KEY, Metadata, load_model, open_session, parser_folder

if TYPE_CHECKING:
    from fakelocator_zoo.models.fakelocator import FakeLocator

Target = Literal["onnx", "openvino", "torch-export"]
SUFFIXES: dict[Target, str] = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2"}
OUTPUTS = ("p_fake_logits", "magnitude", "evidence", "confidence", "logits")
OPSET = 20
#: Batch, height and width of the images on which an exported graph is compared with torch.
PARITY_SHAPES = ((1, 64, 96), (2, 131, 77), (1, 200, 333))
#: The largest difference that is accepted, relative to the largest value of an output.
TOLERANCE = 1e-3
_NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "openvino")}


class ExportedGraph(nn.Module):
    """The graph that is exported: :meth:`FakeLocator.dense` and, of the whole image, the decision.

    Images (B, 3, H, W) in [0, 1] and, where the model has a face parser, attention (B, 1, H, W) in [0, 1] ->
    :data:`OUTPUTS`: the fields of :class:`~fakelocator_zoo.models.output.DenseOutput`, and logits (B, 2) divided by the
    temperature.
    """

    def __init__(self, model: FakeLocator) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, attention: Tensor | None = None) -> tuple[Tensor, ...]:
        # As the model pads and crops, but by indices: the checks of F.pad and slices would fix H and W in the graph.
        stride = self.model.evidence_stride
        sides = [(side, stride * ((side + stride - 1) // stride)) for side in images.shape[-2:]]
        inside = [torch.arange(side, device=images.device) for side, _ in sides]
        repeated = [torch.arange(padded, device=images.device).clamp(max=side - 1) for side, padded in sides]
        dense = self.model._dense(_pick(images, repeated), None if attention is None else _pick(attention, repeated))
        # The decision averages over whole cells of the stride, and at the border over their part inside the image.
        rows, columns = ((torch.arange(padded, device=images.device) < side).float() for side, padded in sides)
        inside_image = rows[:, None] * columns
        share = F.avg_pool2d(inside_image[None, None], stride)
        averaged = F.avg_pool2d(dense.p_fake_logits * inside_image, stride) / share
        logits = self.model.classification_head.decide(dense.evidence, dense.confidence, averaged)
        maps = (_pick(dense.p_fake_logits, inside), _pick(dense.magnitude, inside))
        return (*maps, dense.evidence, dense.confidence, logits / self.model.temperature)


def _pick(values: Tensor, places: list[Tensor]) -> Tensor:
    """Rows and columns by their indices."""
    return values.index_select(2, places[0]).index_select(3, places[1])


def export_model(
    model: FakeLocator,
    out: str | Path,
    to: Target = "onnx",
    *,
    name: str | None = None,
    license: str = "unknown",
    int8: bool = False,
    photos: Sequence[np.ndarray] | None = None,
) -> float:
    """Write a model as one file (OpenVINO: two) that a runtime reads, and compare it with torch.

    The graph is :class:`ExportedGraph`. A file of ``onnx`` or ``openvino`` can be given to a Localizer. Of a model that
    attends to face parts the face parser is saved beside it, in a folder that ends in ``.face_parser``, and torch runs
    it; so does :attr:`Metadata.decision` let torch decide on stitched tiles.

    Args:
        model: on any device; it is put into eval mode, on the CPU, in float32.
        out: ends in ``.onnx``, ``.xml`` (OpenVINO, with its weights in ``.bin``) or ``.pt2`` (torch-export).
        to: the format.
        name, license: what the file says of itself; None takes the model's own name.
        int8: the convolutions compute in 8-bit integers, as :func:`~fakelocator_zoo.inference.quantization.quantize`
            says; ``python -m benchmarks speed`` measures what that gains and costs.
        photos: (H, W, 3) uint8 each, on which the ranges for ``int8`` are found; None takes scikit-image's.

    Returns:
        The largest difference from torch in any output, relative to the output's largest value.

    Raises:
        ValueError: for an unknown format, a file that is there already or has another ending, a model whose face parser
            cannot be saved, ``int8`` for torch-export, and a graph in float32 that differs from torch by more than
            :data:`TOLERANCE`.
        ImportError: where a package is missing.
    """
    out = Path(out)
    if to not in get_args(Target):
        raise ValueError(f"unknown format {to!r}; give {', '.join(get_args(Target))}")
    if out.suffix != SUFFIXES[to]:
        raise ValueError(f"{out} must end in {SUFFIXES[to]} for {to}")
    places = [out, *([out.with_suffix(".bin")] if to == "openvino" else [])]
    if model.face_parser is not None:
        places.append(parser_folder(out))
    for place in places:
        if place.exists():
            raise ValueError(f"{place} is there already, so it is kept; give another name")
    if int8 and to == "torch-export":
        raise ValueError("torch-export knows no int8; give onnx or openvino")
    needed = {*_NEEDED.get(to, ()), *(("onnxruntime",) if int8 else ())}
    if missing := sorted(each for each in needed if importlib.util.find_spec(each) is None):
        raise ImportError(f"{to} needs {', '.join(missing)}: pip install 'fakelocator-zoo[export]'")
    model = model.float().cpu().eval()
    metadata = Metadata.of(model, name or model.name, license, "int8" if int8 else "float32")
    graph = ExportedGraph(folded(model))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        draft = Path(folder) / out.name
        if model.face_parser is not None:
            _save_parser(model.face_parser, parser_folder(draft))
        program = _program(graph)
        if to == "torch-export":
            torch.export.save(program, draft, extra_files={METADATA_KEY: metadata.to_json()})
            run: Callable[..., Sequence[Tensor]] = program.module()
        else:
            _save_onnx(program, draft.with_suffix(".onnx"), metadata)
            if int8:
                quantize(draft.with_suffix(".onnx"), draft.with_suffix(".onnx"), calibration_inputs(model, photos))
            if to == "openvino":
                _convert_to_openvino(draft.with_suffix(".onnx"), draft, metadata)
            run = open_session(draft, "openvino" if to == "openvino" else "onnx").run
        difference = _difference(model, run)
        if not int8 and not difference <= TOLERANCE:
            raise ValueError(f"the exported graph differs from torch by {difference:.2g}, so nothing was written")
        for place in reversed(places):  # the file that is named comes last: where it is, all of it is
            shutil.move(draft.with_name(place.name), place)
    return difference


@torch.inference_mode()
def measure_speed(model: FakeLocator, file: Path, side: int = 256, rounds: int = 7) -> tuple[float, float]:
    """Median milliseconds of one image of ``side`` pixels: by the model in torch, and by its file in the runtime that
    :func:`~fakelocator_zoo.inference.runtimes.load_model` takes. They take turns.
    """
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    networks = (model, load_model(file))
    taken: list[list[float]] = [[], []]
    for round in range(-2, rounds):  # two to warm up
        for network, seconds in zip(networks, taken, strict=True):
            start = time.perf_counter()
            network(image)
            if round >= 0:
                seconds.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken[0])), 1e3 * float(np.median(taken[1]))


@torch.no_grad()
def _program(graph: ExportedGraph) -> torch.export.ExportedProgram:
    # From 33 pixels on no stage of an encoder has a side of 1, which torch.export would treat apart.
    batch, height, width = (torch.export.Dim(name, min=least) for name, least in (("B", 1), ("H", 33), ("W", 33)))
    # No side is a multiple of the stride, so that the padding is in the graph.
    given = _random_inputs(graph.model, 2, 75, 101)
    shapes = tuple({0: batch, 2: height, 3: width} for _ in given)
    return torch.export.export(graph, given, dynamic_shapes=shapes, strict=False)


def _save_onnx(program: torch.export.ExportedProgram, path: Path, metadata: Metadata) -> None:
    exported = torch.onnx.export(
        program, dynamo=True, opset_version=OPSET, output_names=list(OUTPUTS), external_data=False, verbose=False
    )
    assert exported is not None
    exported.model.metadata_props[METADATA_KEY] = metadata.to_json()
    exported.save(path, external_data=False)


def _convert_to_openvino(source: Path, path: Path, metadata: Metadata) -> None:
    import openvino

    converted = openvino.convert_model(source)
    converted.set_rt_info(metadata.to_json(), [METADATA_KEY])
    openvino.save_model(converted, path, compress_to_fp16=False)


def _save_parser(face_parser: nn.Module, folder: Path) -> None:
    save = getattr(face_parser, "save_pretrained", None)
    if not callable(save):
        raise ValueError(
            f"the face parser {type(face_parser).__name__} cannot be saved, so this model cannot be exported; "
            "build it with a FaceParser"
        )
    save(folder)


@torch.inference_mode()
def _difference(model: FakeLocator, run: Callable[..., Sequence[Tensor]]) -> float:
    largest = 0.0
    for shape in PARITY_SHAPES:
        given = _random_inputs(model, *shape)
        dense = model.dense(*given)
        for own, other in zip((*dense, model.decide(dense)), run(*given), strict=True):
            largest = max(largest, float((own - other).abs().max() / own.abs().max().clamp(min=1)))
    return largest


def _random_inputs(model: FakeLocator, batch: int, height: int, width: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch, 3, height, width, generator=generator)
    attention = torch.rand(batch, 1, height, width, generator=generator)
    return (images,) if model.face_parser is None else (images, attention)
