"""Summaries as Markdown tables with intervals, and the section of a model card that they fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fakelocator_zoo.evaluation.results import DECISION_METRICS, MAP_METRICS
from fakelocator_zoo.hub.files import CARD, write_whole

OPEN, CLOSE = "<!-- evaluation -->", "<!-- /evaluation -->"
#: How a report starts; the title comes after it.
HEADING = "### "

#: What :meth:`~fakelocator_zoo.evaluation.results.Evaluation.summary` gives.
Summary = Mapping[str, Any]


def markdown_report(title: str, summaries: Sequence[Summary]) -> str:
    """:func:`markdown_tables` under a heading.

    Args:
        title: of the set and the condition, one line.
    """
    return f"{HEADING}{title}\n\n{markdown_tables(summaries)}"


def markdown_tables(summaries: Sequence[Summary]) -> str:
    """Located maps and decisions, over all generators and folded away by generator, with a sentence on each.

    Args:
        summaries: of predictors on one set; the first is the one that matters, the rest stand beside it.
    """
    first = summaries[0]
    generators, parts = len(first["generators"]), []
    if generators:
        truth = "|real - fake|" if first["paired"] else "a map of ones, since all of a fake is fake"
        parts += [
            f"Located maps of {first['fakes']} fakes by {generators} generator{'s' if generators > 1 else ''}, against "
            f"{truth}: mean over the generators and 95 % bootstrap interval over the images. Pixel accuracy and IINC "
            f"take pixels from {first['map_threshold']:g} on for painted.",
            map_table(summaries),
        ]
    if generators > 1:
        parts.append(_folded("Maps by generator", generator_table(summaries)))
    if first["photos"]:
        parts += [
            f"The decision on {first['photos']} real photos and the same fakes, which calls an image fake from "
            f"{first['decision_threshold']:g} on:",
            decision_table(summaries),
        ]
    if first["photos"] and generators > 1:
        parts.append(_folded("Decision by generator", generator_decision_table(summaries)))
    return "\n\n".join(parts) + "\n"


def map_table(summaries: Sequence[Summary]) -> str:
    """One row a predictor: its located maps over all generators."""
    rows = [
        [summary["predictor"], str(summary["fakes"]), *(cell(summary["overall"][metric]) for metric in MAP_METRICS)]
        for summary in summaries
        if has_maps(summary)
    ]
    return markdown_table(["map", "fakes", *MAP_METRICS.values()], rows)


def generator_table(summaries: Sequence[Summary]) -> str:
    """One row a generator and predictor: the located maps."""
    return _by_generator("map", [summary for summary in summaries if has_maps(summary)], MAP_METRICS)


def decision_table(summaries: Sequence[Summary]) -> str:
    """One row a predictor: real photos against the fakes of all generators, and the share of false alarms."""
    rows = [
        [
            summary["predictor"],
            str(summary["fakes"]),
            *(cell(summary["overall"][metric]) for metric in DECISION_METRICS),
            cell(summary["false_positive_rate"]),
        ]
        for summary in summaries
        if decides(summary)
    ]
    return markdown_table(["decision", "fakes", *DECISION_METRICS.values(), "photos called fake"], rows)


def generator_decision_table(summaries: Sequence[Summary]) -> str:
    """One row a generator and predictor: real photos against the fakes of this generator."""
    return _by_generator("decision", [summary for summary in summaries if decides(summary)], DECISION_METRICS)


def has_maps(summary: Summary) -> bool:
    """Whether any located map was scored."""
    return summary["overall"]["coss"]["count"] > 0


def decides(summary: Summary) -> bool:
    """Whether any photo or fake got a fake probability."""
    return summary["false_positive_rate"]["count"] > 0


def cell(figure: Mapping[str, Any]) -> str:
    """A figure with its interval, as ``0.920 [0.905, 0.934]``; a dash where it is undefined."""
    if figure["mean"] is None:
        return "-"
    return f"{number(figure['mean'])} [{number(figure['low'])}, {number(figure['high'])}]"


def number(value: float) -> str:
    """Three decimals, and one of decibels, which are larger.

    >>> number(0.92), number(31.67)
    ('0.920', '31.7')
    """
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> str:
    """A Markdown table; the first columns are text, the others numbers."""
    align = ["---"] * text_columns + ["---:"] * (len(columns) - text_columns)
    lines = [[text.replace("|", "\\|").replace("\n", " ") for text in row] for row in (columns, *rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], align, *lines[1:]))


def write_card(folder: str | Path, report: str) -> Path:
    """Put a report between the markers of a model card, in place of the earlier report of the same title.

    Everything outside the markers stays as it is, and so do reports of other titles between them. A card without
    markers gets a section "Evaluation" at its end.

    Args:
        folder: a model folder with its README.md.
        report: of :func:`markdown_report`.

    Raises:
        FileNotFoundError: where the folder has no README.md.
        ValueError: where the card has one marker without the other, or more than one of each.
    """
    before, inside, after = read_card(folder)
    reports = _reports(inside) | _reports(report)
    path = Path(folder) / CARD
    write_whole(path, f"{before}{OPEN}\n{''.join(reports.values())}{CLOSE}{after}".encode())
    return path


def read_card(folder: str | Path) -> tuple[str, str, str]:
    """A card's text before, between and after its markers; without markers they are put at its end.

    Raises:
        FileNotFoundError, ValueError: as :func:`write_card`.
    """
    path = Path(folder) / CARD
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give a folder that a model was saved to")
    text = path.read_text(encoding="utf-8")
    if OPEN not in text and CLOSE not in text:
        return f"{text.rstrip()}\n\n## Evaluation\n\n", "", "\n"
    if text.count(OPEN) != 1 or text.count(CLOSE) != 1 or text.index(OPEN) > text.index(CLOSE):
        raise ValueError(f"{path} must hold {OPEN} once, and {CLOSE} once after it; the tables go between them")
    before, rest = text.split(OPEN)
    inside, after = rest.split(CLOSE)
    return before, inside, after


def _reports(text: str) -> dict[str, str]:
    """Title -> report; what stands above the first heading is none and is dropped."""
    pieces = ("\n" + text).split("\n" + HEADING)[1:]
    return {piece.split("\n", 1)[0]: f"{HEADING}{piece.strip()}\n\n" for piece in pieces}


def _by_generator(what: str, summaries: Sequence[Summary], metrics: Mapping[str, str]) -> str:
    rows = [
        [generator, summary["predictor"], str(figures["fakes"]), *(cell(figures[metric]) for metric in metrics)]
        for generator in (summaries[0]["generators"] if summaries else ())
        for summary in summaries
        for figures in [summary["generators"][generator]]
    ]
    return markdown_table(["generator", what, "fakes", *metrics.values()], rows, text_columns=2)


def _folded(title: str, table: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{table}\n\n</details>"
