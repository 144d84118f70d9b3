"""Training a parser: `python -m fakelocator_zoo.training.face_parser --images DIR --masks DIR --out DIR`.

A plain torch loop. What a run does depends on its settings and seed alone: each epoch draws from its own
generator, so a run that was stopped goes on from its last epoch as if it had not been.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from fakelocator_zoo.data.face_parts import LabelledFaces, read_celebamask, read_scenery
from fakelocator_zoo.data.landmarks import LANDMARK_PARTS, read_landmarks
from fakelocator_zoo.face_parsing.parser import FaceParser
from fakelocator_zoo.face_parsing.parts import PARTS, mirror_order
from fakelocator_zoo.training.face_parser_augmentation import augment


@dataclass(frozen=True)
class TrainingSettings:
    """How a parser is trained; see `train_face_parser`."""

    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warmup_epochs: float = 2.0
    view: int = 192  # pixels of a training view
    full_view_share: float = 0.3  # share of the epochs, at the end, whose views are as large as the frame
    frame: int = 256  # pixels that a whole photo spans at scale 1; the parser's working side
    ema: float = 0.995
    dice_weight: float = 0.5
    label_smoothing: float = 0.02
    rarity: float = 0.25  # power of one over a class's share that weighs it in the cross-entropy
    strength: float = 1.0  # of the augmentation
    seed: int = 0


def class_weights(labels: Tensor, count: int, rarity: float) -> Tensor:
    """Weight of each class in the cross-entropy: its share to the power -`rarity`; 0 where absent, mean 1.

    Weights teach small parts soon, but paint them too wide: a second stage with rarity 0 takes that back.
    """
    share = torch.bincount(labels.flatten().long(), minlength=count).double()
    share = share / share.sum()
    weight = torch.where(share > 0, share.clamp_min(1e-5) ** -rarity, torch.zeros(1, dtype=torch.double))
    return (weight / weight[share > 0].mean()).float()


def parsing_loss(logits: Tensor, labels: Tensor, weight: Tensor, dice_weight: float, smoothing: float) -> Tensor:
    """Weighted cross-entropy plus soft dice over the classes present in the batch.

    Args:
        logits: (B, P, h, w), enlarged to the labels' size.
        labels: (B, h', w') int64.
    """
    logits = F.interpolate(logits.float(), size=labels.shape[-2:], mode="bilinear", align_corners=False)
    entropy = F.cross_entropy(logits, labels, weight=weight, label_smoothing=smoothing)
    # (P, B * h * w): classes first, so that each sum runs over one row
    probabilities = logits.softmax(dim=1).transpose(0, 1).flatten(1)
    named = labels.flatten()
    hit = torch.zeros(len(weight)).index_add(0, named, probabilities.gather(0, named[None])[0])
    size = torch.bincount(named, minlength=len(weight)).float()
    dice = (2 * hit + 1) / (probabilities.sum(dim=1) + size + 1)
    return entropy + dice_weight * (1 - dice[size > 0]).mean()


def train_face_parser(
    faces: LabelledFaces,
    out_folder: str | Path,
    parser: FaceParser,
    settings: TrainingSettings | None = None,
    scenery: Tensor | None = None,
) -> FaceParser:
    """Train `parser` on labelled faces; saves the moving average of its weights and returns it, frozen.

    `out_folder` receives `checkpoint.pt` and a line of `log.jsonl` each epoch, at the end the weights
    (`config.json`, `model.safetensors`). If it holds a checkpoint of the same settings, it goes on.

    Args:
        faces: labels are indexes into `parser.parts`.
        scenery: pictures without people, (N, 3, H, W) uint8, used as surroundings.

    Raises:
        ValueError: a checkpoint of other settings lies in the folder, or labels exceed the parts.
    """
    settings = settings or TrainingSettings()
    out = Path(out_folder)
    out.mkdir(parents=True, exist_ok=True)
    if int(faces.labels.max()) >= len(parser.parts):
        raise ValueError(f"label {int(faces.labels.max())} has no part: the parser has {len(parser.parts)}")
    average = deepcopy(parser)
    optimizer = torch.optim.AdamW(parser.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    steps = len(faces.images) // settings.batch_size
    if not steps:
        raise ValueError(f"{len(faces.images)} faces do not fill one batch of {settings.batch_size}")
    warmup, total = settings.warmup_epochs * steps, settings.epochs * steps

    def rate(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.005 + 0.995 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1))) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    state = {"model": parser, "average": average, "optimizer": optimizer, "schedule": schedule}
    start = _resume(out / "checkpoint.pt", state, settings)
    weight = class_weights(faces.labels, len(parser.parts), settings.rarity)
    order = torch.tensor(mirror_order(parser.parts))
    scenes = torch.empty(0, 3, 2, 2) if scenery is None else scenery.float() / 255
    for epoch in range(start, settings.epochs):
        began = time.perf_counter()
        generator = torch.Generator().manual_seed(settings.seed * 100_003 + epoch)
        torch.manual_seed(settings.seed * 100_003 + epoch)  # dropout
        full = epoch >= settings.epochs * (1 - settings.full_view_share)
        size = settings.frame if full else settings.view
        parser.train()
        losses = []
        for index in torch.randperm(len(faces.images), generator=generator).split(settings.batch_size)[:steps]:
            images, labels = faces.images[index].float() / 255, faces.labels[index].long()
            images, labels = augment(images, labels, size, settings.frame, order, scenes, generator, settings.strength)
            loss = parsing_loss(parser.logits(images), labels, weight, settings.dice_weight, settings.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parser.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            _average(average, parser, min(settings.ema, (schedule.last_epoch + 1) / (schedule.last_epoch + 10)))
            losses.append(loss.item())
        line = {
            "epoch": epoch + 1,
            "loss": sum(losses) / steps,
            "view": size,
            "s": time.perf_counter() - began,
        }
        with (out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        _checkpoint(out / "checkpoint.pt", state, settings, epoch + 1)
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


def _checkpoint(path: Path, state: Mapping[str, object], settings: TrainingSettings, epoch: int) -> None:
    content = {name: part.state_dict() for name, part in state.items()}  # type: ignore[attr-defined]
    partial = path.with_suffix(".partial")
    torch.save({**content, "epoch": epoch, "settings": asdict(settings)}, partial)
    partial.replace(path)


def _resume(path: Path, state: Mapping[str, object], settings: TrainingSettings) -> int:
    """Epochs done: 0 without a checkpoint."""
    if not path.is_file():
        return 0
    content = torch.load(path, weights_only=True)
    if content["settings"] != asdict(settings):
        raise ValueError(f"{path} belongs to a run with other settings: choose another folder, or remove it")
    for name, part in state.items():
        part.load_state_dict(content[name])  # type: ignore[attr-defined]
    return int(content["epoch"])


def main(arguments: list[str] | None = None) -> None:
    """The command: read faces, train, save; prints where the weights are."""
    cli = argparse.ArgumentParser(prog="python -m fakelocator_zoo.training.face_parser", description=__doc__)
    cli.add_argument("--images", type=Path, required=True, help="folder of photos")
    labels = cli.add_mutually_exclusive_group(required=True)
    labels.add_argument("--masks", type=Path, help="folder of palette PNGs named like the photos (CelebAMask-HQ)")
    labels.add_argument("--landmarks", type=Path, help="folder of .tem files of 189 points (London set)")
    cli.add_argument("--out", type=Path, required=True, help="folder for weights, log and checkpoint")
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
        faces = read_celebamask(given["images"], given["masks"], skip_last=given["skip_last"])
        parts = PARTS
    else:
        faces = read_landmarks(given["images"], given["landmarks"], skip_last=given["skip_last"])
        parts = LANDMARK_PARTS
    torch.manual_seed(settings.seed)
    parser = FaceParser(parts, given["encoder"], side=settings.frame)
    if given["start_from"]:
        parser.load_state_dict(FaceParser.from_pretrained(given["start_from"]).state_dict())
    train_face_parser(faces, given["out"], parser, settings, read_scenery(given["scenery"]))
    sys.stdout.write(f"{given['out']}\n")


if __name__ == "__main__":
    main()
