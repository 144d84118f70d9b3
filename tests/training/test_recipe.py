from __future__ import annotations

import pytest

from fakelocator_zoo.training.recipe import load_recipe, parse_recipe

DATA = {"photos": {"faces": 1.0}, "pairs": {"gan": {"real": "real", "fake": "fake"}}, "whole": {"stylegan": "whole"}}


def test_defaults_stand_where_a_recipe_says_nothing():
    recipe = parse_recipe({"data": DATA})
    assert recipe.loss.kind in ("l1", "l2") and recipe.optimisation.batch_size % 2 == 0
    assert set(recipe.fakes.probabilities) >= {"weight_noise", "faint", "sharpness"}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "data: field required"),
        ({"data": {}}, "needs photos, pairs or dataset"),
        ({"data": DATA, "optimization": {}}, "unknown key 'optimization'; did you mean 'optimisation'"),
        ({"data": DATA, "optimisation": {"step": 3}}, "unknown key 'optimisation.step'; did you mean 'steps'"),
        ({"data": DATA, "optimisation": {"batch_size": 3}}, "batch_size must be even"),
        ({"data": DATA, "optimisation": {"learning_rate": "1e-3"}}, r"write 1.0e-3 for 1e-3"),
        ({"data": DATA, "optimisation": {"steps": 0}}, "optimisation.steps: .*greater than or equal to 1, got 0"),
        ({"data": {**DATA, "size": 33}}, "size must be even"),
        ({"data": {**DATA, "split": "train"}}, "split belongs to dataset"),
        ({"data": DATA, "fakes": {"bank": ["nearest-l9"]}}, "unknown generator 'nearest-l9'; did you mean 'nearest-l"),
        ({"data": DATA, "validation": {"generators": ["gam"]}}, r"'gam' is no generator of data.pairs or data.whole"),
        ({"data": {**DATA, "whole": {"gan": "whole"}}}, "'gan' is in data.pairs and in data.whole"),
        ({"data": DATA, "loss": {"kind": "dice"}}, "loss.kind: input should be 'l1' or 'l2', got 'dice'"),
    ],
)
def test_a_bad_recipe_is_one_sentence(values, sentence):
    with pytest.raises(ValueError, match=sentence) as raised:
        parse_recipe(values)
    assert "\n" not in str(raised.value)


def test_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_recipe(tmp_path / "none.yaml")
    path = tmp_path / "recipe.yaml"
    path.write_text("data: [")
    with pytest.raises(ValueError, match="is not YAML"):
        load_recipe(path)
    path.write_text("data: {photos: {faces: 1.0}}")
    assert load_recipe(path).data.photos == {"faces": 1.0}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nmodel: {c: [*b, *b]}\n", "alias"),
        ("[" * 100_000, "is not YAML"),
        ("seed: 2001-99-99", "is not YAML"),
        (f"data: {{photos: [{'x, ' * 10_000}]}}", "data.photos"),
        ("data: !!python/object/apply:os.system [ls]", "is not YAML"),
    ],
)
def test_hostile_files_are_refused_in_one_short_sentence(tmp_path, text, sentence):
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(ValueError, match=sentence) as raised:
        load_recipe(tmp_path / "recipe.yaml")
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500
