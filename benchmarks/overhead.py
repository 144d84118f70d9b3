"""What a FakeLocator costs beside ``smp.Unet`` with the same encoder, channels and upsampling, in one run.

Every model sees the same image; models take turns, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import segmentation_models_pytorch as smp
import torch
from report import markdown_table, write_results
from torch import nn

from fakelocator_zoo.models.fakelocator import FakeLocator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="tu-mobilenetv4_conv_small")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--upsampling", default="bilinear", choices=["bilinear", "nearest"])
    parser.add_argument("--decoder-channels", type=int, nargs="+", default=[256, 128, 64, 32, 16])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    models = build(options.encoder, options.upsampling, options.decoder_channels)
    images = torch.rand(options.batch, 3, options.size, options.size)
    seconds = measure(models, images, options.rounds)
    base = seconds["smp.Unet"]
    ratios = {name: median(a / b for a, b in zip(times, base, strict=True)) for name, times in seconds.items()}
    rows = [
        [name, f"{median(times) * 1e3:.1f}", f"{ratios[name]:.2f}", f"{parameters(models[name]) / 1e6:.2f}"]
        for name, times in seconds.items()
    ]
    table = markdown_table(["model", "ms a batch (median)", "times smp.Unet (median of rounds)", "M parameters"], rows)
    title = f"Overhead of {options.encoder} at {options.size} x {options.size}, batch {options.batch}, "
    title += f"{options.threads} threads"
    write_results("overhead", title, table, {"ratios": ratios, "seconds": seconds}, seed=0)


def build(encoder: str, upsampling: str, channels: list[int]) -> dict[str, nn.Module]:
    """The networks that are compared, with random weights (speed does not depend on them)."""
    shared = {"encoder_weights": None, "decoder_channels": channels}
    ours = {**shared, "decoder_upsampling": upsampling}
    models: dict[str, nn.Module] = {
        "smp.Unet": smp.Unet(encoder, **shared, decoder_interpolation=upsampling),
        "FakeLocator, plain": FakeLocator(encoder, **ours, texture_stem=None),
        "FakeLocator, texture stem": FakeLocator(encoder, **ours),
        "FakeLocator, stem and parser": FakeLocator(encoder, **ours, attention="face"),
    }
    return {name: model.eval() for name, model in models.items()}


@torch.inference_mode()
def measure(models: dict[str, nn.Module], images: torch.Tensor, rounds: int) -> dict[str, list[float]]:
    """Seconds of each forward pass, after three that are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(rounds + 3):
        for name, model in models.items():
            start = time.perf_counter()
            model(images)
            if turn >= 3:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def parameters(model: nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


if __name__ == "__main__":
    main()
