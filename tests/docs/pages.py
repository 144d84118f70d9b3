"""Pages of the documentation as programs: their code blocks run in order, in one folder and one namespace."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.testing import CliRunner

from fakelocator_zoo import cli

ROOT = Path(__file__).parents[2]
#: Commands that serve, train for hours or need a cluster: their arguments are checked alone.
NOT_RUN = {"serve", "train", "bank"}
#: Where the documentation says that the page is served.
SERVED = "http://127.0.0.1:7860"
#: Programs of others; nothing is checked.
OTHERS = {".", "cd", "docker", "git", "lint-imports", "mkdocs", "mypy", "pytest", "ray", "ruff"}
#: Programs that start others: what follows is checked.
STARTERS = {"torchrun", "srun"}


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    title: str  #: the name of a file that the block is, or nothing
    text: str
    line: int  #: of its first line in the page


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page of Markdown, with those of lists and tabs."""
    fence: tuple[str, str, str, int] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if fence is None:
            if opened := re.match(r'(\s*)```(\w+)(?: title="(.+)")?', line):
                fence, lines = (opened[1], opened[2], opened[3] or "", number + 1), []
        elif line.strip() == "```":
            yield Block(fence[1], fence[2], "\n".join(each.removeprefix(fence[0]) for each in lines) + "\n", fence[3])
            fence = None
        else:
            lines.append(line)


def run_page(
    page: Path, folder: Path, not_run: set[str], names: dict[str, Any] | None = None, address: str | None = None
) -> None:
    """Run every block of a page in ``folder``, which is the working directory.

    Args:
        not_run: commands of ``fakelocator`` whose arguments are only checked.
        names: what Python blocks find defined.
        address: where the page is served to which Python blocks speak.
    """
    namespace: dict[str, Any] = {"__name__": "page", **(names or {})}
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.text)
        if block.language == "python":
            text = block.text.replace(SERVED, address or SERVED)
            # As many lines before it as in the page, so that a traceback names the page's line.
            code = compile("\n" * (block.line - 1) + text, str(page), "exec")
            exec(code, namespace)
        elif block.language in ("sh", "bash"):
            for command in commands(block.text):
                run_command(command, not_run)
        elif block.language == "yaml" and "data:" in block.text:
            check_recipe(block.text)


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a shell block, as words, without settings of the environment before them."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words:
            end = next((i for i, word in enumerate(words) if word in ("&&", "|", ";")), len(words))
            command, words = words[:end], words[end + 1 :]
            while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
                command = command[1:]
            if command and command[0] != "export":
                yield command


def run_command(words: list[str], not_run: set[str]) -> None:
    """Run a command of the package in this process, or check its arguments; check what others are given."""
    program, *arguments = words
    if program in STARTERS:
        program = next(word for word in arguments if word.endswith("fakelocator") or "fakelocator_zoo" in word)
        arguments = arguments[arguments.index(program) + 1 :]
        program, not_run = "fakelocator", {*not_run, arguments[0]}
    if program == "fakelocator":
        check_arguments(typer.main.get_command(cli.app), arguments)
        if arguments[0] not in not_run and "ray" not in arguments and not any(map(stands_for_another, arguments)):
            done = CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
            assert done.exit_code in ((0, 3) if arguments[0] == "adapt" else (0,)), f"{words}: {done.output}"
    elif words[:3] == ["python", "-m", "benchmarks"]:
        check_benchmark(words[3:])
    elif words[:2] == ["python", "-m"]:
        assert find_spec(words[2]), f"there is no module {words[2]}"
    elif program == "pip":
        for extra in re.findall(r"\[([\w,]+)\]", " ".join(arguments)):
            assert set(extra.split(",")) <= extras(), words
    else:
        assert program in OTHERS, f"{words}: this test knows no program {program}"


def stands_for_another(argument: str) -> bool:
    """Whether an argument is a word for the reader to replace, such as PHOTOS."""
    return argument == "--help" or (re.fullmatch("[A-Z][A-Z_]+", argument) is not None and not Path(argument).exists())


def check_arguments(command: Any, arguments: list[str]) -> None:
    """Raise the error of the command line for a command, an option or a value that does not exist."""
    if arguments == ["--help"]:
        return
    while hasattr(command, "commands"):  # a group; typer brings its own click
        name, *arguments = arguments
        assert name in command.commands, f"there is no command {name}"
        command = command.commands[name]
    if "--help" not in arguments:
        command.make_context(command.name, list(arguments)).close()


def check_benchmark(arguments: list[str]) -> None:
    """Of ``python -m benchmarks``: options and names of tables."""
    from benchmarks.__main__ import TABLES, app

    command = typer.main.get_command(app)
    if "--help" not in arguments:
        with command.make_context("benchmarks", list(arguments)) as context:
            assert set(context.params["tables"] or ()) <= set(TABLES)


def check_recipe(text: str) -> None:
    """A recipe of a page is a recipe."""
    import yaml

    from fakelocator_zoo.training.recipe import parse_recipe

    for recipe in yaml.safe_load_all(text):
        parse_recipe(recipe)


def extras() -> set[str]:
    """The extras of the package."""
    import tomllib

    return set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
