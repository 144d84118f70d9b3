from __future__ import annotations

from pathlib import Path

import pytest

from fakelocator_zoo.evaluation.evaluate import evaluate, evaluate_all
from fakelocator_zoo.evaluation.predictors import constant, high_pass
from fakelocator_zoo.evaluation.samples import read_paired, read_whole
from fakelocator_zoo.evaluation.tables import CLOSE, OPEN, cell, markdown_report, markdown_table, write_card


def rows(report: str, first: str) -> list[list[str]]:
    """The cells of all table rows whose first cell is ``first``."""
    lines = [line for line in report.splitlines() if line.startswith(f"| {first} |")]
    return [[each.strip() for each in line.strip("|").split("|")] for line in lines]


def test_a_figure_stands_with_its_interval() -> None:
    assert cell({"mean": 0.92, "low": 0.9, "high": 0.9345, "count": 3}) == "0.920 [0.900, 0.934]"
    assert cell({"mean": 31.67, "low": 9.5, "high": 40, "count": 3}) == "31.7 [9.500, 40.0]"
    assert cell({"mean": None, "low": None, "high": None, "count": 0}) == "-"


def test_a_name_cannot_break_a_table() -> None:
    assert markdown_table(["a", "b"], [["x|y", "1\n2"]]).splitlines()[-1] == "| x\\|y | 1 2 |"


def test_the_report_holds_every_predictor_overall_and_by_generator(pairs: Path) -> None:
    data = read_paired(pairs)
    summaries = [each.summary() for each in evaluate_all([high_pass, constant], data, true_mask=True)]
    report = markdown_report("Pairs", summaries)
    assert report.startswith("### Pairs\n")
    assert "6 real photos" in report and "12 fakes by 2 generators" in report
    overall, decision = rows(report, "constant")
    assert overall[:4] == ["constant", "12", cell(summaries[1]["overall"]["coss"]), "0.000 [0.000, 0.000]"]
    assert decision == [
        "constant",
        "12",
        *["0.500 [0.500, 0.500]"] * 2,
        "0.000 [0.000, 0.000]",
        "1.000 [1.000, 1.000]",
        "0.000 [0.000, 0.000]",  # always 0.5 is calibrated, and useless
        "1.000 [1.000, 1.000]",
    ]
    assert len(rows(report, "true mask")) == 1, "the truth decides nothing"
    assert [(row[1], row[2]) for row in rows(report, "left")] == [
        ("high-pass", "6"),
        ("constant", "6"),
        ("true mask", "6"),
        ("high-pass", "6"),
        ("constant", "6"),
    ]


def test_one_generator_needs_no_rows_of_its_own(whole: Path) -> None:
    (whole / "fake" / "gan").rename(whole / "gone")
    report = markdown_report("Whole", [evaluate(constant, read_whole(whole)).summary()])
    assert "2 fakes by 1 generator, against a map of ones" in report and "<details>" not in report


@pytest.mark.parametrize(("missing", "there", "absent"), [("fake", "decision", "map"), ("real", "map", "decision")])
def test_a_side_that_is_missing_has_no_table(whole: Path, missing: str, there: str, absent: str) -> None:
    (whole / missing).rename(whole / "gone")
    report = markdown_report("Whole", [evaluate(constant, read_whole(whole)).summary()])
    assert f"| {there} |" in report and f"| {absent} |" not in report


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "README.md"
    path.parent.mkdir()
    path.write_text(f"# Model\n\nBy hand.\n\n{OPEN}\nold words\n{CLOSE}\n\n## Limits\n\nMany.\n", encoding="utf-8")
    return path


def test_the_card_gets_the_report_between_its_markers_and_nothing_else_changes(card: Path) -> None:
    write_card(card.parent, "### Pairs\n\n| a |\n")
    assert card.read_text(encoding="utf-8") == (
        f"# Model\n\nBy hand.\n\n{OPEN}\n### Pairs\n\n| a |\n\n{CLOSE}\n\n## Limits\n\nMany.\n"
    )


def test_a_report_replaces_the_one_of_its_title_alone(card: Path) -> None:
    for report in ("### Pairs\n\n1\n", "### Pairs, JPEG 75\n\n2\n", "### Pairs\n\n3\n"):
        write_card(card.parent, report)
    text = card.read_text(encoding="utf-8")
    assert text.split(OPEN)[1].split(CLOSE)[0] == "\n### Pairs\n\n3\n\n### Pairs, JPEG 75\n\n2\n\n"
    write_card(card.parent, "### Pairs\n\n3\n")
    assert card.read_text(encoding="utf-8") == text, "written twice, the card is the same"


def test_a_card_without_markers_gets_a_section(card: Path) -> None:
    card.write_text("# Model\n", encoding="utf-8")
    write_card(card.parent, "### Pairs\n")
    assert card.read_text(encoding="utf-8") == f"# Model\n\n## Evaluation\n\n{OPEN}\n### Pairs\n\n{CLOSE}\n"


@pytest.mark.parametrize("text", [OPEN, CLOSE, f"{CLOSE} {OPEN}", f"{OPEN}{CLOSE}{OPEN}{CLOSE}"])
def test_torn_markers_are_refused_and_the_card_is_left_alone(card: Path, text: str) -> None:
    card.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"README\.md must hold"):
        write_card(card.parent, "### Pairs\n")
    assert card.read_text(encoding="utf-8") == text


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"README\.md does not exist"):
        write_card(tmp_path, "### Pairs\n")
