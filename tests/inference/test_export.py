"""Exported files: what they say of themselves, and that a Localizer gives with them what it gives with torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from fakelocator_zoo import FakeLocator, Localizer, __version__
from fakelocator_zoo.cli import app
from fakelocator_zoo.face_parsing.parser import FaceParser
from fakelocator_zoo.images import write_image
from fakelocator_zoo.inference.export import export_model
from fakelocator_zoo.inference.runtimes import METADATA_KEY, ExportedModel, load_model
from tests.inference.stubs import smooth

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def build(attention: str | None = None) -> FakeLocator:
    torch.manual_seed(0)
    parser = FaceParser(encoder_name="tu-test_resnet", side=64) if attention else None
    model = FakeLocator(
        "tu-test_resnet",
        decoder_channels=(16, 8, 8),
        texture_channels=4,
        attention=attention,
        face_parser=parser,
        temperature=2.0,
        threshold=0.3,
    )
    return model.eval()


@pytest.fixture(scope="module", params=[None, "face"], ids=["plain", "attending"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeLocator, Path]:
    """A model and its ONNX file."""
    model, path = build(request.param), tmp_path_factory.mktemp("exported") / "model.onnx"
    assert export_model(model, path, name="tiny", license="apache-2.0") < 1e-4
    return model, path


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_output_is_that_of_torch_for_any_batch_height_and_width(exported, runtime):
    if runtime == "openvino":
        pytest.importorskip("openvino")
    model, path = exported
    # Attention enters an exported file at the size of the images, so it is resized once more.
    tolerance = 0.02 if model.attention_parts else 1e-3
    loaded = load_model(path, runtime)
    for shape in ((1, 3, 64, 64), (3, 3, 57, 118)):
        images = torch.rand(shape)
        with torch.inference_mode():
            for expected, given in zip(model(images), loaded(images), strict=True):
                assert (expected is None) == (given is None)
                if expected is not None:
                    torch.testing.assert_close(given, expected, atol=tolerance, rtol=1e-2)


def test_tiles_are_stitched_as_with_torch(exported):
    model, path = exported
    photo = smooth(150, 210)
    options = {"find_faces": False, "tile": 64, "overlap": 16}
    expected, given = (Localizer(each, **options)(photo) for each in (model, path))
    np.testing.assert_allclose(given.fakeness_map, expected.fakeness_map, atol=1e-4)
    assert given.fake_probability == pytest.approx(expected.fake_probability, abs=1e-4)
    assert given.verdict == expected.verdict


def test_the_graph_alone_decides_as_the_model(exported):
    import onnxruntime

    model, path = exported
    session = onnxruntime.InferenceSession(path)
    images = torch.rand(2, 3, 75, 90)
    attention = torch.ones(2, 1, 75, 90)
    given = {"images": images.numpy(), "attention": attention.numpy()}
    (logits,) = session.run(["logits"], {each.name: given[each.name] for each in session.get_inputs()})
    with torch.inference_mode():
        expected = model(images, attention) if model.face_parser else model(images)
    torch.testing.assert_close(torch.from_numpy(logits), expected.logits, atol=1e-4, rtol=1e-3)


def test_the_file_says_what_it_is(exported):
    model, path = exported
    said = json.loads({each.key: each.value for each in onnx.load(path).metadata_props}[METADATA_KEY])
    assert (said["name"], said["license"], said["version"]) == ("tiny", "apache-2.0", __version__)
    assert (said["input_range"], said["temperature"], said["threshold"]) == ([0, 1], 2.0, 0.3)
    assert said["evidence_stride"] == model.evidence_stride


def test_int8_file_stays_close_and_spares_heads_and_inputs(tmp_path):
    model, path = build(), tmp_path / "model.onnx"
    export_model(model, path, int8=True, photos=[smooth(96, 80), smooth(64, 64, seed=1)])
    loaded = load_model(path, "onnx")
    assert loaded.metadata.precision == "int8"
    image = torch.from_numpy(smooth(70, 90, seed=2)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        torch.testing.assert_close(loaded(image).p_fake, model(image).p_fake, atol=0.05, rtol=0)
    graph = onnx.load(path).graph
    made_by = {output: node for node in graph.node for output in node.output}
    weights = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    in_float = [name for name in weights if name not in made_by]
    assert 0 < len(in_float) < len(weights) and any("head" in name for name in in_float)


def test_openvino_file(tmp_path):
    pytest.importorskip("openvino")
    model, path = build(), tmp_path / "model.xml"
    export_model(model, path, "openvino", name="tiny")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.bin", "model.xml"]
    loaded = load_model(path)
    assert isinstance(loaded, ExportedModel)
    assert (loaded.name, loaded.threshold) == ("tiny", 0.3)
    with pytest.raises(ValueError, match="onnx cannot run"):
        load_model(path, "onnx")


def test_torch_export_file_is_for_others(tmp_path):
    model, path = build(), tmp_path / "model.pt2"
    assert export_model(model, path, "torch-export") < 1e-5
    extra = {METADATA_KEY: ""}
    images = torch.rand(1, 3, 70, 90)
    program = torch.export.load(path, extra_files=extra)
    assert json.loads(extra[METADATA_KEY])["threshold"] == 0.3
    with torch.inference_mode():
        torch.testing.assert_close(program.module()(images)[4], model(images).logits)
    with pytest.raises(ValueError, match="pickles, which are never read"):
        load_model(path)
    with pytest.raises(ValueError, match="knows no int8"):
        export_model(model, tmp_path / "int8.pt2", "torch-export", int8=True)


def test_commands(tmp_path):
    build().save_pretrained(tmp_path / "tiny", license="apache-2.0")
    file = tmp_path / "tiny.onnx"
    arguments = ["export", str(tmp_path / "tiny"), "--out", str(file)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "largest relative difference from torch" in result.output
    assert load_model(file).metadata.license == "apache-2.0"
    again = CliRunner().invoke(app, arguments)
    assert (again.exit_code, "is there already" in again.output) == (1, True)
    write_image(tmp_path / "photo.png", smooth(80, 96))
    located = CliRunner().invoke(
        app, ["locate", str(tmp_path / "photo.png"), "--model", str(file), "--out", str(tmp_path / "out")]
    )
    assert located.exit_code == 0, located.output


def test_unknown_format_is_named():
    result = CliRunner().invoke(app, ["export", "any", "--to", "tflite", "--out", "x.tflite"])
    assert result.exit_code == 2
    assert "'tflite' is none of onnx, openvino, torch-export" in " ".join(result.output.replace("│", " ").split())


def test_bad_input_is_one_sentence(tmp_path, tiny_model):
    with pytest.raises(ValueError, match=r"must end in \.onnx"):
        export_model(tiny_model, tmp_path / "model.bin")
    with pytest.raises(FileNotFoundError, match="is not there"):
        load_model(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ValueError, match=r"text\.onnx cannot be read"):
        load_model(tmp_path / "text.onnx")
    with pytest.raises(ValueError, match="runs exported files"):
        load_model("any", "onnx")
    with pytest.raises(ValueError, match="takes no attention"):
        load_model(tmp_path / "text.onnx", attention="face")


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_network_of_something_else_is_refused(tmp_path, runtime):
    pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])], "other", [value("x", 1, [1])], [value("y", 1, [1])]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ValueError, match="is no exported FakeLocator"):
        load_model(tmp_path / "other.onnx", runtime)


def test_a_missing_runtime_names_the_extra(tmp_path, tiny_model, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for call in (lambda: export_model(tiny_model, tmp_path / "m.onnx"), lambda: load_model(tmp_path / "m.onnx")):
        with pytest.raises(ImportError, match=r"fakelocator-zoo\[export\]"):
            call()


def test_a_face_parser_that_was_left_behind_is_named(exported, tmp_path):
    model, path = exported
    if model.face_parser is None:
        pytest.skip("has none")
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(path.read_bytes())
    with pytest.raises(FileNotFoundError, match="needs its face parser"):
        load_model(alone)
