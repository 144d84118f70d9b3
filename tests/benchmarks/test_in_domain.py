"""Fine-tuning on one generator: who is trained on, who is tested on, what is learnt."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.harness import in_domain
from benchmarks.harness.cells import Skipped, run_cells
from benchmarks.harness.in_domain import FINE_TUNED, domains, fine_tune, fine_tuning_recipe
from benchmarks.harness.options import BenchOptions
from benchmarks.harness.rivals import load_model
from fakelocator_zoo.evaluation.samples import read_pairs
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.training.task import FakeLocatorTask


def test_nobody_is_on_both_sides(options: BenchOptions) -> None:
    found = list(domains(replace(options, limit=4)))
    assert [domain.generator for domain in found] == ["dark", "smooth"]
    for domain in found:
        assert [each.name for each in domain.training.files] == ["anna", "bert"]
        (held_out,) = domain.test.generators.values()
        assert [each.name for each in held_out.files] == list(domain.test.photos.names) == ["cleo", "dora"]
        assert {each.fake.parent.name for each in (*domain.training.files, *held_out.files)} == {domain.generator}


def test_a_batch_is_half_real_half_fake_with_the_mask_on_disk(options: BenchOptions, tiny_model: FakeLocator) -> None:
    recipe = fine_tuning_recipe(options)
    samples = list(read_pairs(options.pairs).generators["dark"])  # type: ignore[arg-type]
    task = FakeLocatorTask(tiny_model, recipe).eval()  # no augmentation
    batch = in_domain._batch(task, samples, 3, "cpu")
    half = recipe.optimisation.batch_size // 2
    assert batch.images.shape == (2 * half, 3, options.size, options.size)
    real, fake, mask = batch.images[:half], batch.images[half:], batch.mask[half:]
    assert batch.label.tolist() == [0] * half + [1] * half
    assert batch.mask[:half].max() == 0 and batch.fakeness_map[:half].max() == 0
    assert all(each.max() == 1 for each in mask), "every crop holds something painted"
    changed = (real - fake).abs().mean(dim=1, keepdim=True)
    torch.testing.assert_close(batch.fakeness_map[half:], changed)
    assert changed[mask == 0].max() == 0
    again = in_domain._batch(task, samples, 3, "cpu")
    assert torch.equal(batch.images, again.images)
    assert not torch.equal(batch.images, in_domain._batch(task, samples, 4, "cpu").images)


def test_all_of_the_network_learns_and_the_loss_falls(options: BenchOptions, tiny_folder: Path) -> None:
    model = FakeLocator.from_pretrained(tiny_folder)
    before = {key: value.clone() for key, value in model.named_parameters()}
    statistics = {key: value.clone() for key, value in model.named_buffers() if "running_" in key}
    recipe = fine_tuning_recipe(replace(options, steps=60, quick=False))
    # Random weights have a longer way to go than those that are fine-tuned.
    recipe = replace(recipe, optimisation=replace(recipe.optimisation, learning_rate=3e-3))
    samples = list(read_pairs(options.pairs).generators["dark"])  # type: ignore[arg-type]

    def loss() -> float:
        task = FakeLocatorTask(model, recipe).eval()
        with torch.no_grad():
            return float(task.losses(in_domain._batch(task, samples, 10_000, "cpu"))["loss"])

    first = loss()
    fine_tune(model, samples, recipe)
    assert loss() < first and not model.training
    moved = {key for key, value in model.named_parameters() if not torch.equal(value, before[key])}
    for part in ("texture", "encoder", "decoder", "segmentation_head"):
        assert any(part in key for key in moved), part
    assert statistics, "the model has batch statistics"
    for key, value in model.named_buffers():
        assert "running_" not in key or torch.equal(value, statistics[key]), f"{key} follows a few small batches"


def test_rows_before_and_after_and_a_second_run_trains_nothing(
    options: BenchOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(options, limit=4)
    published = {key: value.clone() for key, value in load_model(options.models[0]).state_dict().items()}
    results = run_cells(in_domain.cells(options), tmp_path / "cells")
    assert list(results) == ["tiny/dark", "tiny/smooth"]
    section = in_domain.section(results, tmp_path)
    assert [row[:3] for row in section.rows] == [
        (generator, name, "2") for generator in ("dark", "smooth") for name in ("tiny", f"tiny{FINE_TUNED}")
    ]
    before, after = (dict(zip(section.columns, row, strict=True)) for row in section.rows[:2])
    assert before["Δ pixel AUC"] == "-" and "[" in after["Δ pixel AUC"]
    assert before["model"] != after["model"]
    published_part, tuned_part = results["tiny/dark"]["parts"]
    assert published_part["fakes"] != tuned_part["fakes"]
    assert "to train on (2)" in section.text
    # The model that others measure is as it was.
    assert all(torch.equal(value, published[key]) for key, value in load_model(options.models[0]).state_dict().items())

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(in_domain, "fine_tune", never)
    assert run_cells(in_domain.cells(options), tmp_path / "cells") == results
    # Killed after training and before its cell was written: the weights are there.
    assert run_cells(in_domain.cells(options), tmp_path / "other cells") == results


def _break(pairs: Path) -> None:
    (pairs / "fake/dark/anna.png").write_bytes(b"\x89PNG broken")


def _empty(pairs: Path) -> None:
    for path in pairs.rglob("*.png"):
        if path.stem != "anna":
            path.unlink()


@pytest.mark.parametrize(("change", "sentence"), [(_break, "anna.png"), (_empty, "another photo")])
def test_what_is_missing_is_said(
    options: BenchOptions, tmp_path: Path, change: Callable[[Path], None], sentence: str
) -> None:
    pairs = shutil.copytree(options.pairs, tmp_path / "pairs")  # type: ignore[arg-type]
    change(pairs)
    options = replace(options, pairs=pairs, limit=4, steps=1)
    try:
        text = in_domain.section(run_cells(in_domain.cells(options), tmp_path / "cells"), tmp_path).text
    except Skipped as reason:
        text = str(reason)
    assert sentence in text
