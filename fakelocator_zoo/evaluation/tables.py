"""Summaries as Markdown tables with intervals, and the section of a model card that they fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fakelocator_zoo.evaluation.results import DECISION_METRICS, MAP_METRICS
from fakelocator_zoo.hub.files import CARD, write_whole

OPEN, CLOSE = "<!-- evaluation -->", "<!-- /evaluation -->"
#: What a report starts with; the title comes after it.
HEADING = "### "

#: Of :meth:`~fakelocator_zoo.evaluation.results.Evaluation.summary`.
Summary = Mapping[str, Any]


def markdown_report(title: str, summaries: Sequence[Summary]) -> str:
    """Predicted maps and decisions, over all generators and folded away by generator, under a heading.

    Args:
        title: of the set and the condition, one line.
        summaries: of predictors on one set, the model's first.
    """
    first = summaries[0]
    generators, parts = len(first["generators"]), [f"{HEADING}{title}"]
    decided = [each for each in summaries if each["false_positive_rate"]["count"]]
    located = [each for each in summaries if has_maps(each)]
    if generators:
        truth = "|real - fake|" if first["paired"] else "a map of ones, since all of a fake is fake"
        pooled = first["overall"]["pooled_pixel_auc"]
        parts += [
            f"Predicted maps of {first['fakes']} fakes by {generators} generator{'s' if generators > 1 else ''}, "
            f"against {truth}: mean over the generators and 95 % bootstrap interval over the images. Level is the mean "
            "of the predicted map inside the mask over that of the true map; pixel accuracy and IINC count pixels "
            f"from {first['map_threshold']:g} on as fake."
            + ("" if pooled is None else f" Pixel AUC of all pixels of a generator together: {pooled:.3f}."),
            _table("map", located, MAP_METRICS),
        ]
    if generators > 1:
        parts.append(_folded("Maps by generator", _by_generator("map", located, MAP_METRICS)))
    if first["photos"]:
        calibration = first["calibration"]
        parts += [
            f"The decision on {first['photos']} real photos and the same fakes; {first['predictor']} calls an image "
            f"fake from fake probability {first['decision_threshold']:.3g} on."
            + (
                ""
                if calibration is None
                else " ECE is the expected calibration error (10 bins, real and fake weighing alike); over all "
                f"generators it is {calibration['error']:.3f}."
            ),
            _table("decision", decided, DECISION_METRICS, photos=True),
        ]
    if first["photos"] and generators > 1:
        parts.append(_folded("Decision by generator", _by_generator("decision", decided, DECISION_METRICS)))
    return "\n\n".join(parts) + "\n"


def photo_report(title: str, photos: Summary) -> str:
    """The rate of false alarms and the worst photos, of
    :meth:`~fakelocator_zoo.evaluation.results.Evaluation.photo_summary`, under a heading.
    """
    table = markdown_table(["most suspicious photos", "called", "fake probability"], worst_rows(photos), text_columns=2)
    return f"{HEADING}{title}\n\n{photos['predictor']}: {rate_sentence(photos)} (95 % Wilson interval).\n\n{table}\n"


def rate_sentence(photos: Summary) -> str:
    """How many photos, how many of them called fake, and the rate with its interval."""
    return (
        f"{photos['called_fake']} of {photos['photos']} real photos called fake, from fake probability "
        f"{photos['decision_threshold']:.3g} on: rate {cell(photos['false_positive_rate'])}"
    )


def worst_rows(photos: Summary) -> list[tuple[str, str, str]]:
    """Photo, what it is called and fake probability, the most suspicious first."""
    called = ("real", "fake")
    return [
        (each["name"], called[p >= photos["decision_threshold"]], f"{p:.3f}")
        for each in photos["worst"]
        for p in [each["fake_probability"]]
    ]


def has_maps(summary: Summary) -> bool:
    """Whether any predicted map was scored."""
    return summary["overall"]["coss"]["count"] > 0


def cell(figure: Mapping[str, Any]) -> str:
    """A figure with its interval, as ``0.920 [0.905, 0.934]``; a dash where it is undefined."""
    if figure["mean"] is None:
        return "-"
    return f"{number(figure['mean'])} [{number(figure['low'])}, {number(figure['high'])}]"


def number(value: float) -> str:
    """Three decimals, and one from 10 on, as for decibels.

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
        report: of :func:`markdown_report` or :func:`photo_report`.

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
    """Title -> report; what stands above the first heading is dropped."""
    pieces = ("\n" + text).split("\n" + HEADING)[1:]
    return {piece.split("\n", 1)[0]: f"{HEADING}{piece.strip()}\n\n" for piece in pieces}


def _table(what: str, summaries: Sequence[Summary], metrics: Mapping[str, str], *, photos: bool = False) -> str:
    """A row for each predictor, over all generators; with ``photos`` the share of false alarms as well."""
    rows = [
        [
            each["predictor"],
            str(each["fakes"]),
            *(cell(each["overall"][metric]) for metric in metrics),
            *([cell(each["false_positive_rate"])] if photos else []),
        ]
        for each in summaries
    ]
    return markdown_table([what, "fakes", *metrics.values(), *(["photos called fake"] if photos else [])], rows)


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
