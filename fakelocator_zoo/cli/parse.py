"""The command `fakelocator parse`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.options import JsonRowsOption

if TYPE_CHECKING:
    from fakelocator_zoo.inference.parse import ParsedPhoto

#: Parts in the table; --json and the pictures have all.
_SHOWN = ("skin", "hair", "nose", "background")


def parse(
    paths: Annotated[list[Path], typer.Argument(help="Photos, and folders of them.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for masks and pictures.")] = Path("fakelocator_parts"),
    face_parser: Annotated[
        str, typer.Option("--parser", help="face_parser.research, face_parser.open or a folder.")
    ] = "face_parser.research",
    as_json: JsonRowsOption = False,
) -> None:
    """Segment the face parts of photos: a mask of part numbers and a coloured picture of each."""
    from fakelocator_zoo.cli.photo_arguments import collect_photos
    from fakelocator_zoo.images import ImageError, make_folder, read_image, write_image, write_labels

    collected = collect_photos(paths)
    failures, parsed_count = collected.failures, 0
    table = terminal.table("photo", "faces", *_SHOWN, "note")
    with terminal.JsonRows(as_json) as printed:
        if collected.photos:
            make_folder(out)
            with terminal.stdout_to_stderr():
                from fakelocator_zoo.face_parsing.parser import FaceParser
                from fakelocator_zoo.inference.parse import parse_photo
                from fakelocator_zoo.inference.parse_render import part_colours, parts_sheet
                from fakelocator_zoo.inference.result_files import ResultNames

                network = FaceParser.from_pretrained(face_parser).freeze()
            names = ResultNames(out, ("_parts.png", "_parts_picture.png"), collected.photos)
            for photo in terminal.track(collected.photos, "parsing", len(collected.photos)):
                try:
                    parsed = parse_photo(network, read_image(photo))
                    stem = names.stem(photo)
                    files = {"mask": out / f"{stem}_parts.png", "picture": out / f"{stem}_parts_picture.png"}
                    write_labels(files["mask"], parsed.labels, part_colours(parsed.parts))
                    write_image(files["picture"], parts_sheet(parsed))
                except (ImageError, OSError) as error:
                    failures.append(str(error))
                    continue
                parsed_count += 1
                printed.add(_row(photo, parsed, files))
                shares = parsed.shares
                shown = [f"{shares[name]:.1%}" if name in shares else "-" for name in _SHOWN]
                table.add_row(str(photo), str(len(parsed.faces)), *shown, "" if parsed.face_found else "no face found")
    if parsed_count:
        if not as_json:
            terminal.show(table)
        terminal.say(f"masks and pictures: {out}")
    collected.say_left_out()
    terminal.exit_on_failures(failures, f"{parsed_count} parsed")


def _row(photo: Path, parsed: ParsedPhoto, files: dict[str, Path]) -> dict[str, Any]:
    return {
        "path": str(photo),
        "face_found": parsed.face_found,
        "faces": [list(box) for box in parsed.faces],
        "shares": {part: round(share, 6) for part, share in parsed.shares.items()},
        **{name: str(path) for name, path in files.items()},
    }
