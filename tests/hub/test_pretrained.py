"""What is saved comes back bit-equal; whatever is not a whole model of the class is refused in one sentence."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fakelocator_zoo import FakeLocator, __version__
from fakelocator_zoo.face_parsing import FaceParser
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.hub import tensors
from fakelocator_zoo.hub.files import count_parameters
from fakelocator_zoo.hub.tensors import compact, unwrapped_state

PARSER = {"encoder_name": "tu-test_resnet", "pyramid_channels": 32, "segmentation_channels": 32, "side": 64}
SMALL = {"decoder_channels": (16, 8, 8), "texture_channels": 4}


def edit_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rename_keys(folder: Path, rename) -> None:
    path = folder / "model.safetensors"
    save_file({rename(key): value for key, value in load_file(path).items()}, path)


def refused(folder: Path, match: str, cls=FakeLocator, **overrides) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        cls.from_pretrained(folder, **overrides)
    assert "\n" not in str(caught.value)


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def attending() -> FakeLocator:
    return FakeLocator("tu-test_resnet", attention=("hair", "mouth"), face_parser=FaceParser(**PARSER), **SMALL).eval()


@pytest.mark.parametrize(
    "build",
    [
        attending,
        lambda: FakeLocator("tu-test_resnet", encoder_depth=4, decoder_channels=(16, 8, 8, 8), texture_channels=None),
        lambda: FakeLocator("tu-test_resnet", decoder_upsampling="transposed", temperature=2.0, threshold=0.7, **SMALL),
        lambda: FakeLocator("tu-test_resnet", limits={"smallest_face": 40, "unsure": 0.2}, **SMALL),
        lambda: FaceParser(("background", "skin", "nose"), **PARSER),
        lambda: Generator("pixel_shuffle", levels=1, norm="batch", width=4),
    ],
)
@torch.no_grad()
def test_round_trip_is_bit_equal(tmp_path, build):
    model = build().eval()
    again = type(model).from_pretrained(model.save_pretrained(tmp_path / "m"))
    assert not again.training and again.config == model.config
    assert_same_weights(model, again)
    images = torch.rand(1, 3, 64, 80)
    one, other = (each(images) for each in (model, again))
    for first, second in zip(*((each if isinstance(each, tuple) else (each,)) for each in (one, other)), strict=True):
        assert (first is None and second is None) or torch.equal(first, second)


def test_files(folder, tiny_model):
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    config = json.loads((folder / "config.json").read_text())
    assert config == {"model_type": "fakelocator", "fakelocator_zoo_version": __version__, **tiny_model.config}
    weights = folder / "model.safetensors"
    assert count_parameters(weights) == sum(value.numel() for value in load_file(weights).values())


def test_saving_twice_gives_the_same_bytes(folder, tmp_path):
    again = FakeLocator.from_pretrained(folder).save_pretrained(tmp_path / "again" / "model")
    for filename in ("config.json", "model.safetensors", "README.md"):
        assert (again / filename).read_bytes() == (folder / filename).read_bytes()


def test_half_precision_is_for_matrices_on_disk():
    tensors = compact({"norm.running_var": torch.tensor([1e6]), "conv.weight": torch.ones(1, 1)}, torch.float16)
    assert tensors["norm.running_var"].dtype == torch.float32 and tensors["conv.weight"].dtype == torch.float16


def test_half_precision_on_disk_is_float_in_memory(tiny_model, tmp_path):
    again = FakeLocator.from_pretrained(tiny_model.save_pretrained(tmp_path / "m", dtype=torch.float16))
    assert all(value.dtype in (torch.float32, torch.int64) for value in again.state_dict().values())


def test_the_face_parser_can_be_dropped_changed_or_added(tmp_path, folder):
    with_parser = attending().save_pretrained(tmp_path / "m")
    assert FakeLocator.from_pretrained(with_parser, attention=None).face_parser is None
    assert FakeLocator.from_pretrained(with_parser, attention="nose").attention_parts == ("nose",)
    own = FaceParser(**PARSER)
    for each in (folder, with_parser):
        loaded = FakeLocator.from_pretrained(each, attention="nose", face_parser=own)
        assert loaded.face_parser is own
    assert_same_weights(own, FaceParser.from_pretrained(own.save_pretrained(tmp_path / "parser")))


def test_a_config_cannot_name_another_model_as_its_face_parser(folder):
    edit_config(folder, attention=["nose"], face_parser="somebody/else")
    refused(folder, "must hold the configuration of face_parser")


def test_wrappers_are_left_out(tiny_model):
    plain = tiny_model.state_dict()
    tiny_model.encoder = torch.compile(tiny_model.encoder)
    assert unwrapped_state(nn.DataParallel(torch.compile(tiny_model))).keys() == plain.keys()


def test_a_compiled_model_can_be_saved_and_loaded(tiny_model, tmp_path):
    saved = torch.compile(tiny_model).save_pretrained(tmp_path / "m")
    assert_same_weights(FakeLocator.from_pretrained(saved), tiny_model)


@pytest.mark.parametrize(("prefix", "maker"), [("_orig_mod.", "torch.compile"), ("module.", "DataParallel")])
def test_a_wrappers_prefix_is_named(folder, prefix, maker):
    rename_keys(folder, lambda key: prefix + key)
    refused(folder, f"prefix '{prefix[:-1]}' of {maker}")


def test_strict_false_loads_what_fits(folder, tiny_model):
    with pytest.warns(UserWarning, match="loaded in part"):
        model = FakeLocator.from_pretrained(folder, strict=False, decoder_channels=(32, 8, 8))
    assert_same_weights(model.encoder, tiny_model.encoder)


def test_typos_in_options(folder, tiny_model, tmp_path):
    with pytest.raises(TypeError, match="did you mean 'attention_stages'"):
        FakeLocator.from_pretrained(folder, atention_stages=(2,))
    with pytest.raises(TypeError, match="encoder_weights"):
        FakeLocator.from_pretrained(folder, encoder_weights="imagenet")
    with pytest.raises(TypeError, match="licence"):
        tiny_model.save_pretrained(tmp_path / "x", licence="mit")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"decoder_chanels": [1]}, "config.json has unknown keys decoder_chanels"),
        ({"model_type": "face_parser"}, "type face_parser, not fakelocator"),
        ({"encoder_name": "tu-test_resnt"}, "does not describe a FakeLocator that can be built: .*tu-test_resnet"),
        ({"encoder_name": "tu-test_efficientnet"}, "weights of another architecture .* use the two files"),
        ({"decoder_channels": [6_000, 6_000, 8]}, "far larger than the weights of the file"),
        ({"decoder_channels": [10**9, 8, 8]}, "is absurd"),
        ({"encoder_name": 31}, "does not describe a FakeLocator that can be built"),
        ({"encoder_name": True}, "does not describe a FakeLocator that can be built"),
    ],
)
def test_a_config_that_does_not_fit(folder, changes, match):
    edit_config(folder, **changes)
    refused(folder, match)


def test_a_config_of_many_layers_that_the_weights_lack(folder, monkeypatch):
    monkeypatch.setattr(tensors, "_LARGEST_MODEL", 10**6)
    FakeLocator.from_pretrained(folder)
    edit_config(folder, encoder_name="resnet18")
    refused(folder, "far more than the weights of the file")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\x00\xff", b"[" * 100_000])
def test_a_broken_config(folder, text):
    (folder / "config.json").write_bytes(text)
    refused(folder, "config.json is no JSON")


def test_imagenet_weights_are_never_fetched(folder, monkeypatch):
    edit_config(folder, encoder_weights="imagenet")
    seen = []
    monkeypatch.setattr(
        "fakelocator_zoo.models.fakelocator.build_encoder",
        lambda name, depth, weights, *_: seen.append(weights) or 1 / 0,
    )
    refused(folder, "division by zero")
    assert seen == [None]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.popitem(), r"1 of \d+ tensors are missing"),
        (lambda t: t.update(more=torch.zeros(1)), r"1 belong to none of its layers \(such as more\)"),
        (
            lambda t: t.update({"segmentation_head.conv.bias": torch.zeros(7)}),
            r"segmentation_head.conv.bias is float32 \(7,\) in the file and float32 \(2,\) in the model",
        ),
        (lambda t: t.update({"segmentation_head.conv.bias": torch.ones(2).int()}), r"int32 \(2,\) in the file"),
    ],
)
def test_weights_that_do_not_fit(folder, change, match):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    refused(folder, match)


class Trap:
    def __reduce__(self):
        return (sys.exit, ("a pickle was read",))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_never_read(folder, zipped):
    path = folder / "model.safetensors"
    if zipped:
        torch.save({"weights": Trap()}, path)
    else:
        path.write_bytes(pickle.dumps(Trap()))
    refused(folder, "is a pickle renamed to safetensors")
    path.rename(folder / "pytorch_model.bin")
    refused(folder, "no model.safetensors but pytorch_model.bin, and pickles are never read")


def test_any_length_of_header_is_no_pickle(folder):
    """The first byte of a whole file is part of a length, and may be the one that pickles start with."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for padding in range(0, 256, 8):  # the header is padded to multiples of eight
        save_file(tensors, path, metadata={"note": "x" * padding})
        if path.read_bytes()[0] == 0x80:
            break
    else:
        pytest.fail("no padding gave the byte")
    FakeLocator.from_pretrained(folder)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no whole safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer.*git lfs pull"),
    ],
)
def test_files_that_hold_no_weights(folder, content, match):
    (folder / "model.safetensors").write_bytes(content)
    refused(folder, match)


@pytest.mark.parametrize("keep", [5, 2000, -10])
def test_truncated_weights(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(folder, "no whole safetensors file")


@pytest.mark.parametrize("filename", ["config.json", "model.safetensors"])
def test_links_that_lead_out_of_the_folder_are_refused(folder, tmp_path, filename):
    (folder / filename).rename(tmp_path / filename)
    (folder / filename).symlink_to(tmp_path / filename)
    refused(folder, f"{filename} is a link that leads out")


def test_the_hubs_cache_of_links_can_be_loaded(folder, tmp_path):
    snapshot, blobs = tmp_path / "models--org--name" / "snapshots" / "abc", tmp_path / "models--org--name" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    FakeLocator.from_pretrained(snapshot)


# Writing.


def test_saving_over_a_model_keeps_other_files(tiny_model, folder):
    (folder / "notes.txt").write_text("mine")
    tiny_model.save_pretrained(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_failed_save_leaves_nothing_and_keeps_the_old_model(tiny_model, folder, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    before = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr("safetensors.torch.save_file", fail)
    for target in (tmp_path / "new", folder):
        with pytest.raises(OSError, match="disk full"):
            tiny_model.save_pretrained(target)
    assert (folder / "model.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_saving_onto_a_file(tiny_model, tmp_path):
    (tmp_path / "m").write_text("mine")
    with pytest.raises(NotADirectoryError, match="is a file, not a folder"):
        tiny_model.save_pretrained(tmp_path / "m")
    assert (tmp_path / "m").read_text() == "mine"


def test_generators_have_one_to_four_levels():
    with pytest.raises(ValueError, match="levels must be 1 to 4"):
        Generator(levels=99_999)


def test_weights_may_be_read_by_whoever_may_read_the_config(folder):
    assert (folder / "model.safetensors").stat().st_mode == (folder / "config.json").stat().st_mode
