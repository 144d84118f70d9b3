"""Recipes: the YAML files that say how a model is trained, checked before anything runs."""

from __future__ import annotations

import difflib
import reprlib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fakelocator_zoo.generators.bank import BANK

#: A value in a message is a few words, whatever it is.
_shown = reprlib.Repr()
_shown.maxlevel, _shown.maxstring = 2, 80


class _Section(BaseModel):
    """Unknown keys are errors; a run cannot change its recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PairSource(_Section):
    """Fakes of one generator with the real image of each; paths are relative to the data folder."""

    real: str  #: folder of real images
    fake: str  #: folder of fakes of the same size, matched by file name without suffix
    pattern: list[str] = ["*"]  #: the fakes taken, as shell patterns of names without suffix
    #: A real called NAME + real_suffix belongs to every fake whose name starts with NAME; empty: names are equal.
    real_suffix: str = ""
    weight: float = Field(default=1.0, ge=0)  #: how often it is drawn, relative to the other sources


class DataRecipe(_Section):
    """Real photos, fakes of trained generators, or a data set."""

    photos: dict[str, float] = {}  #: folder of real photos: how often it is drawn, relative to the others
    pairs: dict[str, PairSource] = {}  #: generator: its pairs
    whole: dict[str, str] = {}  #: generator: folder of images that it made as a whole
    dataset: str | None = None  #: a data set as ``fakelocator data check`` shows it
    layout: str | None = None  #: of the data set; None recognises it
    methods: list[str] = []  #: of the data set; none takes all
    split: str | None = None  #: of the data set, such as train, validated on its val; None takes all of it
    compression: str | None = None  #: of FaceForensics++
    frames_per_video: int = Field(default=8, ge=1)  #: of the data set, evenly spaced
    size: int = Field(default=128, ge=32)  #: side of the training crops in pixels

    @model_validator(mode="after")
    def _check(self) -> DataRecipe:
        if not self.photos and not self.pairs and self.dataset is None:
            raise ValueError("needs photos, pairs or dataset")
        for name in ("layout", "methods", "split", "compression"):
            if getattr(self, name) and self.dataset is None:
                raise ValueError(f"{name} belongs to dataset, which is not given")
        if self.size % 2:
            raise ValueError("size must be even")
        return self


class ValidationRecipe(_Section):
    """What is kept out of training: settings, checkpoint, temperature and threshold are chosen on it."""

    generators: list[str] = []  #: names of ``data.pairs`` and ``data.whole``
    #: Shell patterns of photos, relative to the data folder. Photos of a source that trains nothing show false alarms
    #: that photos of the training's sources hide.
    photos: list[str] = []
    every: int = Field(default=500, ge=1)  #: optimiser steps between two validations
    images: int = Field(default=24, ge=1)  #: of each generator, and half as many photos of each pattern
    side: int = Field(default=256, ge=64)  #: longest side in pixels, except for the threshold
    false_alarms: float = Field(default=0.01, gt=0, lt=1)  #: share of validation photos above the threshold
    threshold_photos: int = Field(default=32, ge=1)  #: of each pattern, to which the threshold is fitted, at most


class FakesRecipe(_Section):
    """Where the fakes of a batch come from, and how the bank makes them from photos."""

    bank_share: float = Field(default=0.6, ge=0)  #: of the fakes, made from photos by the bank
    pairs_share: float = Field(default=0.25, ge=0)  #: of the fakes, by generators of ``data.pairs``
    whole_share: float = Field(default=0.15, ge=0)  #: of the fakes, from ``data.whole``; no map target
    bank: list[str] = []  #: generators of the bank; empty takes all
    bank_steps: int = Field(default=1200, ge=1)  #: training of each generator that the bank's folder lacks
    other_content: float = Field(default=0.15, ge=0, le=1)  #: chance that a region shows another image's content
    other_colour: float = Field(default=0.1, ge=0, le=1)  #: chance of changed colours
    latent_edit: float = Field(default=0.3, ge=0, le=1)  #: chance of a changed latent
    refilter: float = Field(default=0.2, ge=0, le=1)  #: chance of one more random filter on what was painted
    residual: float = Field(default=0.25, ge=0, le=1)  #: chance that the generator's change is added to the photo
    weight_noise: float = Field(default=0.7, ge=0, le=1)  #: chance of noise on the decoder's weights
    two_generators: float = Field(default=0.3, ge=0, le=1)  #: chance that a fake is a mean of two generators
    sharpness: float = Field(default=0.5, ge=0, le=1)  #: chance that what was painted is sharpened or blurred
    faint: float = Field(default=0.5, ge=0, le=1)  #: chance that the change is blended with alpha < 1

    @model_validator(mode="after")
    def _check(self) -> FakesRecipe:
        unknown = [name for name in self.bank if name not in BANK]
        if unknown:
            close = difflib.get_close_matches(unknown[0], BANK, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the bank has {', '.join(BANK)}"
            raise ValueError(f"unknown generator {unknown[0]!r}; {hint}")
        return self

    @property
    def probabilities(self) -> dict[str, float]:
        """The keyword arguments of :func:`~fakelocator_zoo.generators.synthesis.make_fakes`."""
        return self.model_dump(exclude={"bank_share", "pairs_share", "whole_share", "bank", "bank_steps"})


class LossRecipe(_Section):
    """See :func:`fakelocator_zoo.training.losses.fakelocator_losses`."""

    kind: Literal["l1", "l2"] = "l2"
    map_weight: float = Field(default=1.0, ge=0)
    map_scale: float = Field(default=10.0, gt=0)
    p_fake_weight: float = Field(default=1.0, ge=0)
    texture_weight: float = Field(default=1.0, ge=0)
    classification_weight: float = Field(default=0.5, ge=0)
    whole_weight: float = Field(default=0.5, ge=0)


class OptimisationRecipe(_Section):
    """Steps, batches and learning rates."""

    steps: int = Field(default=4000, ge=1)
    batch_size: int = Field(default=16, ge=2)  #: images; half real, half fake
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0)  #: largest norm of the gradient

    @model_validator(mode="after")
    def _check(self) -> OptimisationRecipe:
        if self.batch_size % 2:
            raise ValueError("batch_size must be even: half real, half fake")
        return self


class Recipe(_Section):
    """Everything that a training run needs besides the data itself."""

    model: dict[str, Any] = {}  #: keyword arguments of FakeLocator
    data: DataRecipe
    validation: ValidationRecipe = ValidationRecipe()
    fakes: FakesRecipe = FakesRecipe()
    loss: LossRecipe = LossRecipe()
    optimisation: OptimisationRecipe = OptimisationRecipe()
    partial_augmentation: float = Field(default=1.0, ge=0, le=1)  #: strength of the change of real images
    degradation: float = Field(default=0.3, ge=0, le=1)  #: share of real and fake images degraded alike
    #: Share of the steps over which augmentation and degradation grow from none: clean texture is learned first.
    ramp: float = Field(default=0.5, ge=0, le=1)
    seed: int = Field(default=0, ge=0)
    card: dict[str, Any] = {}  #: license, data and description for the model card

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        known = [*self.data.pairs, *self.data.whole]
        for name in self.validation.generators:
            if name not in known:
                raise ValueError(
                    f"validation.generators: {name!r} is no generator of data.pairs or data.whole"
                    f" ({', '.join(known) or 'there are none'})"
                )
        both = sorted(set(self.data.pairs) & set(self.data.whole))
        if both:
            raise ValueError(f"{both[0]!r} is in data.pairs and in data.whole; give each generator one name")
        return self


def load_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for YAML errors, unknown keys (the nearest is suggested) and values of a wrong type or range.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"recipe {path} does not exist")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"recipe {path} is not YAML: {' '.join(str(error).split())}") from error
    try:
        return parse_recipe(values or {})
    except ValueError as error:
        raise ValueError(f"recipe {path}: {error}") from error


class _Loader(yaml.SafeLoader):
    """Plain values alone; a few nested aliases would stand for billions of values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias (*name); write the value out")
        return super().compose_node(parent, index)


def parse_recipe(values: Any) -> Recipe:
    """A recipe from nested dictionaries; see :func:`load_recipe` for the errors."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise ValueError("; ".join(_sentence(each) for each in error.errors(include_url=False))) from None


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "it"
    if error["type"] == "extra_forbidden":
        section: Any = Recipe
        for part in error["loc"][:-1]:
            field = getattr(section, "model_fields", {}).get(part)
            section = field.annotation if field is not None else None
        close = difflib.get_close_matches(str(error["loc"][-1]), list(getattr(section, "model_fields", {})), n=1)
        return f"unknown key {where!r}" + (f"; did you mean {close[0]!r}?" if close else "")
    if error["type"] == "float_type" and isinstance(error["input"], str):
        return f"{where} must be a number; YAML reads {error['input']!r} as text, write 1.0e-3 for 1e-3"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message[:1].lower() + message[1:]}" + (
        f", got {_shown.repr(error['input'])}" if error["type"] != "value_error" else ""
    )
