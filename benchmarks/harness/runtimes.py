"""One network in several runtimes: eager and compiled torch, ONNX Runtime, OpenVINO."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

EAGER, COMPILED = "eager", "torch.compile"
#: Runtime -> the packages it needs, and what installs them.
NEEDS: dict[str, tuple[tuple[str, ...], str]] = {
    EAGER: ((), ""),
    COMPILED: ((), ""),
    "ONNX Runtime": (("onnx", "onnxscript", "onnxruntime"), "pip install 'fakelocator-zoo[bench,export]'"),
    "OpenVINO": (("onnx", "onnxscript", "openvino"), "pip install openvino 'fakelocator-zoo[export]'"),
}
Action = Callable[[], object]


def available() -> list[str]:
    """The runtimes whose packages are installed."""
    return [name for name, (packages, _) in NEEDS.items() if all(find_spec(each) for each in packages)]


def prepare(name: str, network: nn.Module, images: Tensor, threads: int) -> Action:
    """What runs ``network`` on ``images`` in a runtime of :data:`NEEDS`, ready to be timed.

    Raises:
        RuntimeError: where the runtime cannot take the network.
    """
    try:
        if name == EAGER:
            return lambda: network(images)
        if name == COMPILED:
            torch._dynamo.reset()
            compiled = torch.compile(network)
            with torch.inference_mode():
                compiled(images)
            return lambda: compiled(images)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            export_onnx(network, images, path)
            return _onnxruntime(path, images, threads) if name == "ONNX Runtime" else _openvino(path, images, threads)
    except Exception as error:  # compilers and exporters raise whatever they like; the others are timed all the same
        raise RuntimeError(f"{name} cannot run it: {' '.join(str(error).split())[:200]}") from error


def export_onnx(network: nn.Module, images: Tensor, path: Path) -> None:
    """Write map and logits of a FakeLocator as an ONNX file for images of this very shape."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(_MapAndLogits(network).eval(), (images,), dynamo=True, verbose=False)
        assert program is not None
        program.save(path, external_data=False)


class _MapAndLogits(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output = self.network(images)
        return output.fakeness_map, output.logits


def _onnxruntime(path: Path, images: Tensor, threads: int) -> Action:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Its threads would wait busily while the other runtimes have their turn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: images.numpy()}
    return lambda: session.run(None, given)


def _openvino(path: Path, images: Tensor, threads: int) -> Action:
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(path), "CPU", settings)
    given = images.numpy()
    return lambda: compiled([given])
