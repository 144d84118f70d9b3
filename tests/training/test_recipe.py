"""Recipes are checked before anything runs."""

from pathlib import Path

import pytest

from fakelocator_zoo.training.recipe import load_recipe, parse_recipe


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_recipe_is_read_with_its_defaults(tmp_path):
    recipe = load_recipe(write(tmp_path, "data: {photos: [faces]}\noptimisation: {steps: 5, learning_rate: 1}\n"))
    assert recipe.data.photos == ("faces",) and recipe.optimisation.steps == 5
    assert recipe.optimisation.learning_rate == 1.0 and recipe.loss.kind == "l1"


def test_a_recipe_survives_its_own_dictionary():
    recipe = parse_recipe({"data": {"photos": ["a"]}, "model": {"encoder_name": "resnet18"}, "seed": 3})
    assert parse_recipe(recipe.to_dict() | {"data": {"photos": ["a"]}}) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {photos: [a]}\noptimization: {}", "did you mean 'optimisation'"),
        ("data: {photos: [a], sise: 3}", r"unknown key 'data\.sise'; did you mean 'size'"),
        ("data: {photos: a}", r"data\.photos must be a list"),
        ("data: {photos: [a]}\nseed: yes", "seed must be int"),
        ("data: {photos: [a]}\noptimisation: {learning_rate: 1e-3}", "write 1.0e-3"),
        ("data: {photos: [a]}\noptimisation: {batch_size: 3}", "even"),
        ("data: {photos: [a], size: 31}", "at least 32"),
        ("data: {}", "either photos, or pairs"),
        ("data: {dataset: a, balanced: true}", r"data\.balanced belongs to data\.photos"),
        ("data: {photos: [a]}\noptimisation: {texture_size: 31}", "texture_size must be even and at least 32"),
        ("data: {dataset: a}\noptimisation: {texture_size: 64}", "texture_size belongs to data.photos"),
        ("data: {photos: [a]}\noptimisation: {texture_size: 64, texture_steps: 150}", "multiple of steps_per_epoch"),
        ("data: {dataset: a, texture_head_photos: [b]}", r"texture_head_photos come beside data\.photos"),
        ("data: {photos: [a], texture_head_photos: [b]}", "belong to optimisation.texture_head_steps"),
        (
            "data: {photos: [a], texture_head_photos: [b]}\noptimisation: {texture_steps: 50, texture_head_steps: 50}",
            "come and go between epochs alone",
        ),
        ("data: {photos: [a]}\ndegradation: 1.5", r"degradation must lie in \[0, 1\]"),
        ("data: {photos: [a]}\ntexture_teachers: [b]", "set optimisation.texture_steps"),
        ("data: {photos: [a]}\noptimisation: {texture_gain: 2.0}", "texture_gain belongs to texture_steps"),
        ("data: {photos: [a]}\noptimisation: {texture_gain: 0.0}", "texture_gain must be more than 0"),
        ("data: {pairs_real: a}", "come together"),
        ("data: {photos: [a], dataset: b}", "or dataset"),
        ("data: {photos: [a], split: train}", r"data\.split belongs to data\.dataset"),
        ("data: {dataset: a, method: [b]}", "did you mean 'methods'"),
        ("data: {dataset: a, frames_per_video: 0}", "at least 1"),
        ("data: {dataset: a, validation_share: 1}", "between 0 and 1"),
        ("data: [", "is not YAML"),
        ("- 1", "must be a mapping"),
    ],
)
def test_mistakes_are_told(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_recipe(write(tmp_path, text))


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nope\.yaml"):
        load_recipe(tmp_path / "nope.yaml")
