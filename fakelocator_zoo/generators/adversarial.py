"""Training of one generator by L1 and a small patch discriminator, which makes its output as sharp as a photo."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from fakelocator_zoo.generators.network import Generator


def patch_discriminator(width: int = 16) -> nn.Sequential:
    """Four spectrally normalised convolutions, images (B, 3, H, W) -> patch scores (B, 1, H/4, W/4)."""
    return nn.Sequential(
        spectral_norm(nn.Conv2d(3, width, 3, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(2 * width, 2 * width, 4, stride=2, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(2 * width, 1, 3, padding=1)),
    )


def train_generator(
    generator: Generator,
    crops: Iterator[Tensor],
    *,
    steps: int,
    adversarial_weight: float = 0.02,
    learning_rate: float = 5e-4,
) -> dict[str, float]:
    """Fit ``generator`` to re-synthesise real crops, in place.

    Args:
        crops: endless batches of real crops (B, 3, h, w) in [0, 1], on the generator's device.
        steps: optimiser steps; the discriminator starts after a quarter of them.
        adversarial_weight: of the hinge loss relative to L1; 0 trains without a discriminator: smooth output.

    Returns:
        ``l1``, the mean over the last tenth of the steps, and ``sharpness``, the energy of the pixel differences of
        the output over that of the photo.
    """
    device = next(generator.parameters()).device
    discriminator = patch_discriminator().to(device)
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=learning_rate, betas=(0.5, 0.99))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=learning_rate, betas=(0.5, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(g_optimizer, learning_rate * 2, total_steps=steps, pct_start=0.1)
    l1_total, sharp_fake, sharp_real = 0.0, 0.0, 0.0
    tail = max(1, steps // 10)
    generator.train()
    for step in range(steps):
        real = next(crops)
        fake = generator(real)
        l1 = (fake - real).abs().mean()
        loss = l1
        if adversarial_weight > 0 and step >= steps // 4:
            d_loss = (1 - discriminator(real)).relu().mean() + (1 + discriminator(fake.detach())).relu().mean()
            d_optimizer.zero_grad(set_to_none=True)
            d_loss.backward()
            d_optimizer.step()
            loss = l1 - adversarial_weight * discriminator(fake).mean()
        g_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        g_optimizer.step()
        schedule.step()
        if step >= steps - tail:
            l1_total += l1.item() / tail
            sharp_fake += _difference_energy(fake.detach())
            sharp_real += _difference_energy(real)
    generator.eval()
    return {"l1": l1_total, "sharpness": sharp_fake / max(sharp_real, 1e-12)}


def _difference_energy(images: Tensor) -> float:
    rows, columns = images.diff(dim=-2), images.diff(dim=-1)
    return float(rows.square().mean() + columns.square().mean())
