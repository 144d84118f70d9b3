"""Models by name: a folder, a bundled model, or a repository of the Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fakelocator_zoo.hub.files import CONFIG, WEIGHTS, read_config

#: What a name without tag means: weights that anybody may use.
DEFAULT_TAG = "open"
_HUB_ID = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w.-]+)(@(?P<revision>[\w./-]+))?")


def bundled_root() -> Path:
    """The folder of bundled models: inside the wheel, or ``hub_configs/`` of a checkout."""
    package = Path(__file__).parents[1]
    packed = package / "_hub_configs"
    return packed if packed.is_dir() else package.parent / "hub_configs"


def bundled_names(model_type: str | None = None) -> list[str]:
    """Names ``architecture.tag`` of the bundled models (of one ``model_type``), sorted."""
    return sorted(
        path.parent.name
        for path in bundled_root().glob(f"*.*/{CONFIG}")
        if model_type is None or read_config(path.parent).get("model_type") == model_type
    )


def find_bundled(name: str) -> Path | None:
    """The folder of a bundled model, or None; an architecture without tag means its tag ``open``, or its first."""
    names = bundled_names()
    if name not in names:
        tagged = [each for each in names if each.split(".")[0] == name]
        if not tagged:
            return None
        default = f"{name}.{DEFAULT_TAG}"
        name = default if default in tagged else tagged[0]
    return bundled_root() / name


def unknown_name(name: str, model_type: str, more: list[str] | None = None) -> ValueError:
    """The error for a name that no model has; the nearest of the bundled ones and of ``more`` is suggested."""
    bundled = bundled_names(model_type)
    known = [*bundled, *dict.fromkeys(each.split(".")[0] for each in bundled), *(more or [])]
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(bundled) or 'none'}"
    return ValueError(f"unknown model {name!r}: no model of this type and no folder is called so; {hint}")


def find_model(
    name: str | Path,
    model_type: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """The local folder of a model, downloaded if ``name`` is a Hub id.

    Arguments and errors are those of :meth:`PretrainedMixin.from_pretrained`.
    """
    text = str(name)
    folder = Path(text).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise ValueError(f"{name} is a file; give the folder that holds {CONFIG} and {WEIGHTS}")
    hub_id = _HUB_ID.fullmatch(text)
    if isinstance(name, Path) or text.startswith((".", "/", "~")) or "\\" in text or (hub_id is None and "/" in text):
        raise FileNotFoundError(f"there is no folder {name}")
    if hub_id is None:
        bundled = find_bundled(text)
        if bundled is None:
            raise unknown_name(text, model_type)
        return bundled
    asked = hub_id["revision"]
    if asked and revision and asked != revision:
        raise ValueError(f"{name} asks for revision {asked} and the option for {revision}; give one of them")
    options = {
        "revision": asked or revision,
        "token": token,
        "cache_dir": cache_dir,
        "local_files_only": local_files_only,
    }
    download(hub_id["repo"], CONFIG, options)
    return download(hub_id["repo"], WEIGHTS, options).parent


def download(repo: str, filename: str, options: dict[str, Any]) -> Path:
    """One file of a Hub repository, in its cache; ``options`` are those of ``hf_hub_download``.

    Raises:
        OSError: as :func:`hub_errors`.
    """
    from huggingface_hub import hf_hub_download

    where = repo if options["revision"] is None else f"{repo}@{options['revision']}"
    with hub_errors(where, f"there is no folder {repo}, and {filename} of {where} did not come from the Hub"):
        return Path(hf_hub_download(repo, filename, **options))


@contextmanager
def hub_errors(where: str, failed: str) -> Iterator[None]:
    """Turn the Hub's exceptions into an OSError of one sentence.

    Args:
        where: the repository, with its revision.
        failed: what did not happen; the start of the sentence.

    Raises:
        FileNotFoundError: for an absent repository, revision or file.
        PermissionError: where it is gated, or the token may not do that.
        ConnectionError: for anything else, such as being offline.
    """
    import httpx
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        raise PermissionError(
            f"{failed}: accept the terms of {where} on its Hub page, then log in or give token="
        ) from None
    except errors.RevisionNotFoundError:
        raise FileNotFoundError(f"{failed}: there is no such revision") from None
    except errors.RepositoryNotFoundError:
        raise FileNotFoundError(f"{failed}: there is no such repository (a private one needs token=)") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise ConnectionError(f"{failed}: the Hub cannot be reached, and the local cache has nothing of it") from None
    except errors.EntryNotFoundError:
        raise FileNotFoundError(f"{failed}: the repository has no such file; pickles are never read") from None
    except (errors.HfHubHTTPError, errors.HFValidationError, errors.LocalTokenNotFoundError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise PermissionError(f"{failed}: this token may not do that; log in or give token=") from None
        raise ConnectionError(f"{failed}: {str(error).strip().partition(chr(10))[0]}") from None
    except (OSError, httpx.HTTPError) as error:
        raise ConnectionError(f"{failed}: {str(error).strip().partition(chr(10))[0] or type(error).__name__}") from None
