"""The command `fakelocator parse`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakelocator_zoo.cli import terminal

if TYPE_CHECKING:
    from fakelocator_zoo.inference.parse import ParsedPhoto

#: Parts that the table shows; --json and the pictures have all of them.
_SHOWN = ("skin", "hair", "nose", "background")


def parse(
    paths: Annotated[list[Path], typer.Argument(help="Photos, and folders of them.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for masks and pictures.")] = Path("fakelocator_parts"),
    face_parser: Annotated[
        str, typer.Option("--parser", help="face_parser.research, face_parser.open or a folder.")
    ] = "face_parser.research",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout, nothing else.")] = False,
) -> None:
    """Tell skin, hair, mouth, ... apart: a mask of part numbers and a coloured picture for each photo."""
    from fakelocator_zoo.cli.photo_arguments import collect_photos, free_stem, with_progress
    from fakelocator_zoo.images import ImageError, make_folder, read_image, write_image

    photos, failures = collect_photos(paths, out)
    parsed_count = 0
    table = terminal.table("photo", "faces", *_SHOWN, "note")
    if photos:
        make_folder(out)
        with terminal.stdout_to_stderr():
            from fakelocator_zoo.face_parsing import FaceParser
            from fakelocator_zoo.hub.files import write_whole
            from fakelocator_zoo.inference.parse import parse_photo
            from fakelocator_zoo.inference.parse_render import index_png, parts_sheet

            network = FaceParser.from_pretrained(face_parser).freeze()
        taken: set[str] = set()
        for photo in with_progress(photos, "parsing"):
            try:
                parsed = parse_photo(network, read_image(photo))
                stem = free_stem(photo.stem, taken)
                files = {"mask": out / f"{stem}_parts.png", "picture": out / f"{stem}_parts_picture.png"}
                write_whole(files["mask"], index_png(parsed.labels, parsed.parts))
                write_image(files["picture"], parts_sheet(parsed))
            except (ImageError, OSError) as error:
                failures.append(str(error))
                continue
            parsed_count += 1
            if as_json:
                typer.echo(json.dumps(_row(photo, parsed, files)))
                continue
            shares = parsed.shares
            note = "" if parsed.face_found else "no face found"
            shown = [f"{shares[name]:.1%}" if name in shares else "-" for name in _SHOWN]
            table.add_row(str(photo), str(len(parsed.faces)), *shown, note)
    if table.row_count:
        terminal.show(table)
        typer.echo(f"masks and pictures: {out}")
    terminal.exit_on_failures(failures, f"{parsed_count} parsed")


def _row(photo: Path, parsed: ParsedPhoto, files: dict[str, Path]) -> dict[str, Any]:
    return {
        "path": str(photo),
        "face_found": parsed.face_found,
        "faces": [list(box) for box in parsed.faces],
        "shares": {part: round(share, 6) for part, share in parsed.shares.items()},
        **{name: str(path) for name, path in files.items()},
    }
