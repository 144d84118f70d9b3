"""Results as reports (JSON), words (Markdown) and CSV. Names of files stand in reports and CSV alone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fakelocator_zoo.clustering.adapt import Adaptation
    from fakelocator_zoo.inference.localizer import Face, Localization
    from fakelocator_zoo.inference.provenance import ContentCredentials

Report = dict[str, Any]

_VERDICTS = {
    "fake": "Traces of a generator were found.",
    "real": "No traces of a generator were found. That does not prove that the photo is real.",
    "unsure": "The probability lies just below the threshold, where some real photos lie as well.",
    "not judged": "The photo is not good enough for a verdict; the number is what the model guesses.",
}


def report_of(result: Localization, credentials: ContentCredentials | None = None) -> Report:
    """Decisions of a photo and of its faces, and its content credentials where they are known, as JSON has them."""
    return {
        "verdict": result.verdict,
        "fake_probability": result.fake_probability,
        "reason": result.reason,
        "whole_image": result.whole_image,
        "face_found": result.face_found,
        "faces": [asdict(face) | {"box": list(face.box)} for face in result.faces],
        "map_mean": float(result.fakeness_map.mean()),
        "map_peak": float(result.fakeness_map.max()),
        **({} if credentials is None else {"content_credentials": credentials._asdict()}),
    }


def verdict_of(judged: Localization | Face) -> str:
    """Verdict, probability and reason, in one line of Markdown."""
    reason = f" ({judged.reason})" if judged.reason else ""
    return f"**{judged.verdict}**, P(fake) {judged.fake_probability:.2f}{reason}"


def words_of(result: Localization, credentials: ContentCredentials | None = None) -> str:
    """What the result says, in Markdown: the photo's verdict, each face's, and the content credentials."""
    lines = [f"### {verdict_of(result)}", _VERDICTS[result.verdict]]
    if result.face_found is False:
        lines.append("The face parser found no face, so the model attended to all of it alike.")
    for number, face in enumerate(result.faces, 1):
        left, top, right, bottom = face.box
        lines.append(f"Face {number}, {right - left} x {bottom - top} pixels: {verdict_of(face)}")
    if credentials is not None:
        lines.append(escaped(credentials.sentence()))
    return "\n\n".join(lines)


def video_words(report: Report) -> str:
    """What the report on a video says, in Markdown: its verdict, then each face's."""
    lines = [f"### **{report['verdict']}**, P(fake) {report['fake_probability']:.2f}", _VERDICTS[report["verdict"]]]
    lines.append(f"{report['frames']} frames were scored, one of {report['every']}.")
    if report["reason"]:
        lines.append(f"{report['reason'].capitalize()}.")
    if "damage" in report:
        lines.append("The video is damaged; the report says where.")
    lines += [
        f"Face {face['face']}, {face['first']:.1f} to {face['last']:.1f} s, {face['frames']} frames: "
        f"**{face['verdict']}**, P(fake) {face['fake_probability']:.2f}"
        for face in report["faces"]
    ]
    return "\n\n".join(lines)


def escaped(text: str) -> str:
    """Text as Markdown that shows it: a signer's name comes from the file."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&:@])", lambda found: f"&#{ord(found[0])};", text)


def adaptation_report(found: Adaptation, left_out: Sequence[str]) -> Report:
    """Labels of photos that were clustered, as JSON has them.

    Args:
        found: the clustering.
        left_out: a sentence for each photo that was not clustered.
    """
    clusters = found.clusters
    probabilities = clusters.fake_probability_
    assert probabilities is not None  # a labelled photo was given
    return {
        "separable": clusters.separable_,
        "reason": clusters.reason_ or None,
        "silhouette": float(clusters.silhouette_),
        "gap": float(clusters.gap_),
        "stability": float(clusters.stability_),
        "contradictions": [path.name for path in found.contradictions],
        "photos": [
            {"photo": path.name, "label": label or None, "fake_probability": float(probability)}
            for path, label, probability in zip(found.paths, found.labels, probabilities, strict=True)
        ],
        "left_out": list(left_out),
    }


def adaptation_words(report: Report) -> str:
    """What an adaptation found, in Markdown."""
    labels = [each["label"] for each in report["photos"]]
    if report["separable"]:
        lines = [f"### {labels.count('fake')} fake, {labels.count('real')} real"]
    else:
        lines = [f"### No labels: the photos do not fall into two clusters ({report['reason']})"]
    if report["contradictions"]:
        lines.append("The labelled photo contradicts its cluster.")
    if report["left_out"]:
        lines.append(f"{len(report['left_out'])} left out; the report says why.")
    return "\n\n".join(lines)


def as_csv(rows: Sequence[Report]) -> str:
    """Rows of the same keys as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
