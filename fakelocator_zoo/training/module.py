"""The Lightning module over :class:`FakeLocatorTask`, and the callbacks of a run."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.utils import make_grid, save_image

from fakelocator_zoo.training.crops import Steps, TrainingCrops, TrainingItem, TrainingItems
from fakelocator_zoo.training.task import FakeLocatorTask
from fakelocator_zoo.training.validation import ValidationImage, total_score, validate

#: In the sample sheets maps are shown this much brighter; a map value of 0.15 is then white.
MAP_GAIN = 1 / 0.15


class FakeLocatorModule(lightning.LightningModule):
    """Trains a :class:`FakeLocatorTask`.

    Random numbers and crops of step n depend on (seed, n) alone, and on the rank of the process if there are several:
    a run that was killed and resumed from its last checkpoint ends with the weights of a run that was not.

    Args:
        task: the model and what makes its batches.
        crops: the items of the batches.
        workers: processes that read crops.
    """

    def __init__(self, task: FakeLocatorTask, crops: TrainingCrops, workers: int = 0) -> None:
        super().__init__()
        self.task = task
        self.crops = crops
        self.workers = workers

    def train_dataloader(self) -> DataLoader[TrainingItem]:
        """Batches of one epoch, from the step that the run is at; asked for anew at every epoch."""
        recipe = self.task.recipe
        ranks = self.trainer.global_rank, self.trainer.world_size
        count = min(recipe.validation.every, recipe.optimisation.steps - self.global_step)
        steps = Steps(self.global_step, count, recipe.optimisation.batch_size, *ranks)
        return DataLoader(
            self.crops, batch_sampler=steps, num_workers=self.workers, pin_memory=torch.cuda.is_available()
        )

    def training_step(self, items: TrainingItems, batch_index: int) -> Tensor:
        """One optimiser step."""
        torch.manual_seed((self.task.recipe.seed + 1) * 1_000_003 + self.global_step + self.global_rank * 999_999_937)
        start = time.perf_counter()
        batch = self.task.make_batch(items, self._strength())
        making = time.perf_counter() - start
        losses = self.task.losses(batch)
        logged = {f"train/{name}": value.detach() for name, value in losses.items()}
        self.log_dict(logged, on_epoch=True, on_step=False, sync_dist=True)
        self.log("train/making_seconds", making, on_epoch=True, on_step=False)
        self.log("loss", losses["loss"].detach(), prog_bar=True, logger=False)
        return losses["loss"]

    def _strength(self) -> float:
        ramp = self.task.recipe.ramp * self.task.recipe.optimisation.steps
        return 1.0 if ramp == 0 else min(1.0, self.global_step / ramp)

    def configure_optimizers(self) -> Any:
        """AdamW with linear warm-up over a tenth of the steps, then a cosine to zero."""
        options = self.task.recipe.optimisation
        parameters = [p for p in self.task.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=options.learning_rate, weight_decay=options.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _cosine(step, options.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Validation(Callback):
    """Scores the model on the validation images after every epoch and logs ``val/score``.

    Of several processes the first does it; the others wait for its scores, by which all choose the best checkpoint.
    """

    def __init__(self, images: Sequence[ValidationImage]) -> None:
        self.images = images

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        assert isinstance(module, FakeLocatorModule)
        figures: dict[str, float] = {}
        if trainer.is_global_zero:
            scores = validate(module.task.model, self.images)
            module.train()
            figures = {f"val/{g}/{k}": v for g, each in scores.items() for k, v in each._asdict().items() if v == v}
            figures["val/score"] = total_score(scores) if scores else 0.0
        module.log_dict(trainer.strategy.broadcast(figures))


class Clock(Callback):
    """Logs seconds a step and the share of them in which the network waits for crops."""

    def __init__(self) -> None:
        self.ended, self.waited, self.total = time.perf_counter(), 0.0, 0.0

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.ended, self.waited, self.total = time.perf_counter(), 0.0, 0.0

    def on_train_batch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any) -> None:
        self.waited += time.perf_counter() - self.ended

    def on_train_batch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any) -> None:
        now = time.perf_counter()
        self.total += now - self.ended
        self.ended = now

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        module.log("train/waiting_for_crops", self.waited / max(self.total, 1e-9))
        module.log("train/step_seconds", self.total / max(1, trainer.num_training_batches))


class SampleSheet(Callback):
    """Writes ``samples/epoch-NNN.png`` after every epoch: validation fakes, their true and their predicted maps."""

    def __init__(self, images: Sequence[ValidationImage], folder: Path, rows: int = 8) -> None:
        fakes = [item for item in images if item.truth is not None]
        self.items = fakes[:: max(1, len(fakes) // rows)][:rows]
        self.folder = folder

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        assert isinstance(module, FakeLocatorModule)
        if not self.items or not trainer.is_global_zero:
            return
        tiles = []
        for item in self.items:
            image = torch.from_numpy(item.image).permute(2, 0, 1).float()[None].to(module.device) / 255
            output = module.task.model.predict(image)
            assert item.truth is not None
            true = torch.from_numpy(item.truth)[None, None].to(image) * MAP_GAIN
            maps = (true, output.fakeness_map.float() * MAP_GAIN, output.p_fake.float())
            row = torch.cat([image, *(each.clamp(0, 1).expand_as(image) for each in maps)])
            tiles.append(torch.nn.functional.interpolate(row, size=(192, 192), mode="area"))
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"epoch-{trainer.current_epoch:03d}.png"
        temporary = path.with_suffix(f".{os.getpid()}.tmp.png")
        save_image(make_grid(torch.cat(tiles), nrow=4, padding=4, pad_value=1.0), temporary)
        temporary.replace(path)


def _cosine(step: int, steps: int, warm_up: float = 0.1) -> float:
    first = max(1, int(steps * warm_up))
    if step < first:
        return (step + 1) / first
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - first) / max(1, steps - first))))
