"""Names are text: what a file is called never changes what a command prints. Needs no model."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fakelocator_zoo.cli import terminal
from fakelocator_zoo.cli.photo_arguments import collect_photos

MODEL = "fakelocator_mobilenetv4_conv_small.research_robust"


def printed(capsys: pytest.CaptureFixture[str], *rows: tuple[str, ...], columns: tuple[str, ...]) -> list[str]:
    table = terminal.table(*columns)
    for row in rows:
        table.add_row(*row)
    terminal.show(table)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "name", ["[bold]x.jpg", "x[red].jpg", "x[/red].jpg", "x[", "red].jpg", "a:smile:.jpg", "10 [link=x]y[/link].jpg"]
)
def test_names_are_never_markup(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert printed(capsys, (name, "1"), columns=("photo", "faces"))[1].split("  ")[0] == name
    terminal.say(f"error: {name} is damaged")
    assert capsys.readouterr().err == f"error: {name} is damaged\n"


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[2Jb\n\udcff.jpg"
    assert terminal.printable(name) == r"a\x1b[2Jb\n\udcff.jpg"
    terminal.say(name)
    assert "\x1b" not in capsys.readouterr().err
    assert terminal.printable("照片 é\u202f🙂.jpg") == "照片 é\u202f🙂.jpg"


@pytest.mark.parametrize("width", [40, 80])
def test_names_stay_whole_and_columns_give_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    row = (MODEL, "1.23 M", "2.5", "CC-BY-NC-SA-4.0", "640 photos of faces, and what fourteen generators made of them")
    lines = printed(capsys, row, columns=("name", "parameters", "MB", "license", "trained on"))
    assert [line.split()[0] for line in lines] == ["name", MODEL]
    assert ("1.23 M" in lines[1]) is (width == 80)
    assert all(len(line.rstrip()) <= max(width, len(MODEL)) for line in lines)


def test_sentences_are_broken_before_a_column_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = "photos/2024/a photo with spaces in its name.jpg"
    lines = printed(capsys, (path, "no face found: the whole image was scored"), columns=("photo", "note"))
    assert lines[1].startswith(path)
    assert " ".join(line.strip() for line in lines[1:]).split("  ")[-1].endswith("scored")
    assert len(lines) > 2


def test_a_pipe_has_no_width(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = printed(capsys, ("d" * 300, "word " * 100), columns=("photo", "note"))
    assert len(lines) == 2
    assert lines[1].count("word") == 100


def test_what_the_terminal_cannot_show_is_replaced(tmp_path: Path) -> None:
    code = (
        "from fakelocator_zoo.cli import terminal as t\n"
        "t.replace_unencodable(); table = t.table('photo', 'faces'); table.add_row('é照片🙂.jpg', '1'); t.show(table)\n"
        "t.say('error: 照片🙂.jpg')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONIOENCODING": "cp1252"}, timeout=300
    )
    assert "é???.jpg".encode("cp1252") in run.stdout
    assert run.stderr.strip() == b"error: ???.jpg"


def test_json_rows_are_one_array(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"path": "照片\udcff.jpg"}, {"path": "b"}]
    for count in range(3):
        with terminal.JsonRows(True) as out:
            for row in rows[:count]:
                out.add(row)
        assert json.loads(capsys.readouterr().out) == rows[:count]
    with pytest.raises(ValueError), terminal.JsonRows(True):
        raise ValueError
    with terminal.JsonRows(False) as out:
        out.add(rows[0])
    assert capsys.readouterr().out == ""


def test_photos_are_collected_once_and_the_rest_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.JPG", "notes.txt", "clip.mp4", "c.txt"):
        (tmp_path / name).touch()
    collected = collect_photos([tmp_path, tmp_path / "a.png", tmp_path / "none.jpg", tmp_path])
    assert collected.photos == [tmp_path / "a.png", tmp_path / "b.JPG"]
    assert [failure.split(";")[0] for failure in collected.failures] == [f"{tmp_path / 'none.jpg'} does not exist"]
    collected.say_left_out()
    assert "1 video" in (said := capsys.readouterr().err)
    assert "2 other files" in said


def test_progress_stays_off_stdout(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", terminal_stream := io.StringIO())
    assert list(terminal.track(range(3), "locating", 3)) == [0, 1, 2]
    assert capsys.readouterr().out == ""
    assert "3/3" in terminal_stream.getvalue()
