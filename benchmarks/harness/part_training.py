"""Short trainings on manipulations of one face part, with and without attention, for the table `cross-attribute`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.part_fakes import MANIPULATED, PartFaces, PartFakes
from benchmarks.harness.part_tests import chosen_attention
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.losses import fakelocator_losses
from fakelocator_zoo.training.recipe import LossRecipe
from fakelocator_zoo.transforms.fakeness_map import fakeness_map

#: What attention is: none; to all of MANIPULATED, in training and test alike (what can be manipulated, as in the
#: paper); or to the part that is painted, switched to the suspected part in the test.
NONE, FACE, PART = "none", "face", "part"
#: Small enough for many trainings on one core.
_SMALL: dict[str, Any] = {"encoder_name": "tu-mobilenetv4_conv_small_050", "encoder_weights": None}
#: The paper's plain network.
PLAIN_NETWORK: dict[str, Any] = {
    **_SMALL,
    "encoder_depth": 4,
    "decoder_channels": [16, 12, 8, 8],
    "texture_stem": None,
}
#: What the published models are: a texture stem finds the painted pixels, encoder and decoder say how much they were
#: changed, which takes less of them.
STEM_NETWORK: dict[str, Any] = {
    **_SMALL,
    "encoder_depth": 3,
    "decoder_channels": [16, 8, 8],
    "texture_stem": 16,
}
BATCH_SIZE = 16  # half real, half fake
LEARNING_RATE = 2e-3
LOSS = LossRecipe(kind="l2", map_scale=10.0, classification_weight=0.5)


def attended_parts(attention: str, suspected: tuple[str, ...]) -> tuple[str, ...] | None:
    """The parts that a model trained with ``attention`` attends to where ``suspected`` ones are asked for."""
    return {NONE: None, FACE: MANIPULATED, PART: suspected}[attention]


def train_on_part(
    faces: PartFaces, fakes: PartFakes, part: str, attention: str, steps: int, seed: int, network: dict[str, Any]
) -> FakeLocator:
    """A model in eval mode; weights and batches are the same for every ``attention``.

    Args:
        faces: photos; half of a batch.
        fakes: of ``part``; the other half.
        attention: NONE, FACE or PART.
        network: arguments of :class:`FakeLocator`.
    """
    torch.manual_seed(seed)
    # On a CPU this takes little more than half the time of the other layout.
    model = FakeLocator(**network).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.01)
    # Two steps are the least that this schedule takes.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=max(2, steps), pct_start=0.1)
    random = torch.Generator().manual_seed(seed)
    half = BATCH_SIZE // 2
    label = torch.tensor([0] * half + [1] * half)
    attended = attended_parts(attention, (part,))
    for _ in range(steps):
        real = torch.randint(len(faces.images), (half,), generator=random)
        fake = torch.randint(len(fakes.images), (half,), generator=random)
        mirrored = bool(torch.rand(1, generator=random) < 0.5)
        images, true_map, mask, attention_map = _batch(faces, fakes, real, fake, attended, mirrored)
        losses = fakelocator_losses(
            model(images, attention_map),
            true_map,
            mask,
            label,
            # Where the change is known: in the fake region alone. It is asked for beside a texture stem only.
            change=true_map,
            known=mask,
            kind=LOSS.kind,  # type: ignore[arg-type]
            map_scale=LOSS.map_scale,
            classification_weight=LOSS.classification_weight,
        )
        optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def _batch(
    faces: PartFaces,
    fakes: PartFakes,
    real: Tensor,
    fake: Tensor,
    attended: tuple[str, ...] | None,
    mirrored: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Images, fakeness maps, masks and attention of the photos ``real`` (M,) and the fakes ``fake`` (M,)."""
    sources = fakes.faces[fake]
    images = torch.cat([faces.images[real], fakes.images[fake]])
    true_map = fakeness_map(torch.cat([faces.images[real], faces.images[sources]]), images)
    mask = torch.cat([torch.zeros_like(fakes.mask[fake]), fakes.mask[fake]]).float() / 255
    attention = None
    if attended is not None:
        attention = chosen_attention(faces.attention[torch.cat([real, sources])], attended)
    pixels = images.float() / 255
    if mirrored:
        pixels, true_map, mask = pixels.flip(-1), true_map.flip(-1), mask.flip(-1)
        attention = None if attention is None else attention.flip(-1)
    return pixels.contiguous(memory_format=torch.channels_last), true_map, mask, attention
