"""Training a face parser: `python -m benchmarks.face_parser.train --images DIR --masks DIR --out DIR`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.face_parser.augmentation import FaceAugmentation
from benchmarks.face_parser.faces import LabelledFaces, read_celebamask, read_scenery
from benchmarks.face_parser.landmarks import LANDMARK_PARTS, read_landmarks
from fakelocator_zoo.face_parsing.parser import FaceParser
from fakelocator_zoo.face_parsing.parts import PARTS


@dataclass(frozen=True)
class TrainingSettings:
    """How a parser is trained; see :func:`train_face_parser`."""

    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warmup_epochs: float = 2.0
    view: int = 192  # side of a training view in pixels
    full_view_share: float = 0.3  # share of the epochs, at the end, whose views are as large as the frame
    frame: int = 256  # side in pixels of the whole photo at scale 1; the parser's working side
    ema: float = 0.995  # decay of the moving average of the weights
    dice_weight: float = 0.5
    label_smoothing: float = 0.02
    rarity: float = 0.25  # the cross-entropy weighs a class by its share to the power of minus this
    strength: float = 1.0  # of the augmentation
    seed: int = 0


def class_weights(labels: Tensor, count: int, rarity: float) -> Tensor:
    """Weight of each class in the cross-entropy: its share to the power -`rarity`; 0 where absent, mean 1.

    Weights teach small parts early, but paint them too wide: a second stage with rarity 0 takes that back.
    """
    share = torch.bincount(labels.flatten().long(), minlength=count).double()
    share = share / share.sum()
    weight = torch.where(share > 0, share.clamp_min(1e-5) ** -rarity, 0.0)
    return (weight / weight[share > 0].mean()).float()


def parsing_loss(logits: Tensor, labels: Tensor, weight: Tensor, dice_weight: float, smoothing: float) -> Tensor:
    """Weighted cross-entropy plus soft dice over the classes present in the batch.

    Args:
        logits: (B, P, h, w), enlarged to the labels' size.
        labels: (B, h', w') int64.
    """
    logits = F.interpolate(logits.float(), size=labels.shape[-2:], mode="bilinear", align_corners=False)
    entropy = F.cross_entropy(logits, labels, weight=weight, label_smoothing=smoothing)
    truth = F.one_hot(labels, len(weight)).movedim(-1, 1)
    probabilities = logits.softmax(dim=1)
    hit, size = ((probabilities * truth).sum((0, 2, 3)), truth.sum((0, 2, 3)))
    dice = (2 * hit + 1) / (probabilities.sum((0, 2, 3)) + size + 1)
    return entropy + dice_weight * (1 - dice[size > 0]).mean()


def train_face_parser(
    faces: LabelledFaces,
    out_folder: str | Path,
    parser: FaceParser,
    settings: TrainingSettings | None = None,
    scenery: Tensor | None = None,
) -> FaceParser:
    """Train `parser` on labelled faces; saves the moving average of its weights and returns it, frozen.

    `out_folder` receives a line of `log.jsonl` each epoch, and at the end `config.json` and `model.safetensors`.

    Args:
        faces: labels are indexes into `parser.parts`.
        scenery: pictures without people, (N, 3, H, W) uint8, used as surroundings.

    Raises:
        ValueError: where labels exceed the parts, or the faces do not fill one batch.
    """
    settings = settings or TrainingSettings()
    steps = len(faces.images) // settings.batch_size
    if int(faces.labels.max()) >= len(parser.parts):
        raise ValueError(f"label {int(faces.labels.max())} has no part: the parser has {len(parser.parts)}")
    if not steps:
        raise ValueError(f"{len(faces.images)} faces do not fill one batch of {settings.batch_size}")
    out = Path(out_folder)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    average = deepcopy(parser)
    optimizer = torch.optim.AdamW(parser.parameters(), weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        settings.learning_rate,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        pct_start=min(settings.warmup_epochs / settings.epochs, 0.5),
        cycle_momentum=False,
    )
    weight = class_weights(faces.labels, len(parser.parts), settings.rarity)
    scenes = None if scenery is None else scenery.float() / 255
    views = {
        size: FaceAugmentation(parser.parts, size, settings.frame, settings.strength, scenes)
        for size in (settings.view, settings.frame)
    }
    parser.train()
    for epoch in range(settings.epochs):
        began, total = time.perf_counter(), 0.0
        full = epoch >= settings.epochs * (1 - settings.full_view_share)
        size = settings.frame if full else settings.view
        for index in torch.randperm(len(faces.images)).split(settings.batch_size)[:steps]:
            images, labels = views[size](faces.images[index].float() / 255, faces.labels[index].long())
            loss = parsing_loss(parser.logits(images), labels, weight, settings.dice_weight, settings.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parser.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            _average(average, parser, min(settings.ema, (schedule.last_epoch + 1) / (schedule.last_epoch + 10)))
            total += loss.item()
        line = {"epoch": epoch + 1, "loss": total / steps, "view": size, "s": time.perf_counter() - began}
        with (out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
    average.freeze()
    average.save_pretrained(out, dtype=torch.float16)
    return average


@torch.no_grad()
def _average(average: FaceParser, parser: FaceParser, keep: float) -> None:
    """Exponential moving average of weights and batch statistics."""
    for mean, now in zip(average.state_dict().values(), parser.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(now, 1 - keep)
        else:
            mean.copy_(now)


def main(arguments: list[str] | None = None) -> None:
    """The command: read faces, train, save; prints where the weights are."""
    cli = argparse.ArgumentParser(prog="python -m benchmarks.face_parser.train", description=__doc__)
    cli.add_argument("--images", type=Path, required=True, help="folder of photos")
    labels = cli.add_mutually_exclusive_group(required=True)
    labels.add_argument("--masks", type=Path, help="folder of palette PNGs named like the photos (CelebAMask-HQ)")
    labels.add_argument("--landmarks", type=Path, help="folder of .tem files of 189 points (London set)")
    cli.add_argument("--out", type=Path, required=True, help="folder for weights and log")
    cli.add_argument("--skip-last", type=int, default=0, help="photos at the end of the list to leave out")
    cli.add_argument("--scenery", type=Path, help="folder of pictures without people (default: scikit-image's)")
    cli.add_argument("--start-from", type=Path, help="folder of weights to start from (default: from scratch)")
    cli.add_argument("--encoder", default="tu-mobilenetv4_conv_small_050")
    cli.add_argument("--threads", type=int, default=0, help="CPU threads (0: torch's choice)")
    default = TrainingSettings()
    for name, value in asdict(default).items():
        cli.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = vars(cli.parse_args(arguments))
    settings = TrainingSettings(**{name: given[name] for name in asdict(default)})
    if given["threads"]:
        torch.set_num_threads(given["threads"])
    if given["masks"]:
        parts, faces = PARTS, read_celebamask(given["images"], given["masks"], skip_last=given["skip_last"])
    else:
        parts, faces = LANDMARK_PARTS, read_landmarks(given["images"], given["landmarks"], skip_last=given["skip_last"])
    torch.manual_seed(settings.seed)
    parser = FaceParser(parts, given["encoder"], side=settings.frame)
    if given["start_from"]:
        parser.load_state_dict(FaceParser.from_pretrained(given["start_from"]).state_dict())
    train_face_parser(faces, given["out"], parser, settings, read_scenery(given["scenery"]))
    sys.stdout.write(f"{given['out']}\n")


if __name__ == "__main__":
    main()
