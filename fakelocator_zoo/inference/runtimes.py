"""Exported FakeLocators, run by ONNX Runtime or OpenVINO on the CPU."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from fakelocator_zoo.models.attention import resize_attention
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.models.heads import ClassificationHead
from fakelocator_zoo.models.output import DenseOutput

Runtime = Literal["auto", "torch", "onnx", "openvino"]
#: Linear layers of the classification head; a file holds them so that torch can decide on stitched maps.
DECISION_LAYERS = ("region", "image")
#: Under this key a file holds its :class:`Metadata` as JSON.
METADATA_KEY = "fakelocator"
#: The fastest first, as `python -m benchmarks speed` measures them: of the default model on one thread at 512 px
#: OpenVINO takes .60 and ONNX Runtime .63 of the time of torch, files in int8 .64 and .71.
_FASTEST_FIRST = (("openvino", "openvino"), ("onnx", "onnxruntime"))


class Metadata(NamedTuple):
    """What an exported file says of itself."""

    name: str
    license: str
    version: str  #: of fakelocator-zoo
    input_range: tuple[float, float]  #: of the images
    temperature: float  #: the logits are divided by it already
    threshold: float  #: fake probability from which on an image is called fake
    evidence_stride: int  #: of evidence and confidence; origins of tiles are multiples of it
    attention: list[str] | None  #: face parts that the second input shows, or None without one
    attention_temperature: float
    limits: dict[str, float] | None  #: below which an image is not judged; None stands for the package's
    precision: str  #: of the convolutions, float32 or int8
    #: Weight and bias of each of the head's linear layers, to decide on stitched maps.
    decision: dict[str, dict[str, list[Any]]]

    @classmethod
    def of(cls, model: FakeLocator, name: str, license: str, precision: str = "float32") -> Metadata:
        """Of a model."""
        from fakelocator_zoo import __version__

        return cls(
            name=name,
            license=license,
            version=__version__,
            input_range=(0.0, 1.0),
            temperature=model.temperature,
            threshold=model.threshold,
            evidence_stride=model.evidence_stride,
            attention=None if model.attention_parts is None else list(model.attention_parts),
            attention_temperature=model.attention_temperature,
            limits=getattr(model, "limits", None),
            precision=precision,
            decision={name: _values(getattr(model.classification_head, name)) for name in DECISION_LAYERS},
        )

    def to_json(self) -> str:
        """As a file holds it."""
        return json.dumps(self._asdict())


def _values(layer: nn.Module) -> dict[str, list[Any]]:
    return {name: value.tolist() for name, value in layer.state_dict().items()}


class Session(NamedTuple):
    """An opened file."""

    run: Callable[..., list[Tensor]]  #: images, and attention where the model attends -> the graph's outputs
    metadata: str | None  #: JSON of :class:`Metadata`; None in a file of something else


class ExportedModel(FakeLocator):
    """A FakeLocator whose dense maps come from an exported graph; all else is the same.

    It runs on the CPU in float32, and one may serve several threads.
    """

    def __init__(self, session: Session, metadata: Metadata, face_parser: nn.Module | None) -> None:
        nn.Module.__init__(self)
        self.name, self.metadata, self._run = metadata.name, metadata, session.run
        self.temperature, self.threshold = metadata.temperature, metadata.threshold
        self.evidence_stride, self.limits = metadata.evidence_stride, metadata.limits
        self.encoder = SimpleNamespace(output_stride=metadata.evidence_stride)  # type: ignore[assignment]
        self.face_parser = face_parser
        self.attention_parts = None if face_parser is None else tuple(metadata.attention or ())
        self.attention_temperature = metadata.attention_temperature
        self.classification_head = ClassificationHead(1, metadata.evidence_stride, 0.0)
        for name in DECISION_LAYERS:
            values = {key: torch.tensor(value) for key, value in metadata.decision[name].items()}
            getattr(self.classification_head, name).load_state_dict(values)
        self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> ExportedModel:
        """It stays in eval mode."""
        nn.Module.train(self, False)
        return self

    @property
    def config(self) -> dict[str, Any]:
        """None is there.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{self.name} is an exported file; this needs the model that it was exported from")

    def features(self, images: Tensor, attention: Tensor | None = None) -> list[Tensor]:
        """Not in the graph.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{self.name} is an exported file, which keeps no features of the encoder's stages")

    def _dense(self, images: Tensor, attention: Tensor | None) -> DenseOutput:
        if self.face_parser is None:
            if attention is not None:
                raise ValueError(f"{self.name} was exported from a model without attention; give none")
            return DenseOutput(*self._run(images)[:4])
        assert attention is not None
        height, width = images.shape[-2:]
        return DenseOutput(*self._run(images, resize_attention(attention, height, width))[:4])


def load_model(source: str | Path, runtime: str = "auto", **options: Any) -> FakeLocator:
    """A model to run: from an exported file (``.onnx``, ``.xml``), or what ``FakeLocator.from_pretrained`` takes.

    Args:
        runtime: ``onnx`` or ``openvino`` for exported files (OpenVINO reads ``.onnx`` as well), ``torch`` for the
            others; ``auto`` takes the fastest that is installed.
        options: of ``from_pretrained``; an exported file takes none.

    Raises:
        ValueError: for an unknown runtime or one that cannot run this source, and a file of something else.
        ImportError: where the runtime is not installed.
    """
    if runtime not in get_args(Runtime):
        raise ValueError(f"unknown runtime {runtime!r}; give {', '.join(get_args(Runtime))}")
    path = Path(source)
    if path.suffix == ".pt2":
        # Where its safe reading fails torch.export.load unpickles whatever the file holds.
        raise ValueError(
            f"{path} may hold pickles, which are never read here; in your own code run "
            "torch.export.load(FILE).module()(images), or export to onnx"
        )
    if path.suffix not in (".onnx", ".xml"):
        if runtime not in ("auto", "torch"):
            raise ValueError(f"{runtime} runs exported files; `fakelocator export {source} --to {runtime}` writes one")
        return FakeLocator.from_pretrained(source, **options)
    if options:
        raise ValueError(f"{path} is an exported file, which takes no {', '.join(options)}; give it when exporting")
    return _load_exported(path, _choose(path, runtime))


def parser_folder(path: Path) -> Path:
    """Where the face parser of an exported file lies."""
    return path.with_suffix(".face_parser")


def open_session(path: Path, runtime: str) -> Session:
    """Open a file with ``onnx`` or ``openvino``, on as many threads as torch has.

    Raises:
        ValueError: where the runtime cannot read it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there")
    try:
        return _SESSIONS[runtime](path)
    except Exception as error:  # each runtime has errors of its own
        raise ValueError(f"{path} cannot be read ({str(error).strip().splitlines()[-1]}); export it again") from error


def _onnx_session(path: Path) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(*given: Tensor) -> list[Tensor]:
        inputs = {name: values.float().cpu().numpy() for name, values in zip(names, given, strict=True)}
        return [torch.from_numpy(values) for values in session.run(None, inputs)]

    return Session(run, session.get_modelmeta().custom_metadata_map.get(METADATA_KEY))


def _openvino_session(path: Path) -> Session:
    import openvino

    model = openvino.Core().read_model(path)
    # Some processors would compute in bfloat16 unless told not to.
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = openvino.compile_model(model, "CPU", options)

    def run(*given: Tensor) -> list[Tensor]:
        # A request belongs to one thread.
        results = compiled.create_infer_request().infer([values.float().cpu().numpy() for values in given])
        return [torch.from_numpy(results[output]) for output in compiled.outputs]

    keys = ["framework", METADATA_KEY] if path.suffix == ".onnx" else [METADATA_KEY]
    return Session(run, str(model.get_rt_info(keys).value) if model.has_rt_info(keys) else None)


_SESSIONS: Mapping[str, Callable[[Path], Session]] = {"onnx": _onnx_session, "openvino": _openvino_session}


def _choose(path: Path, runtime: str) -> str:
    readers = [each for each in _FASTEST_FIRST if path.suffix == ".onnx" or each[0] == "openvino"]
    if runtime != "auto":
        readers = [each for each in readers if each[0] == runtime]
        if not readers:
            raise ValueError(f"{runtime} cannot run {path}; give runtime='auto'")
    for name, package in readers:
        if importlib.util.find_spec(package) is not None:
            return name
    packages = " or ".join(package for _, package in readers)
    raise ImportError(f"{path} needs {packages}: pip install 'fakelocator-zoo[export]'")


def _load_exported(path: Path, runtime: str) -> ExportedModel:
    session = open_session(path, runtime)
    if session.metadata is None:
        raise ValueError(f"{path} is no exported FakeLocator; `fakelocator export` writes one")
    try:
        metadata = Metadata(**json.loads(session.metadata))
        face_parser = None
        if metadata.attention is not None:
            from fakelocator_zoo.face_parsing.parser import FaceParser

            folder = parser_folder(path)
            if not folder.is_dir():
                raise FileNotFoundError(f"{path} attends to face parts and needs its face parser {folder} beside it")
            face_parser = FaceParser.from_pretrained(folder).freeze()
        return ExportedModel(session, metadata, face_parser)
    except (TypeError, KeyError, RuntimeError) as error:
        raise ValueError(f"{path} was exported by another version of fakelocator-zoo; export it again") from error
