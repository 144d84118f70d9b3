"""Rivals: networks trained here, ONNX files, Python functions, and what is wrong with either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.harness.table import Skipped
from benchmarks.rivals.adapters import CallablePredictor, OnnxPredictor, as_prediction, load_function
from benchmarks.rivals.networks import AttentionMapRegressor, GradCamClassifier, Rival, UnetDice
from fakelocator_zoo.training.task import TrainingBatch
from tests.benchmarks.conftest import ENCODER

IMAGES = torch.rand(2, 3, 12, 16)


def test_a_map_of_any_size_comes_back_at_the_size_of_the_image():
    half = torch.zeros(2, 1, 3, 4)
    half[:, :, :, 2:] = 1
    maps, scores = as_prediction(half, IMAGES, "rival")
    assert maps is not None and maps.shape == (2, 12, 16)
    assert maps[0, 0, 0] == 0 and maps[0, 0, -1] == 1
    # Without a decision of its own the map's mean is taken.
    assert scores.tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_a_score_alone_has_no_map(shape):
    maps, scores = as_prediction(np.array([0.25, 0.75]).reshape(shape), IMAGES, "rival")
    assert maps is None and scores.tolist() == [0.25, 0.75]


def test_two_logits_are_real_and_fake():
    scores = as_prediction(torch.tensor([[0.0, 0.0], [0.0, np.log(3.0)]]), IMAGES, "rival").scores
    assert scores.tolist() == pytest.approx([0.5, 0.75])


def test_map_and_score_in_any_order():
    outputs = (torch.tensor([0.1, 0.9]), None, torch.full((2, 12, 16), 0.3))
    maps, scores = as_prediction(outputs, IMAGES, "rival")
    assert maps is not None and maps.unique().tolist() == pytest.approx([0.3])
    assert scores.tolist() == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        (torch.rand(3, 12, 16), "the first axis is the image"),
        (torch.rand(2, 3, 12, 16), "neither a map"),
        (torch.full((2, 12, 16), 2.0), r"map of 2 to 2; it must lie in \[0, 1\]"),
        (torch.tensor([-3.0, 3.0]), "score of -3 to 3"),
        (torch.full((2, 12, 16), torch.nan), "map of nan"),
        ((), "neither a map nor a score"),
    ],
)
def test_outputs_that_mean_nothing_are_refused(outputs, sentence):
    with pytest.raises(ValueError, match=sentence):
        as_prediction(outputs, IMAGES, "rival")


def test_a_function_that_fails_is_skipped_with_a_sentence():
    def fails(images: Tensor) -> Tensor:
        raise RuntimeError("out of\nmemory")

    with pytest.raises(Skipped, match="theirs failed: out of memory"):
        CallablePredictor("theirs", fails).predict(IMAGES)


def test_a_function_is_found_in_a_module_and_in_a_file(tmp_path, monkeypatch):
    (tmp_path / "their_model.py").write_text("def predict(images):\n    return images.mean(dim=1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    for spec in ("their_model:predict", f"{tmp_path / 'their_model.py'}:predict"):
        predictor = CallablePredictor("theirs", load_function(spec))
        torch.testing.assert_close(predictor.predict(IMAGES).maps, IMAGES.mean(dim=1))


@pytest.mark.parametrize(
    ("spec", "error", "sentence"),
    [
        ("no_such_module_anywhere:predict", ValueError, "no module 'no_such_module_anywhere'"),
        ("json.no_such_part:predict", ValueError, "no module 'json.no_such_part'"),
        ("json:predict", ValueError, "json has no function 'predict'"),
        ("missing.py:predict", ValueError, "no file missing.py"),
    ],
)
def test_a_mistyped_function_is_an_error(spec, error, sentence):
    with pytest.raises(error, match=sentence):
        load_function(spec)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("import a_package_nobody_has", "needs the package a_package_nobody_has"),
        ("raise FileNotFoundError('weights.safetensors is missing; see the file')", "weights.safetensors is missing"),
    ],
)
def test_a_rival_without_its_package_or_weights_is_skipped(tmp_path, content, sentence):
    (tmp_path / "theirs.py").write_text(content + "\n")
    with pytest.raises(Skipped, match=sentence):
        load_function(f"{tmp_path / 'theirs.py'}:predict")


# ONNX


class Brightness(nn.Module):
    """A map and a score that anybody can check: the mean of the colours, and of the image."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images.mean(dim=1, keepdim=True), images.mean(dim=(1, 2, 3))


def export(path: Path, network: nn.Module, images: Tensor, **options: object) -> Path:
    pytest.importorskip("onnxscript")
    program = torch.onnx.export(network.eval(), (images,), dynamo=True, verbose=False, **options)
    assert program is not None
    program.save(path, external_data=False)
    return path


@pytest.fixture(scope="module")
def fixed_size(tmp_path_factory) -> Path:
    return export(tmp_path_factory.mktemp("onnx") / "brightness.onnx", Brightness(), torch.rand(1, 3, 8, 8))


def test_an_onnx_file_of_a_fixed_size_gets_resized_images(fixed_size):
    pytest.importorskip("onnxruntime")
    images = torch.full((2, 3, 20, 12), 0.25)
    predictor = OnnxPredictor(fixed_size)
    maps, scores = predictor.predict(images)
    assert predictor.name == "brightness"
    torch.testing.assert_close(maps, torch.full((2, 20, 12), 0.25))
    torch.testing.assert_close(scores, torch.tensor([0.25, 0.25]))


def test_an_onnx_file_of_any_size_gets_images_as_they_are(tmp_path):
    pytest.importorskip("onnxruntime")
    sides = {2: torch.export.Dim("height", min=4), 3: torch.export.Dim("width", min=4)}
    path = export(tmp_path / "any.onnx", Brightness(), torch.rand(1, 3, 8, 12), dynamic_shapes=(sides,))
    torch.testing.assert_close(OnnxPredictor(path).predict(IMAGES).maps, IMAGES.mean(dim=1))


def test_an_onnx_file_without_images_as_its_input_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    path = export(tmp_path / "vectors.onnx", nn.Linear(3, 2), torch.rand(1, 3))
    with pytest.raises(ValueError, match=r"vectors.onnx must have one input of float images"):
        OnnxPredictor(path)


def test_a_broken_onnx_file_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"broken.onnx cannot be read by ONNX Runtime"):
        OnnxPredictor(path)


def test_a_missing_onnx_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.onnx does not exist"):
        OnnxPredictor(tmp_path / "missing.onnx")


def test_without_onnx_runtime_the_rival_is_skipped(fixed_size, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(Skipped, match=r"pip install 'fakelocator-zoo\[bench\]'"):
        OnnxPredictor(fixed_size)


# Networks that are trained here

NETWORKS = pytest.mark.parametrize("kind", [UnetDice, AttentionMapRegressor, GradCamClassifier])


def batch(known: float = 1.0) -> TrainingBatch:
    """Four photos and four fakes, whose left half is brighter."""
    torch.manual_seed(0)
    images = torch.rand(8, 3, 64, 64) / 2
    mask = torch.zeros(8, 1, 64, 64)
    mask[4:, :, :, :32] = 1
    label = torch.tensor([0] * 4 + [1] * 4)
    return TrainingBatch(images + 0.4 * mask, 0.4 * mask, mask, torch.full((8, 1, 1, 1), known), label, None)


@NETWORKS
@pytest.mark.parametrize("size", [(64, 64), (50, 71), (20, 33)])
def test_maps_have_the_size_of_the_image_and_lie_in_unit_range(kind, size):
    output = kind(ENCODER).eval()(torch.rand(2, 3, *size))
    assert output.fakeness_map.shape == (2, 1, *size) and output.logits.shape == (2, 2)
    assert output.fakeness_map.min() >= 0 and output.fakeness_map.max() <= 1


@NETWORKS
def test_the_loss_of_one_batch_falls(kind):
    torch.manual_seed(0)
    network: Rival = kind(ENCODER).train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        loss = network.loss(batch())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.8 * losses[0]


def test_images_whose_map_is_unknown_teach_the_decision_alone():
    network = AttentionMapRegressor(ENCODER).eval()
    unknown = batch(known=0.0)
    changed = unknown._replace(mask=1 - unknown.mask)
    assert float(network.loss(unknown)) == float(network.loss(changed))


@pytest.mark.parametrize("name", ["tiny_ladeda", "photoholmes_method", "transformers_classifier"])
def test_documented_rivals_are_skipped_where_they_are_not_installed(name, monkeypatch):
    for variable in ("TINY_LADEDA", "HF_CLASSIFIER"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(Skipped):
        load_function(f"{Path(__file__).parents[2] / 'benchmarks/rivals' / name}.py:predict")
