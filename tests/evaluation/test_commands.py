from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from fakelocator_zoo import FakeLocator, cli
from fakelocator_zoo.evaluation.results import Evaluation
from fakelocator_zoo.evaluation.tables import CLOSE, OPEN
from fakelocator_zoo.zoo.models import DEFAULT_MODEL
from tests.inference.stubs import StubModel, noise

runner = CliRunner()
PREDICTORS = [DEFAULT_MODEL, "constant", "centred Gaussian", "high-pass", "true mask"]


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that were loaded; each is a stub."""
    names: list[str] = []

    def load(name: str) -> StubModel:
        print("Loading weights from local directory")  # as libraries do, on stdout
        names.append(name)
        return StubModel().eval()

    monkeypatch.setattr(FakeLocator, "from_pretrained", load)
    monkeypatch.setitem(Evaluation.summary.__kwdefaults__, "draws", 50)  # narrower intervals take seconds each
    return names


def evaluate(*arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(cli.app, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_pairs_give_tables_rows_and_a_sheet(pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, stdout, stderr = evaluate("--pairs", pairs, "--out", out)
    assert code == 0, stderr
    assert "6 photos; fakes: left 6, top 6" in stdout and str(out) in stdout
    result = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert [each["predictor"] for each in result["predictors"]] == PREDICTORS
    assert result["predictors"][0]["generators"]["top"]["coss"]["count"] == 6
    assert (out / "evaluation.md").read_text(encoding="utf-8").startswith("### Pairs in `pairs`\n")
    rows = list(csv.DictReader((out / "images.csv").open(encoding="utf-8")))
    assert len(rows) == 4 * (6 + 12) + 12
    assert {row["generator"] for row in rows} == {"", "left", "top"}
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.mode == "RGB"


def test_json_is_all_there_is_on_stdout(whole: Path, tmp_path: Path) -> None:
    code, stdout, _ = evaluate("--whole", whole, "--limit", 2, "--jpeg", 75, "--json", "--out", tmp_path / "out")
    assert code == 0
    result = json.loads(stdout)
    assert (result["title"], result["jpeg"]) == ("Whole images in `whole`, at most 2 of each generator, JPEG 75", 75)
    assert (result["predictors"][0]["photos"], result["predictors"][0]["fakes"]) == (2, 4)


def test_the_same_command_gives_the_same_numbers(pairs: Path, tmp_path: Path) -> None:
    for name in "ab":
        evaluate("--pairs", pairs, "--out", tmp_path / name)
    for file in ("evaluation.json", "evaluation.md", "images.csv", "sheet.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_jpeg_changes_what_the_model_sees(pairs: Path, tmp_path: Path) -> None:
    plain, compressed = (
        json.loads(evaluate("--pairs", pairs, "--json", "--out", tmp_path / "out", *more)[1])["predictors"]
        for more in ((), ("--jpeg", 30))
    )
    assert plain[0]["overall"]["coss"] != compressed[0]["overall"]["coss"]
    assert plain[4] == compressed[4], "the truth stays as it was"


def test_jpeg_is_short_for_a_degradation(pairs: Path, tmp_path: Path) -> None:
    short, long = (
        json.loads(evaluate("--pairs", pairs, "--json", "--out", tmp_path / "out", *more)[1])
        for more in (("--jpeg", 30), ("--degrade", "jpeg=30"))
    )
    assert short["predictors"] == long["predictors"]
    assert short["title"] == long["title"] == "Pairs in `pairs`, JPEG 30"
    assert short["degrade"] == long["degrade"] == {"name": "jpeg", "strength": 30.0}


def test_real_and_fake_are_degraded_as_the_title_says(pairs: Path, tmp_path: Path) -> None:
    code, stdout, stderr = evaluate(
        "--pairs", pairs, "--degrade", "downscale=0.5", "--limit", 2, "--json", "--out", tmp_path / "out"
    )
    assert code == 0, stderr
    result = json.loads(stdout)
    assert result["title"] == "Pairs in `pairs`, at most 2 of each generator, downscale 0.5"
    assert (result["degrade"], result["jpeg"]) == ({"name": "downscale", "strength": 0.5}, None)


def test_moved_masks_make_knowing_the_centre_worth_nothing(pairs: Path, tmp_path: Path) -> None:
    for generator in ("left", "top"):
        for index, name in enumerate("abcdef"):
            Image.fromarray(255 - noise(24, 32, seed=index)).save(pairs / "fake" / generator / f"{name}.png")
    code, stdout, stderr = evaluate("--pairs", pairs, "--off-centre", 3, "--json", "--out", tmp_path / "out")
    assert code == 0, stderr
    result = json.loads(stdout)
    assert (result["title"], result["off_centre"]) == ("Pairs in `pairs`, masks off the centre (seed 3)", 3)
    figures = {each["predictor"]: each["overall"]["pixel_auc"]["mean"] for each in result["predictors"]}
    assert figures["centred Gaussian"] <= 0.5 and figures["true mask"] == 1.0


# Real photos alone


def test_photos_alone_give_the_rate_of_false_alarms_and_the_worst(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for index, brightness in enumerate((240, 250)):  # the stub calls fake what is bright
        bright = np.full((24, 32, 3), brightness, np.uint8)
        Image.fromarray(bright).save(whole / "real" / "one" / f"bright{index}.png")
    code, stdout, stderr = evaluate("--photos", whole / "real", "--photos", whole / "fake", "--out", out)
    assert code == 0, stderr
    assert "2 of 13 real photos called fake, from fake probability 0.5 on: rate 0.154" in " ".join(stdout.split())
    alarms = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))["false_alarms"]
    assert (alarms["photos"], alarms["called_fake"], len(alarms["worst"])) == (13, 2, 10)
    rate = alarms["false_positive_rate"]
    # Wilson's formula by hand.
    z, n, p = 1.959964, 13, 2 / 13
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert (rate["low"], rate["high"]) == pytest.approx((middle - reach, middle + reach), abs=1e-5)
    probabilities = [each["fake_probability"] for each in alarms["worst"]]
    assert probabilities == sorted(probabilities, reverse=True)
    report = (out / "evaluation.md").read_text(encoding="utf-8")
    assert report.startswith("### Photos in `real` and `fake`\n") and "| fake/gan/" in report
    assert len(list(csv.DictReader((out / "images.csv").open(encoding="utf-8")))) == 13
    assert not (out / "sheet.png").exists()


def test_a_broken_photo_is_named_and_the_rest_is_scored(whole: Path, tmp_path: Path) -> None:
    (whole / "real" / "one" / "0.png").write_bytes(b"no image")
    code, stdout, stderr = evaluate("--photos", whole / "real", "--json", "--out", tmp_path / "out")
    assert code == 1 and json.loads(stdout)["false_alarms"]["photos"] == 4
    assert "0.png is not an image" in stderr and "4 photos and 0 fakes scored, 1 failed" in stderr


def test_a_card_gets_the_rate_of_false_alarms(whole: Path, tmp_path: Path) -> None:
    model = tmp_path / "mine.open"
    model.mkdir()
    (model / "README.md").write_text("# mine\n", encoding="utf-8")
    for _ in range(2):
        code, _, stderr = evaluate("--photos", whole / "real", "--card", model, "--out", tmp_path / "out")
        assert code == 0, stderr
    text = (model / "README.md").read_text(encoding="utf-8")
    assert text.count("### Photos in `real`") == 1 and "of 5 real photos called fake" in text


def test_a_broken_file_is_listed_at_the_end_and_the_rest_is_scored(pairs: Path, tmp_path: Path) -> None:
    (pairs / "fake" / "top" / "e.png").write_bytes(b"no image")
    code, stdout, stderr = evaluate("--pairs", pairs, "--json", "--out", tmp_path / "out")
    assert code == 1
    assert json.loads(stdout)["predictors"][0]["fakes"] == 11
    *_, sentence, count = stderr.splitlines()
    assert "e.png is not an image" in sentence
    assert count == "6 photos and 11 fakes scored, 1 failed"


def test_unmatched_images_are_named(pairs: Path, tmp_path: Path) -> None:
    (pairs / "fake" / "top" / "e.png").rename(pairs / "fake" / "top" / "z.png")
    code, _, stderr = evaluate("--pairs", pairs, "--json", "--out", tmp_path / "out")
    assert code == 0
    assert f"left out: {pairs / 'fake' / 'top' / 'z.png'} (no real image z)" in stderr


@pytest.mark.parametrize("missing", ["real", "fake"])
def test_one_side_of_whole_images_is_enough(whole: Path, tmp_path: Path, missing: str) -> None:
    (whole / missing).rename(whole / "gone")
    code, _, stderr = evaluate("--whole", whole, "--out", tmp_path / "out")
    assert code == 0, stderr
    assert (tmp_path / "out" / "sheet.png").exists() == (missing == "real")


def test_the_card_of_a_model_gets_the_tables_of_this_model(pairs: Path, tmp_path: Path, loaded: list[str]) -> None:
    model = tmp_path / "mine.open"
    model.mkdir()
    (model / "README.md").write_text("# mine\n", encoding="utf-8")
    code, _, stderr = evaluate("--pairs", pairs, "--card", model, "--out", tmp_path / "out")
    assert code == 0, stderr
    assert loaded == [str(model)]
    text = (model / "README.md").read_text(encoding="utf-8")
    report = (tmp_path / "out" / "evaluation.md").read_text(encoding="utf-8")
    assert "| mine.open | 12 |" in report
    assert text == f"# mine\n\n## Evaluation\n\n{OPEN}\n{report}\n{CLOSE}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "either --pairs or --whole, or --photos alone"),
        (("--pairs", "P", "--photos", "F"), "--photos alone"),
        (("--photos", "F", "--masks", "M"), "a photo is real, so they have no masks"),
        (("--photos", "F", "--off-centre", "0"), "moves the masks of pairs"),
        (("--whole", "W", "--off-centre", "0"), "moves the masks of pairs"),
        (("--pairs", "P", "--off-centre", "0", "--masks", "M"), "either read or generated"),
        (("--pairs", "P", "--off-centre", "-1"), "--off-centre"),
        (("--pairs", "P", "--jpeg", "75", "--degrade", "blur=1"), "--jpeg is short for --degrade jpeg=QUALITY"),
        (("--pairs", "P", "--degrade", "jpg=75"), "unknown degradation 'jpg'; did you mean 'jpeg'?"),
        (("--pairs", "P", "--degrade", "blur"), "write it as blur=STRENGTH"),
        (("--pairs", "P", "--degrade", "jpeg=0"), "JPEG quality must lie in 1..100"),
        (("--pairs", "P", "--whole", "W"), "either --pairs or --whole"),
        (("--whole", "W", "--masks", "M"), "so they have no masks"),
        (("--pairs", "P", "--card", "C", "--model", "m"), "leave --model and --attention out"),
        (("--pairs", "P", "--card", "C", "--attention", "face"), "leave --model and --attention out"),
        (("--pairs", "P", "--limit", "0"), "--limit"),
        (("--pairs", "P", "--jpeg", "0"), "--jpeg"),
    ],
)
def test_wrong_options_are_named(arguments: tuple[str, ...], message: str) -> None:
    code, _, stderr = evaluate(*arguments)
    assert code == 2
    assert message in " ".join(stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pairs", "nowhere"), "nowhere"),
        (("--whole", "nowhere"), "nowhere holds neither real/ nor fake/"),
        (("--pairs", "nowhere", "--card", "nomodel"), "README.md does not exist"),
    ],
)
def test_a_missing_folder_is_one_sentence_and_loads_no_model(
    arguments: tuple[str, ...], message: str, loaded: list[str], tmp_path: Path
) -> None:
    code, _, stderr = evaluate(*arguments, "--out", tmp_path / "out")
    assert code == 1 and not loaded
    assert stderr.startswith("error: ") and message in stderr and len(stderr.splitlines()) == 1


def test_a_threshold_out_of_range_is_one_sentence(pairs: Path, tmp_path: Path) -> None:
    code, _, stderr = evaluate("--pairs", pairs, "--threshold", 2, "--out", tmp_path / "out")
    assert code == 1 and "threshold must lie in (0, 1]" in stderr


def test_masks_of_another_folder(pairs: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for name in "abcdef":
        Image.fromarray(np.full((24, 32), 255, np.uint8)).save(masks / f"{name}.png")
    code, stdout, stderr = evaluate("--pairs", pairs, "--masks", masks, "--json", "--out", tmp_path / "out")
    assert code == 0, stderr
    # All of each fake counts as painted, so pixels cannot be ranked.
    assert json.loads(stdout)["predictors"][0]["overall"]["pixel_auc"]["mean"] is None
