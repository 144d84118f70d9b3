"""Face parsers on disk: `config.json` beside `model.safetensors` (fp16)."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fakelocator_zoo.face_parsing.parser import FaceParser

_CLASS, _TYPE = "FaceParser", "face_parser"


def save_face_parser(parser: FaceParser, folder: str | Path) -> Path:
    """Write `config.json` and `model.safetensors` (floats as fp16) into `folder`, made if missing.

    What `load_face_parser` then gives equals the parser rounded to fp16; saving that again changes no bit.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in parser.state_dict().items()
    }
    save_file(state, target / "model.safetensors", metadata={"format": "pt"})
    config = {"_model_class": _CLASS, "model_type": _TYPE, **parser.config}
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return target


def load_face_parser(name_or_folder: str | Path = "face_parser.research") -> FaceParser:
    """A trained parser: frozen (evaluation mode, no gradients), in fp32.

    Args:
        name_or_folder: a bundled name (`face_parser.research`), or a folder written by `save_face_parser`.

    Raises:
        FileNotFoundError: the folder holds no weights.
        ValueError: no bundled parser has this name (the nearest is suggested), or the files are not those of a face
            parser: pickles, other keys, another model's config.

    >>> import torch
    >>> parser = load_face_parser("face_parser.research")
    >>> parser(torch.rand(1, 3, 200, 200)).shape
    torch.Size([1, 19, 64, 64])
    """
    folder = Path(name_or_folder)
    if not folder.is_dir():
        if folder.is_file():
            raise ValueError(f"{folder} is a file: give the folder that holds config.json and model.safetensors")
        from fakelocator_zoo.hub import bundled_folder

        folder = Path(bundled_folder(str(name_or_folder)))
    config_file, weights = folder / "config.json", folder / "model.safetensors"
    for file in (config_file, weights):
        if not file.is_file():
            pickles = sorted(p.name for p in folder.glob("*") if p.suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt"})
            hint = f" ({', '.join(pickles)}: pickles are not loaded)" if pickles else ""
            raise FileNotFoundError(f"no {file.name} in {folder}{hint}")
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{config_file} is not JSON: {error}") from None
    if not isinstance(config, dict) or config.pop("_model_class", None) != _CLASS:
        raise ValueError(f"{config_file} does not describe a face parser")
    config.pop("model_type", None)
    try:
        parser = FaceParser(**config)
    except TypeError as error:
        raise ValueError(f"{config_file} does not fit FaceParser: {error}") from None
    try:
        state = load_file(weights)
    except SafetensorError:
        raise ValueError(f"{weights} is not a safetensors file (pickles are not loaded)") from None
    # compared here, since torch itself forgives missing batch counters
    differing = sorted(state.keys() ^ parser.state_dict().keys())
    if differing:
        raise ValueError(f"{weights} does not fit its config.json: missing or unknown {', '.join(differing[:4])}")
    try:
        parser.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{weights} does not fit its config.json: {error}") from None
    return parser.freeze()
