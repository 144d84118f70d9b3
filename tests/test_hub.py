from __future__ import annotations

import json
import pickle
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub import errors
from safetensors.torch import load_file, save_file

from fakelocator_zoo import FakeLocator, __version__, hub
from fakelocator_zoo.face_parsing import FaceParser
from fakelocator_zoo.model_files import compact, count_parameters, read_header

TINY_CHANNELS = (32, 16, 16, 8, 8)


@pytest.fixture
def folder(tiny_model, tmp_path) -> Path:
    return tiny_model.save_pretrained(tmp_path / "model")


def edit_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def one_sentence(caught) -> str:
    text = str(caught.value)
    assert text and "\n" not in text
    return text


def images() -> torch.Tensor:
    return torch.rand(2, 3, 97, 131)


@torch.no_grad()
def assert_same_outputs(first: FakeLocator, second: FakeLocator) -> None:
    batch = images()
    for one, other in zip(first(batch), second(batch), strict=True):
        assert (one is None and other is None) or torch.equal(one, other)


# What was saved comes back.


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"texture_stem": None},
        {"decoder_upsampling": "transposed", "attention_stages": (2, 4), "attention_mode": "residual"},
        {"encoder_depth": 3, "decoder_channels": (16, 8, 8), "decoder_upsampling": "pixel_shuffle"},
        {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.2, 0.2, 0.2)},
    ],
)
def test_round_trip_is_bit_equal(tmp_path, options):
    model = FakeLocator("tu-test_resnet", encoder_weights=None, **{"decoder_channels": TINY_CHANNELS, **options})
    again = FakeLocator.from_pretrained(model.eval().save_pretrained(tmp_path / "m"))
    assert not again.training and again.config == model.config
    assert_same_outputs(model, again)


def attending() -> FakeLocator:
    parser = FaceParser(encoder_name="tu-test_resnet", pyramid_channels=32, segmentation_channels=32, side=64)
    return FakeLocator(
        "tu-test_resnet",
        encoder_weights=None,
        decoder_channels=TINY_CHANNELS,
        attention=("hair", "mouth"),
        face_parser=parser,
    ).eval()


def test_round_trip_with_a_face_parser(tmp_path):
    model = attending()
    again = FakeLocator.from_pretrained(model.save_pretrained(tmp_path / "m"))
    assert again.attention_parts == model.attention_parts and again.face_parser.parts == model.face_parser.parts
    assert_same_outputs(model, again)


def test_parser_can_be_dropped_changed_or_added(tmp_path, folder):
    with_parser = attending().save_pretrained(tmp_path / "m")
    assert hub.load(with_parser, attention=None).face_parser is None
    assert hub.load(with_parser, attention="nose").attention_parts == ("nose",)
    own = attending().face_parser
    added = hub.load(folder, attention="nose", face_parser=own)
    assert added.face_parser is own
    for key, value in own.state_dict().items():
        assert torch.equal(added.state_dict()[f"face_parser.{key}"], value)


def test_saving_twice_gives_the_same_bytes(folder, tmp_path):
    again = hub.load(folder).save_pretrained(tmp_path / "again" / "model")
    for filename in ("config.json", "model.safetensors", "README.md"):
        assert (again / filename).read_bytes() == (folder / filename).read_bytes()


def test_half_precision_on_disk_is_float_in_memory(tiny_model, tmp_path):
    full, half = (tiny_model.save_pretrained(tmp_path / str(d), dtype=d) for d in (None, torch.float16))
    assert (half / "model.safetensors").stat().st_size < 0.7 * (full / "model.safetensors").stat().st_size
    again = hub.load(half)
    assert all(value.dtype in (torch.float32, torch.int64) for value in again.state_dict().values())
    with torch.no_grad():
        batch = images()
        torch.testing.assert_close(again(batch).fakeness_map, tiny_model(batch).fakeness_map, atol=5e-3, rtol=0)


def test_half_precision_spares_running_statistics():
    tensors = compact({"norm.running_var": torch.tensor([1e6]), "conv.weight": torch.ones(1, 1)}, torch.float16)
    assert tensors["norm.running_var"].dtype == torch.float32 and tensors["conv.weight"].dtype == torch.float16


def test_files(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    config = json.loads((folder / "config.json").read_text())
    assert (config["_model_class"], config["model_type"]) == ("FakeLocator", "fakelocator")
    assert config["fakelocator_zoo_version"] == __version__
    assert config["encoder_weights"] is None
    weights = folder / "model.safetensors"
    assert read_header(weights)["__metadata__"] == {"format": "pt"}
    assert count_parameters(weights) == sum(value.numel() for value in load_file(weights).values())


def test_nothing_on_stdout(tiny_model, tmp_path, capsys):
    hub.load(tiny_model.save_pretrained(tmp_path / "m"))
    assert capsys.readouterr().out == ""


def test_imagenet_weights_are_never_fetched(folder, monkeypatch):
    edit_config(folder, encoder_weights="imagenet")
    seen = []
    original = FakeLocator.__init__

    def spy(self, *args, **options):
        seen.append(options["encoder_weights"])
        original(self, *args, **options)

    spy.__signature__ = __import__("inspect").signature(original)
    monkeypatch.setattr(FakeLocator, "__init__", spy)
    hub.load(folder)
    assert seen == [None]


def test_device(folder):
    assert next(hub.load(folder, device="cpu").parameters()).device.type == "cpu"


# Strictness.


def test_typo_in_an_option(folder, tiny_model, tmp_path):
    with pytest.raises(TypeError, match="did you mean 'attention_stages'"):
        FakeLocator.from_pretrained(folder, atention_stages=(2,))
    with pytest.raises(TypeError, match="lisence"):
        tiny_model.save_pretrained(tmp_path / "x", lisence="mit")
    with pytest.raises(TypeError, match="encoder_weights"):
        FakeLocator.from_pretrained(folder, encoder_weights="imagenet")


def test_unknown_key_in_config(folder):
    edit_config(folder, decoder_chanels=[1])
    with pytest.raises(ValueError, match=r"config.json has unknown keys decoder_chanels") as caught:
        hub.load(folder)
    one_sentence(caught)


def test_another_kind_of_model(folder):
    edit_config(folder, model_type="face_parser")
    with pytest.raises(ValueError, match="type face_parser, not a FakeLocator"):
        hub.load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\xff"])
def test_broken_config(folder, text):
    (folder / "config.json").write_bytes(text.encode("latin1"))
    with pytest.raises(ValueError, match=r"config.json is no JSON") as caught:
        hub.load(folder)
    one_sentence(caught)


def test_config_that_builds_nothing(folder):
    edit_config(folder, encoder_name="tu-test_resnt")
    with pytest.raises(ValueError, match=r"config.json does not describe .*tu-test_resnet") as caught:
        hub.load(folder)
    one_sentence(caught)


def rewrite(folder: Path, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.pop("segmentation_head.conv.bias"), r"1 of \d+ tensors are missing .*segmentation_head.conv.bias"),
        (lambda t: t.update(more=torch.zeros(1)), r"1 belong to none of its layers \(such as more\)"),
        (
            lambda t: t.update({"segmentation_head.conv.bias": torch.zeros(7)}),
            r"segmentation_head.conv.bias is \(7,\) in the file and \(1,\) in the model",
        ),
    ],
)
def test_weights_that_do_not_fit(folder, change, match):
    rewrite(folder, change)
    with pytest.raises(ValueError, match=match) as caught:
        hub.load(folder)
    assert str(folder / "model.safetensors") in one_sentence(caught)


def test_weights_of_another_architecture(folder):
    edit_config(folder, encoder_name="tu-test_efficientnet")
    with pytest.raises(ValueError, match=r"weights of another architecture .* use the two files") as caught:
        hub.load(folder)
    one_sentence(caught)


class Trap:
    def __reduce__(self):
        return (sys.exit, ("a pickle was read",))


@pytest.mark.parametrize("zipped", [True, False])
def test_pickle_renamed(folder, zipped):
    path = folder / "model.safetensors"
    if zipped:
        torch.save({"weights": Trap()}, path)
    else:
        path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="is a pickle renamed to safetensors, and pickles are never read") as caught:
        hub.load(folder)
    one_sentence(caught)


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
    hub.load(folder)


def test_only_a_pickle(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"no model.safetensors but pytorch_model.bin, and pickles are never read"):
        hub.load(folder)


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"has no model.safetensors$"):
        hub.load(folder)


@pytest.mark.parametrize("keep", [0, 5, 2000, -10])
def test_truncated_weights(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"is no whole safetensors file") as caught:
        hub.load(folder)
    one_sentence(caught)


def test_git_lfs_pointer(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ValueError, match="Git LFS pointer.*git lfs pull"):
        hub.load(folder)


# Where a name leads.


@pytest.mark.parametrize("name", ["./nothing", "/nothing/here", "~/nothing_here", "a/b/c", "..", Path("org/name")])
def test_missing_folder_is_no_repository(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: pytest.fail("the Hub was asked"))
    with pytest.raises((FileNotFoundError, ValueError), match="no folder|is no model"):
        hub.load(name)


def test_file_instead_of_folder(folder):
    with pytest.raises(ValueError, match=r"is a file; give the folder"):
        hub.load(folder / "model.safetensors")


def test_folder_without_config(tmp_path):
    with pytest.raises(ValueError, match=r"is no model: it has no config.json"):
        hub.load(tmp_path)


def test_hub_id(folder, monkeypatch):
    asked = []

    def download(repo, filename, **options):
        asked.append((repo, filename, options["revision"]))
        return str(folder / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    hub.load("org/name@v1.0")
    assert asked == [("org/name", "config.json", "v1.0"), ("org/name", "model.safetensors", "v1.0")]
    hub.load("org/name", revision="main", token="t", local_files_only=True)
    assert asked[-1] == ("org/name", "model.safetensors", "main")
    with pytest.raises(ValueError, match="v1.0 and the option for v2"):
        hub.load("org/name@v1.0", revision="v2")


def http_error(kind):
    response = SimpleNamespace(headers={}, request=SimpleNamespace(url="u"), status_code=404, text="")
    return kind("many\nlines", response=response)


@pytest.mark.parametrize(
    ("error", "kind", "match"),
    [
        (lambda: http_error(errors.GatedRepoError), PermissionError, "gated.*accept its terms"),
        (lambda: http_error(errors.RepositoryNotFoundError), FileNotFoundError, "and the Hub has no such repository"),
        (lambda: http_error(errors.RevisionNotFoundError), FileNotFoundError, "has no revision v9"),
        (lambda: http_error(errors.RemoteEntryNotFoundError), FileNotFoundError, "on the Hub has no config.json"),
        (lambda: errors.LocalEntryNotFoundError("x"), ConnectionError, "offline"),
        (lambda: errors.OfflineModeIsEnabled("x"), ConnectionError, "offline"),
        (lambda: http_error(errors.HfHubHTTPError), ConnectionError, "did not come from the Hub: many"),
        (lambda: errors.HFValidationError("bad id"), ConnectionError, "bad id"),
    ],
)
def test_hub_errors_are_one_sentence(monkeypatch, error, kind, match):
    def download(*_, **__):
        raise error()

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(kind, match=match) as caught:
        hub.load("org/name@v9")
    one_sentence(caught)


def test_offline_for_real():
    with pytest.raises(ConnectionError, match="there is no folder nobody/nothing.*offline"):
        hub.load("nobody/nothing")


# Writing.


def test_card_says_what_is_known_and_no_more(tiny_model, tmp_path):
    bare = (tiny_model.save_pretrained(tmp_path / "bare") / "README.md").read_text()
    assert "license: unknown" in bare and "library_name: fakelocator-zoo" in bare
    assert "pipeline_tag: image-segmentation" in bare and "Measured" not in bare
    full = tiny_model.save_pretrained(
        tmp_path / "full",
        licence="apache-2.0",
        trained_on="one photo",
        description="A test.",
        metrics={"pairs": {"pixel AUC": 0.91234}, "whole": {"COSS": 0.5}},
        recipe="steps: 1\n",
    )
    text = (full / "README.md").read_text()
    assert "license: apache-2.0" in text and "| Trained on | one photo |" in text
    assert "| pairs | 0.912 |  |" in text and "| whole |  | 0.500 |" in text
    assert (full / "recipe.yaml").read_text() == "steps: 1\n"
    own = tiny_model.save_pretrained(tmp_path / "own", card="mine")
    assert (own / "README.md").read_text() == "mine"


def test_snippet_of_the_card_runs(folder, monkeypatch, capsys):
    snippet = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    monkeypatch.chdir(folder.parent)
    exec(snippet, {})
    assert "torch.Size([1, 1, 256, 256])" in capsys.readouterr().out


def test_saving_over_a_model_keeps_other_files(tiny_model, folder):
    (folder / "notes.txt").write_text("mine")
    tiny_model.save_pretrained(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name]
    hub.load(folder)


def test_failed_save_leaves_nothing(tiny_model, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.torch.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        tiny_model.save_pretrained(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_failed_save_keeps_the_old_model(tiny_model, folder, monkeypatch):
    before = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr("safetensors.torch.save_file", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tiny_model.save_pretrained(folder)
    assert (folder / "model.safetensors").read_bytes() == before and len(list(folder.parent.iterdir())) == 1


def test_saving_onto_a_file(tiny_model, tmp_path):
    (tmp_path / "m").write_text("mine")
    with pytest.raises(NotADirectoryError, match="is a file, not a folder"):
        tiny_model.save_pretrained(tmp_path / "m")
    assert (tmp_path / "m").read_text() == "mine"


def test_push(tiny_model, monkeypatch):
    calls = []

    class Api:
        def __init__(self, token=None):
            calls.append(("token", token))

        def create_repo(self, repo_id, **options):
            calls.append(("repo", repo_id, options))

        def create_branch(self, repo_id, **options):
            calls.append(("branch", repo_id, options))

        def upload_folder(self, *, folder_path, **options):
            files = sorted(path.name for path in Path(folder_path).iterdir())
            card = (Path(folder_path) / "README.md").read_text()
            calls.append(("upload", files, card, options))
            return SimpleNamespace(commit_url="https://hub/commit/1")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    url = tiny_model.push_to_hub("org/name", private=True, token="t", branch="next", licence="mit")
    assert url == "https://hub/commit/1"
    assert calls[0] == ("token", "t")
    assert calls[1] == ("repo", "org/name", {"private": True, "exist_ok": True})
    assert calls[2] == ("branch", "org/name", {"branch": "next", "exist_ok": True})
    _, files, card, options = calls[3]
    assert files == ["README.md", "config.json", "model.safetensors"]
    assert 'from_pretrained("org/name")' in card and "license: mit" in card
    assert options == {"repo_id": "org/name", "revision": "next", "commit_message": "Upload FakeLocator"}
    with pytest.raises(TypeError, match="lisence"):
        tiny_model.push_to_hub("org/name", lisence="mit")
