"""False alarms: how many real photos are called fake, where nothing but real photos is at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fakelocator_zoo.evaluation.evaluate import Progress, evaluate
from fakelocator_zoo.evaluation.predictors import Predictor
from fakelocator_zoo.evaluation.results import Evaluation
from fakelocator_zoo.evaluation.samples import EvaluationSet, Photos
from fakelocator_zoo.evaluation.statistics import proportion_interval
from fakelocator_zoo.evaluation.tables import HEADING, cell, markdown_table
from fakelocator_zoo.models.output import DECISION_THRESHOLD

#: Photos that are listed, those with the highest fake probability.
WORST = 10


def evaluate_photos(
    predictor: Predictor, photos: Photos, *, progress: Progress = lambda done, total: None
) -> Evaluation:
    """The decision on every photo; one that cannot be read is left out, and named in ``failures``."""
    # One at a time: photos as they come from a camera need much memory, and seldom share a size.
    return evaluate(predictor, EvaluationSet(photos, {}, paired=False), batch_size=1, progress=progress)


def false_alarms(evaluation: Evaluation) -> dict[str, Any]:
    """The share of photos called fake with its 95 % Wilson interval, and the worst of them, as JSON has them.

    Raises:
        ValueError: where no photo could be scored.
    """
    if not evaluation.photos:
        raise ValueError(f"no photo could be scored: {'; '.join(evaluation.failures) or 'there is none'}")
    falling = sorted(evaluation.photos, key=lambda photo: (-photo.fake_probability, photo.name))
    called = sum(photo.fake_probability >= DECISION_THRESHOLD for photo in falling)
    return {
        "predictor": evaluation.predictor,
        "decision_threshold": DECISION_THRESHOLD,
        "photos": len(falling),
        "called_fake": called,
        "false_positive_rate": asdict(proportion_interval(called, len(falling))),
        "worst": [asdict(photo) for photo in falling[:WORST]],
        "failures": list(evaluation.failures),
    }


def rate_sentence(alarms: Mapping[str, Any]) -> str:
    """One line: how many photos, how many of them called fake, and the rate with its interval."""
    return (
        f"{alarms['called_fake']} of {alarms['photos']} real photos called fake, from fake probability "
        f"{alarms['decision_threshold']:g} on: rate {cell(alarms['false_positive_rate'])}"
    )


def worst_rows(alarms: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Photo, fake probability and what it is called, the most suspicious first."""
    threshold = alarms["decision_threshold"]
    return [
        (each["name"], f"{each['fake_probability']:.3f}", "fake" if each["fake_probability"] >= threshold else "real")
        for each in alarms["worst"]
    ]


def photo_report(title: str, alarms: Mapping[str, Any]) -> str:
    """The rate and the worst photos as Markdown, under a heading as those of fakes have it."""
    rows: Sequence[Sequence[str]] = [(name, called, probability) for name, probability, called in worst_rows(alarms)]
    table = markdown_table(["most suspicious photos", "called", "fake probability"], rows, text_columns=2)
    return f"{HEADING}{title}\n\n{alarms['predictor']}: {rate_sentence(alarms)} (95 % Wilson interval).\n\n{table}\n"
