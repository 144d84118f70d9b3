"""The Lightning module over :class:`FakeLocatorTask`, and the callbacks of a run."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torchmetrics.classification import BinaryAUROC
from torchvision.utils import make_grid, save_image

from fakelocator_zoo.data.pairs import PairSample
from fakelocator_zoo.training.recipe import OptimisationRecipe
from fakelocator_zoo.training.task import FakeLocatorTask, TrainingBatch

#: In the sample sheets maps are shown this much brighter; a map value of 0.15 is then white.
MAP_GAIN = 1 / 0.15


class FakeLocatorModule(lightning.LightningModule):
    """Trains a :class:`FakeLocatorTask`.

    All chance of step n comes from (seed, n), and all crops from (seed, epoch, index), so a run that was
    killed and resumed from its last checkpoint ends with the very weights of a run that was not.
    """

    def __init__(self, task: FakeLocatorTask) -> None:
        super().__init__()
        self.task = task
        self.pixel_auc = BinaryAUROC(thresholds=200)
        self.image_auc = BinaryAUROC()

    def training_step(self, batch: Tensor | PairSample, batch_index: int) -> Tensor:
        """One optimiser step on real crops or pairs."""
        with torch.no_grad():
            self._seed(self.global_step)
            prepared = self.task.make_batch(batch, self.global_step)
        losses = self.task.training_losses(prepared, self.global_step)
        self.log_dict({f"train/{name}": value for name, value in losses.items()}, on_epoch=True, on_step=False)
        self.log("loss", losses["loss"].detach(), prog_bar=True, logger=False)
        return losses["loss"]

    def validation_step(self, batch: Tensor | PairSample, batch_index: int) -> None:
        """Loss, pixel AUC over the fakes, and image AUC on fakes that are the same after every epoch."""
        prepared = self.validation_batch(batch, batch_index)
        output = self.task.model(prepared.images)
        losses = self.task.losses(prepared)
        fake = prepared.label == 1
        self.pixel_auc.update(output.fakeness_map[fake].float().flatten(), (prepared.mask[fake] > 0.5).flatten())
        self.image_auc.update(output.logits.float().softmax(dim=1)[:, 1], prepared.label)
        size = len(prepared.label)
        self.log_dict({f"val/{name}": value for name, value in losses.items()}, batch_size=size)
        self.log_dict({"val/pixel_auc": self.pixel_auc, "val/image_auc": self.image_auc}, batch_size=size)

    def validation_batch(self, batch: Tensor | PairSample, batch_index: int) -> TrainingBatch:
        """The prepared batch of a validation step; without augmentation, as the module is in eval mode."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(batch_index)
            return self.task.make_batch(batch, self.global_step)

    def configure_optimizers(self) -> Any:
        """AdamW; each phase warms up and decays on its own."""
        options = self.task.recipe.optimisation
        texture = [] if self.task.model.texture is None else list(self.task.model.texture.parameters())
        inside = {id(parameter) for parameter in texture}
        # Over a texture stem the decision is a few weights, which have far to go.
        decision = list(self.task.model.classification_head.parameters()) if texture else []
        inside |= {id(parameter) for parameter in decision}
        rest = [p for p in self.task.model.parameters() if id(p) not in inside and p.requires_grad]
        groups = [{"params": rest, "lr": options.learning_rate}]
        factors = [lambda step: _cosine(step - options.stem_steps, options.steps)]
        if texture:
            groups.append({"params": decision, "lr": 20 * options.learning_rate, "weight_decay": 0.0})
            factors.append(factors[0])
            groups.append({"params": texture, "lr": options.texture_learning_rate})
            factors.append(lambda step: _texture_factor(step, options))
        optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _seed(self, step: int) -> None:
        torch.manual_seed((self.task.recipe.seed + 1) * 1_000_003 + step)


class EpochOfCrops(Callback):
    """Tells the data set which epoch it is in, so that every epoch has its own crops, resumed or not.

    Photos are cropped to ``texture_size`` while the stem is trained alone: what was reduced more is sharper.

    Args:
        texture_head_weights: of the photos, in the phase of the stem's head; see :meth:`PhotoCrops.weigh`. None leaves
            the weights of a data set as they are throughout.
    """

    def __init__(self, texture_head_weights: Sequence[float] | None = None) -> None:
        self.texture_head_weights = texture_head_weights

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Keep the weights that the data set has in every other phase."""
        if self.texture_head_weights is not None:
            self.weights = trainer.train_dataloader.dataset.chances  # type: ignore[union-attr]

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        assert isinstance(module, FakeLocatorModule)
        crops = trainer.train_dataloader.dataset  # type: ignore[union-attr]
        crops.epoch = trainer.current_epoch
        recipe = module.task.recipe
        phase = recipe.optimisation.phase(module.global_step)
        if recipe.optimisation.texture_size:
            crops.size = recipe.data.size if phase == "network" else recipe.optimisation.texture_size
        if self.texture_head_weights is not None:
            crops.weigh(self.texture_head_weights if phase == "texture_head" else self.weights)

    def on_train_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """What is fitted to the crops afterwards gets those of the whole network."""
        if self.texture_head_weights is not None:
            trainer.train_dataloader.dataset.weigh(self.weights)  # type: ignore[union-attr]


class SampleSheet(Callback):
    """Writes ``samples/epoch-NNN.png`` after every epoch: real, image, true map, located map, one row each."""

    def __init__(self, folder: Path, rows: int = 8) -> None:
        self.folder = folder
        self.rows = rows

    def on_validation_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        assert isinstance(module, FakeLocatorModule)
        loader = trainer.val_dataloaders
        batch = module.transfer_batch_to_device(next(iter(loader)), module.device, 0)  # type: ignore[arg-type]
        prepared = module.validation_batch(batch, 0)
        with torch.inference_mode():
            located = module.task.model(prepared.images).fakeness_map.float()
        count = min(self.rows, len(located) // 2)
        # As many fakes as reals: an empty map of a real photo is half of the job.
        picked = [*range(-1, -1 - (count + 1) // 2, -1), *range(count // 2)]
        tiles = []
        for i in picked:
            true = (prepared.fakeness_map[i] * MAP_GAIN).clamp(0, 1).expand(3, -1, -1)
            found = (located[i] * MAP_GAIN).clamp(0, 1).expand(3, -1, -1)
            tiles += [prepared.images[i], true, found]
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"epoch-{trainer.current_epoch:03d}.png"
        temporary = path.with_suffix(f".{os.getpid()}.tmp.png")
        save_image(make_grid(torch.stack(tiles), nrow=6, padding=4, pad_value=1.0), temporary)
        temporary.replace(path)


def _texture_factor(step: int, options: OptimisationRecipe) -> float:
    """Of the stem's learning rate; after phases of its own it is only refined, at a tenth."""
    if step < options.texture_steps:
        return _cosine(step, options.texture_steps)
    if step < options.stem_steps:
        return _cosine(step - options.texture_steps, options.texture_head_steps)
    return (0.1 if options.stem_steps else 1.0) * _cosine(step - options.stem_steps, options.steps)


def _cosine(step: int, steps: int, warm_up: float = 0.1) -> float:
    """Linear warm-up over a tenth of the steps, then a cosine to zero; 0 before the first step."""
    if step < 0 or steps <= 0:
        return 0.0
    first = max(1, int(steps * warm_up))
    if step < first:
        return (step + 1) / first
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - first) / max(1, steps - first))))
