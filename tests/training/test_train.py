"""A run trains, logs, shows sample maps, and goes on exactly where it was killed."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from fakelocator_zoo.data.pairs import PairSample
from fakelocator_zoo.generators.network import Generator
from fakelocator_zoo.models.fakelocator import FakeLocator
from fakelocator_zoo.models.texture import TextureStem
from fakelocator_zoo.training.recipe import parse_recipe
from fakelocator_zoo.training.task import FakeLocatorTask, teaching_loss

TINY = {"encoder_name": "tu-test_resnet", "encoder_weights": None, "decoder_channels": [8, 8, 8, 8, 8]}
RECIPE = {
    "model": TINY,
    "data": {"photos": ["photos"], "size": 32},
    "generators": {"names": ["nearest-l1", "transposed3-l1"], "steps": 2},
    "optimisation": {"steps": 4, "texture_steps": 2, "batch_size": 4, "steps_per_epoch": 2, "freeze_texture": True},
    "decision_crops": 2,
}


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("photos", "real", "fake"):
        (tmp_path / folder).mkdir()
    for i in range(4):
        photo = rng.integers(0, 256, (60, 50, 3), dtype=np.uint8)
        Image.fromarray(photo).save(tmp_path / "photos" / f"{i}.png")
        Image.fromarray(photo).save(tmp_path / "real" / f"{i}.png")
        photo[10:30, 10:30] //= 2
        Image.fromarray(photo).save(tmp_path / "fake" / f"{i}.png")
    return tmp_path


def task(recipe=RECIPE) -> FakeLocatorTask:
    torch.manual_seed(0)
    parsed = parse_recipe(recipe)
    return FakeLocatorTask(FakeLocator(**parsed.model), parsed, [Generator("nearest", 1, 8).eval()])


def test_a_batch_is_half_real_half_fake():
    batch = task().eval().make_batch(torch.rand(6, 3, 32, 32), 0)
    assert batch.label.tolist() == [0, 0, 0, 1, 1, 1]
    assert batch.fakeness_map[:3].max() == 0 and batch.mask[:3].max() == 0
    assert bool((batch.fakeness_map[3:].flatten(1).amax(dim=1) > 0).all())


def test_the_robust_recipe_degrades_after_the_fakes_are_made():
    robust = task(RECIPE | {"degradation": 1.0, "partial_augmentation": 0.0})
    crops = torch.rand(8, 3, 64, 64)
    assert torch.equal(robust.eval().make_batch(crops, 9).images[:4], crops[:4]), "validation photos stay as they are"
    batch = robust.train().make_batch(crops, 9)
    assert batch.images.shape[-2:] == batch.mask.shape[-2:] == batch.change.shape[-2:]
    assert batch.images.shape != crops.shape or bool((batch.images[:4] != crops[:4]).any())


def test_pairs_are_used_as_they_are():
    real, fake = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    sample = PairSample(real, fake, (real - fake).abs().mean(dim=1, keepdim=True))
    batch = task().eval().make_batch(sample, 0)
    assert torch.equal(batch.images, torch.cat([real, fake]))
    assert torch.equal(batch.fakeness_map[2:], sample.fakeness_map)


def test_first_the_stem_alone_then_the_rest_with_the_stem_frozen():
    trained = task().train()
    batch = trained.make_batch(torch.rand(4, 3, 32, 32), 0)
    assert set(trained.training_losses(batch, 0)) == {"texture", "loss"}
    losses = trained.training_losses(batch, 2)
    assert set(losses) == {"map", "classification", "texture", "loss"}
    losses["loss"].backward()
    model = trained.model
    assert all(p.grad is None for p in model.texture.parameters())
    assert all(p.grad is not None for p in model.segmentation_head.parameters())


def test_in_its_own_phase_the_head_of_the_stem_starts_anew_on_frozen_features():
    options = RECIPE["optimisation"] | {"texture_head_steps": 2, "freeze_texture": False}
    trained = task(RECIPE | {"optimisation": options, "texture_head_augmentation": 1.0}).train()
    stem = trained.model.texture
    batch = trained.make_batch(torch.rand(4, 3, 32, 32), 2)
    before = {name: value.clone() for name, value in stem.state_dict().items()}
    losses = trained.training_losses(batch, 2)
    assert set(losses) == {"texture", "loss"}
    losses["loss"].backward()
    learning = {name for name, parameter in stem.named_parameters() if parameter.grad is not None}
    assert learning == {f"head.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")}
    changed = {name for name, value in stem.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == learning, "drawn anew, and no batch statistics either"
    again = {name: value.clone() for name, value in stem.state_dict().items()}
    trained.training_losses(batch, 3)
    assert all(torch.equal(value, again[name]) for name, value in stem.state_dict().items()), "once alone"
    trained.training_losses(batch, 4)["loss"].backward()
    assert all(parameter.grad is not None for parameter in stem.parameters()), "afterwards all of it is refined"


def test_each_phase_augments_real_images_in_its_own_way():
    options = RECIPE["optimisation"] | {"texture_head_steps": 2}
    trained = task(RECIPE | {"optimisation": options, "texture_head_augmentation": 1.0}).train()
    crops = torch.rand(16, 3, 32, 32)
    assert torch.equal(trained.make_batch(crops, 1).images[:8], crops[:8]), "texture_augmentation is 0"
    changed = (trained.make_batch(crops, 2).images[:8] != crops[:8]).flatten(1)
    assert bool(changed.any()), "texture_head_augmentation is 1"
    assert not bool(changed[:, 0].logical_xor(changed.float().mean(dim=1) > 0.5).any()), "all over, or not at all"


@pytest.mark.parametrize("phase", ["texture_steps", "texture_head_steps"])
def test_texture_steps_need_a_stem(phase):
    with pytest.raises(ValueError, match="the model has none"):
        task(RECIPE | {"model": TINY | {"texture_stem": None}, "optimisation": {phase: 2}})


def test_a_plain_loop_lowers_the_loss():
    trained = task(RECIPE | {"optimisation": {"batch_size": 8}, "partial_augmentation": 0.0}).train()
    optimizer = torch.optim.Adam(trained.model.parameters(), 3e-3)
    batch = trained.make_batch(torch.rand(8, 3, 32, 32), 0)
    history = []
    for step in range(50):
        loss = trained.training_losses(batch, step)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.7 * history[0]


def run(data, out, **options):
    from fakelocator_zoo.training.run import train

    return train(parse_recipe(RECIPE), data, out, bank=data / "bank", device="cpu", progress=False, **options)


def test_a_run_leaves_a_model_a_log_and_sheets(data):
    told: list[str] = []
    folder = run(data, data / "run", report=told.append)
    images = torch.rand(1, 3, 40, 40)
    assert FakeLocator.from_pretrained(folder)(images).fakeness_map.shape == (1, 1, 40, 40)
    assert len(list((data / "run" / "samples").glob("epoch-*.png"))) == 3
    rows = list(csv.DictReader((data / "run" / "log" / "version_0" / "metrics.csv").open()))
    assert {"train/loss", "val/pixel_auc", "val/image_auc"} <= set(rows[0])
    assert any("nearest-l1" in line for line in told)
    assert run(data, data / "run", report=told.append) == folder and "finished already" in told[-1]


def test_a_killed_run_ends_with_the_same_weights(data, monkeypatch):
    from fakelocator_zoo.training.lightning import FakeLocatorModule

    whole = FakeLocator.from_pretrained(run(data, data / "whole", report=lambda _: None)).state_dict()
    real_step = FakeLocatorModule.training_step

    def dies_at_step_five(self, batch, batch_index):
        if self.global_step == 5:
            raise SystemExit("killed")
        return real_step(self, batch, batch_index)

    monkeypatch.setattr(FakeLocatorModule, "training_step", dies_at_step_five)
    with pytest.raises(SystemExit):
        run(data, data / "killed", report=lambda _: None)
    monkeypatch.undo()
    told: list[str] = []
    resumed = FakeLocator.from_pretrained(run(data, data / "killed", report=told.append)).state_dict()
    assert any("resuming" in line for line in told)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_teachers_see_images_before_they_are_degraded():
    recipe = parse_recipe(RECIPE | {"degradation": 1.0, "texture_teachers": ["a model"]})
    torch.manual_seed(0)
    teachers = [TextureStem(8), TextureStem(8)]
    taught = FakeLocatorTask(FakeLocator(**recipe.model), recipe, [Generator("nearest", 1, 8).eval()], teachers).train()
    crops, seen = torch.rand(8, 3, 64, 64), []
    teachers[0].register_forward_hook(lambda _, images, output: seen.append((images[0], output.logits)))
    batch = taught.make_batch(crops, 0)
    images, logits = seen[0]
    assert torch.equal(images[:4], crops[:4]) and not teachers[0].training
    if batch.images.shape == crops.shape:
        mean = (logits + teachers[1](images).logits) / 2
        torch.testing.assert_close(torch.nn.functional.interpolate(batch.taught, scale_factor=0.5, mode="area"), mean)
    assert batch.taught.shape == batch.mask.shape
    losses = taught.training_losses(batch, 0)
    torch.testing.assert_close(losses["loss"], 0.5 * losses["texture"] + losses["taught"])
    assert taught.make_batch(crops, 2).taught is None, "the stem is no longer alone"
    assert taught.eval().make_batch(crops, 0).taught is None


def test_a_stem_that_says_what_its_teachers_say_has_nothing_to_learn_of_them():
    taught = torch.tensor([-3.0, 0.0, 2.0]).view(1, 1, 1, 3)
    same = taught.clone().requires_grad_()
    teaching_loss(same, taught).backward()
    assert float(same.grad.abs().max()) < 1e-6
    assert teaching_loss(taught + 1, taught) > teaching_loss(taught, taught)


def test_a_run_with_teachers(data):
    from fakelocator_zoo.training.run import train

    source = run(data, data / "source", report=lambda _: None)
    recipe = parse_recipe(RECIPE | {"texture_teachers": [str(source)], "seed": 3})
    train(recipe, data, data / "run", bank=data / "bank", device="cpu", progress=False)
    with next((data / "run" / "log").rglob("metrics.csv")).open() as file:
        assert any(row.get("train/taught") for row in csv.DictReader(file))
    plain = FakeLocator(**{**TINY, "texture_stem": None})
    plain.save_pretrained(data / "plain")
    stemless = parse_recipe(RECIPE | {"texture_teachers": [str(data / "plain")]})
    with pytest.raises(ValueError, match="plain has no texture stem"):
        train(stemless, data, data / "other", bank=data / "bank", device="cpu", progress=False)


def test_another_recipe_does_not_resume(data):
    from fakelocator_zoo.training.run import train

    run(data, data / "run", report=lambda _: None)
    with pytest.raises(ValueError, match="another recipe"):
        train(parse_recipe(RECIPE | {"seed": 7}), data, data / "run", progress=False)


def test_a_run_takes_the_texture_stem_of_a_model_and_its_decision(data):
    from fakelocator_zoo.training.run import train

    source = run(data, data / "source", report=lambda _: None)
    options = {"steps": 2, "batch_size": 4, "steps_per_epoch": 2, "freeze_texture": True}
    recipe = RECIPE | {"optimisation": options, "texture_from": str(source), "seed": 5}
    folder = train(parse_recipe(recipe), data, data / "run", bank=data / "bank", device="cpu", progress=False)
    models = [FakeLocator.from_pretrained(path) for path in (folder, source)]
    for part in ("texture", "classification_head"):  # both attend alike, so the decision comes with the stem
        taken, given = (getattr(model, part).state_dict() for model in models)
        assert all(torch.equal(taken[key], given[key]) for key in given)
    plain = parse_recipe(recipe | {"model": TINY | {"texture_stem": None}})
    with pytest.raises(ValueError, match="the recipe has no texture stem"):
        train(plain, data, data / "plain", bank=data / "bank", device="cpu", progress=False)


def test_a_head_of_its_own_on_the_features_of_a_model_and_a_gain(data):
    from fakelocator_zoo.training.run import train

    source = run(data, data / "source", report=lambda _: None)
    stems = []
    for gain in (1.0, 2.0):
        options = RECIPE["optimisation"] | {"texture_steps": 0, "texture_head_steps": 2, "texture_gain": gain}
        recipe = parse_recipe(RECIPE | {"optimisation": options, "texture_from": str(source), "seed": 5})
        out = data / f"gain-{gain}"
        folder = train(recipe, data, out, bank=data / "bank", device="cpu", progress=False)
        stems.append(FakeLocator.from_pretrained(folder).eval().texture)
    given = FakeLocator.from_pretrained(source).texture.state_dict()
    for name, value in stems[0].state_dict().items():
        assert torch.equal(value, given[name]) is not name.startswith("head."), name
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        once, twice = (stem(images).logits for stem in stems)
    torch.testing.assert_close(twice, 2 * once, rtol=1e-2, atol=1e-2)


def test_a_stem_under_other_attention_gets_a_decision_of_its_own(data):
    from fakelocator_zoo.training.run import train

    source = run(data, data / "source", report=lambda _: None)
    options = {"steps": 2, "batch_size": 4, "steps_per_epoch": 2, "freeze_texture": True}
    attending = TINY | {"attention": "face", "attention_mode": "prior"}
    recipe = parse_recipe(RECIPE | {"optimisation": options, "texture_from": str(source), "model": attending})
    told: list[str] = []
    train(recipe, data, data / "run", bank=data / "bank", device="cpu", progress=False, report=told.append)
    assert any(line.startswith("decision: fitted") for line in told)


def test_crops_have_a_size_of_their_own_while_the_stem_is_alone(data, monkeypatch):
    from fakelocator_zoo.training.run import train

    seen = []
    make_batch = FakeLocatorTask.make_batch

    def watched(self, crops, step):
        if self.training:
            seen.append((step, crops.shape[-1]))
        return make_batch(self, crops, step)

    monkeypatch.setattr(FakeLocatorTask, "make_batch", watched)
    recipe = RECIPE | {"optimisation": {**RECIPE["optimisation"], "texture_size": 48}}
    train(parse_recipe(recipe), data, data / "run", bank=data / "bank", device="cpu", progress=False)
    assert seen == [(0, 48), (1, 48), (2, 32), (3, 32), (4, 32), (5, 32)]


def test_more_photos_are_for_the_head_of_the_stem_alone(data, monkeypatch):
    from fakelocator_zoo.training import run as training_run

    (data / "white").mkdir()
    Image.new("RGB", (60, 50), "white").save(data / "white" / "0.png")
    white = dict.fromkeys(range(8), 0)
    make_batch = FakeLocatorTask.make_batch

    def watched(self, crops, step):
        if self.training:
            white[step] += int((crops.flatten(1).mean(dim=1) > 0.95).sum())
        return make_batch(self, crops, step)

    def fitted(model, crops, *_, **__):
        white["decision"] = crops.chances[-1]

    monkeypatch.setattr(FakeLocatorTask, "make_batch", watched)
    monkeypatch.setattr(training_run, "fit_decision", fitted)
    options = {**RECIPE["optimisation"], "batch_size": 8, "texture_head_steps": 2}
    for steps in (2, 0):
        white.update(dict.fromkeys(range(8), 0))
        recipe = RECIPE | {
            "data": {**RECIPE["data"], "texture_head_photos": ["white"]},
            "optimisation": {**options, "steps": steps},
        }
        out = data / f"run{steps}"
        training_run.train(parse_recipe(recipe), data, out, bank=data / "bank", device="cpu", progress=False)
        assert 4 <= white[2] + white[3] <= 12, "as many as of the other folder"
        assert sum(white.values()) == white[2] + white[3]


def test_training_on_pairs(data):
    from fakelocator_zoo.training.run import train

    recipe = parse_recipe(
        {
            "model": TINY,
            "data": {"pairs_real": "real", "pairs_fake": "fake", "size": 32},
            "optimisation": {"steps": 2, "batch_size": 4, "steps_per_epoch": 2},
        }
    )
    folder = train(recipe, data, data / "run", device="cpu", progress=False, report=lambda _: None)
    assert (folder / "model.safetensors").exists() and not (data / "run" / "bank").exists()
