"""Where a name leads: a folder, a bundled model, the Hub; and what is said where it leads nowhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import errors

from fakelocator_zoo.hub.sources import find_model


@pytest.mark.parametrize("name", ["./nothing", "/nothing/here", "~/nothing_here", "a/b/c", Path("org/name")])
def test_a_missing_folder_is_no_repository(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: pytest.fail("the Hub was asked"))
    with pytest.raises(FileNotFoundError, match="no folder"):
        find_model(name, "fakelocator")


def test_a_file_instead_of_a_folder(folder):
    with pytest.raises(ValueError, match="is a file; give the folder"):
        find_model(folder / "model.safetensors", "fakelocator")


def test_a_hub_id_with_its_revision(folder, monkeypatch):
    asked = []

    def download(repo, filename, **options):
        asked.append((repo, filename, options["revision"]))
        return str(folder / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert find_model("org/name@v1.0", "fakelocator") == folder
    assert asked == [("org/name", "config.json", "v1.0"), ("org/name", "model.safetensors", "v1.0")]
    find_model("org/name", "fakelocator", revision="main", token="t", local_files_only=True)
    assert asked[-1] == ("org/name", "model.safetensors", "main")
    with pytest.raises(ValueError, match="v1.0 and the option for v2"):
        find_model("org/name@v1.0", "fakelocator", revision="v2")


def http_error(kind, status=404):
    response = SimpleNamespace(headers={}, request=SimpleNamespace(url="u"), status_code=status, text="")
    return kind("many\nlines", response=response)


@pytest.mark.parametrize(
    ("error", "kind", "match"),
    [
        (lambda: http_error(errors.GatedRepoError), PermissionError, "accept the terms of org/name@v9"),
        (lambda: http_error(errors.RepositoryNotFoundError), FileNotFoundError, "no such repository"),
        (lambda: http_error(errors.RevisionNotFoundError), FileNotFoundError, "no such revision"),
        (lambda: http_error(errors.RemoteEntryNotFoundError), FileNotFoundError, "no such file"),
        (lambda: errors.LocalEntryNotFoundError("x"), ConnectionError, "cannot be reached"),
        (lambda: http_error(errors.HfHubHTTPError), ConnectionError, "did not come from the Hub: many"),
        (lambda: http_error(errors.HfHubHTTPError, 403), PermissionError, "this token may not"),
        (lambda: errors.HFValidationError("bad id"), ConnectionError, "bad id"),
        (lambda: OSError(28, "No space left on device"), ConnectionError, "No space left"),
    ],
)
def test_failures_of_the_hub_are_one_sentence(monkeypatch, error, kind, match):
    def download(*_, **__):
        raise error()

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(kind, match=match) as caught:
        find_model("org/name@v9", "fakelocator")
    assert "\n" not in str(caught.value) and "config.json of org/name@v9" in str(caught.value)


def test_offline_for_real():
    with pytest.raises(ConnectionError, match="there is no folder nobody/nothing.*cannot be reached"):
        find_model("nobody/nothing", "fakelocator")
