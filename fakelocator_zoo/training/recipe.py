"""Recipes: the YAML files that say how a model is trained, checked before anything runs."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml


@dataclass(frozen=True)
class DataRecipe:
    """Where real photos, pairs, or a data set are; paths are relative to the ``--data`` folder."""

    photos: tuple[str, ...] = ()  #: folders of real photos, from which generators make the fakes
    balanced: bool = False  #: crops come from each folder of photos equally often, not from each photo
    #: Folders of more real photos, of anything, that the stem's head alone learns from; in its phase crops come from
    #: each folder, of ``photos`` and of these, equally often.
    texture_head_photos: tuple[str, ...] = ()
    pairs_real: str | None = None  #: a folder of real images ...
    pairs_fake: str | None = None  #: ... and their manipulated versions under the same names
    dataset: str | None = None  #: a data set as ``fakelocator data check`` shows it
    layout: str | None = None  #: of the data set; None recognises it
    methods: tuple[str, ...] = ()  #: of the data set; none takes all
    split: str | None = None  #: of the data set, such as train, validated on its val; None takes all of it
    compression: str | None = None  #: of FaceForensics++
    frames_per_video: int = 8  #: of the data set, evenly spaced
    size: int = 128  #: side of the training crops in pixels
    #: of each folder of photos or of the pairs, the last by name, or of a data set's people: never trained on
    validation_share: float = 0.1


@dataclass(frozen=True)
class GeneratorRecipe:
    """The bank that makes fakes from photos; not used with pairs."""

    names: tuple[str, ...] = ()  #: of the bank; empty takes all
    steps: int = 1200  #: training of each generator that the bank's folder lacks
    other_content: float = 0.3  #: chance that a region shows another image's content
    other_colour: float = 0.3  #: chance of changed colours
    latent_edit: float = 0.3  #: chance of a changed latent
    refilter: float = 0.3  #: chance of one more random filter on what was painted
    residual: float = 0.25  #: chance that the generator's change is added to the photo
    weight_noise: float = 0.0  #: chance of noise on the decoder's weights
    two_generators: float = 0.0  #: chance that two generators paint, and the fake is a mean of theirs
    sharpness: float = 0.0  #: chance that what was painted is sharpened or blurred
    faint: float = 0.0  #: chance that only a share of the change is made, a quarter at least

    @property
    def chances(self) -> dict[str, Any]:
        """The keyword arguments of :func:`~fakelocator_zoo.generators.synthesis.make_fakes`."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("names", "steps")}


@dataclass(frozen=True)
class LossRecipe:
    """See :func:`fakelocator_zoo.training.losses.fakelocator_losses`."""

    kind: str = "l1"
    map_weight: float = 1.0
    map_scale: float = 1.0
    classification_weight: float = 1.0
    texture_weight: float = 1.0


@dataclass(frozen=True)
class OptimisationRecipe:
    """Steps, batches and learning rates."""

    steps: int = 2000  #: of the whole network
    texture_steps: int = 0  #: of the texture stem alone, before the others
    #: Of the stem's head alone, after ``texture_steps``: it starts anew, on features that stay as they are.
    texture_head_steps: int = 0
    #: What the stem's logits are multiplied by in the end: the attention's prior weighs less against surer ones.
    texture_gain: float = 1.0
    freeze_texture: bool = False  #: keep the stem as the first phase, or ``texture_from``, left it
    texture_size: int = 0  #: side of the crops of photos while the stem is trained alone; 0 takes data.size
    batch_size: int = 16  #: images; half real, half fake
    steps_per_epoch: int = 100  #: a checkpoint, a line in the log and a sheet of maps come after each
    learning_rate: float = 1e-3
    texture_learning_rate: float = 3e-3
    weight_decay: float = 0.01

    @property
    def stem_steps(self) -> int:
        """Steps in which nothing but the texture stem is trained."""
        return self.texture_steps + self.texture_head_steps

    def phase(self, step: int) -> Literal["texture", "texture_head", "network"]:
        """What is trained at optimiser step ``step``: the texture stem, its head on frozen features, or all of it."""
        if step < self.texture_steps:
            return "texture"
        return "texture_head" if step < self.stem_steps else "network"


@dataclass(frozen=True)
class Recipe:
    """Everything that a training run needs besides the data itself."""

    model: dict[str, Any] = field(default_factory=dict)  #: keyword arguments of FakeLocator
    data: DataRecipe = DataRecipe()
    generators: GeneratorRecipe = GeneratorRecipe()
    loss: LossRecipe = LossRecipe()
    optimisation: OptimisationRecipe = OptimisationRecipe()
    partial_augmentation: float = 1.0  #: strength of the change of real images, 0 to 1
    texture_augmentation: float = 0.0  #: the same in the phase of the texture stem alone
    #: The same in the phase of the stem's head, all over the images, and none of it adds detail.
    texture_head_augmentation: float = 0.0
    decision_augmentation: float = 0.0  #: the same where the decision is fitted and its 0.5 is set, at the end
    decision_crops: int = 64  #: photos in each of two sizes that the decision is fitted to
    false_alarms: float = 0.01  #: share of the held-out photos, changed so, that the 0.5 may call fake
    degradation: float = 0.0  #: share of the images, real and fake alike, that are compressed, blurred or noisy
    texture_from: str | None = None  #: a model, as ``from_pretrained`` takes it, whose texture stem to start from
    #: Models whose texture stems teach this one: it learns their mean, of what the images were before degradation.
    texture_teachers: tuple[str, ...] = ()
    seed: int = 0
    card: dict[str, Any] = field(default_factory=dict)  #: licence, data and description for the model card

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON-like values, such as :func:`parse_recipe` takes."""
        return dataclasses.asdict(self)


def load_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for YAML errors, unknown keys (the nearest is suggested) and values of a wrong type.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"recipe {path} does not exist")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"recipe {path} is not YAML: {' '.join(str(error).split())}") from error
    try:
        return parse_recipe(values or {})
    except (ValueError, TypeError) as error:
        raise ValueError(f"recipe {path}: {error}") from error


def parse_recipe(values: dict[str, Any]) -> Recipe:
    """A recipe from nested dictionaries; see :func:`load_recipe` for the errors."""
    recipe: Recipe = _parse(Recipe, values, "")
    data = recipe.data
    if sum(map(bool, (data.photos, data.pairs_real, data.dataset))) != 1:
        raise ValueError("data needs either photos, or pairs_real with pairs_fake, or dataset")
    if bool(data.pairs_real) != bool(data.pairs_fake):
        raise ValueError("data.pairs_real and data.pairs_fake come together")
    for name in ("layout", "methods", "split", "compression"):
        if getattr(data, name) and not data.dataset:
            raise ValueError(f"data.{name} belongs to data.dataset, which is not given")
    if data.frames_per_video < 1:
        raise ValueError("data.frames_per_video must be at least 1")
    if not 0 < data.validation_share < 1:
        raise ValueError("data.validation_share must lie between 0 and 1")
    if recipe.optimisation.batch_size < 2 or recipe.optimisation.batch_size % 2:
        raise ValueError("optimisation.batch_size must be even: half real, half fake")
    if data.size < 32 or data.size % 2:
        raise ValueError("data.size must be even and at least 32")
    if data.balanced and not data.photos:
        raise ValueError("data.balanced belongs to data.photos, which is not given")
    optimisation = recipe.optimisation
    if data.texture_head_photos:
        if not data.photos:
            raise ValueError("data.texture_head_photos come beside data.photos, which is not given")
        if not optimisation.texture_head_steps:
            raise ValueError("data.texture_head_photos belong to optimisation.texture_head_steps, and there are none")
    if recipe.texture_teachers and not optimisation.stem_steps:
        raise ValueError("texture_teachers teach in the phase of the stem alone: set optimisation.texture_steps")
    if optimisation.texture_gain <= 0:
        raise ValueError(f"optimisation.texture_gain must be more than 0, got {optimisation.texture_gain}")
    if optimisation.texture_gain != 1 and not optimisation.stem_steps:
        raise ValueError("optimisation.texture_gain belongs to texture_steps or texture_head_steps, and there are none")
    if optimisation.texture_size:
        if optimisation.texture_size < 32 or optimisation.texture_size % 2:
            raise ValueError("optimisation.texture_size must be even and at least 32, or 0 for data.size")
        if not data.photos:
            raise ValueError("optimisation.texture_size belongs to data.photos, which is not given")
        if optimisation.stem_steps % optimisation.steps_per_epoch:
            raise ValueError(
                "optimisation.texture_steps and texture_head_steps must make a multiple of steps_per_epoch: crops "
                "change their size (texture_size) between epochs alone"
            )
    if data.texture_head_photos and any(
        steps % optimisation.steps_per_epoch for steps in (optimisation.texture_steps, optimisation.texture_head_steps)
    ):
        raise ValueError(
            "optimisation.texture_steps and texture_head_steps must be multiples of steps_per_epoch: "
            "data.texture_head_photos come and go between epochs alone"
        )
    for name in (
        "partial_augmentation",
        "texture_augmentation",
        "texture_head_augmentation",
        "degradation",
        "decision_augmentation",
        "false_alarms",
    ):
        if not 0 <= getattr(recipe, name) <= 1:
            raise ValueError(f"{name} must lie in [0, 1], got {getattr(recipe, name)}")
    return recipe


def _parse(kind: Any, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise ValueError(f"{where or 'it'} must be a mapping, got {type(values).__name__}")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    parsed: dict[str, Any] = {}
    for key, value in values.items():
        if key not in fields:
            close = difflib.get_close_matches(str(key), fields, n=1)
            raise ValueError(f"unknown key {where + str(key)!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        default = fields[key].default
        parsed[key] = _convert(value, default, where + str(key))
    return kind(**parsed)


def _convert(value: Any, default: Any, where: str) -> Any:
    if dataclasses.is_dataclass(default):
        return _parse(type(default), value, where + ".")
    if default is dataclasses.MISSING:  # model and card: free mappings
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be a mapping, got {type(value).__name__}")
        return value
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{where} must be a list of names")
        return tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if value is None and default is None:
        return None
    expected = str if default is None else type(default)
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        if isinstance(default, float) and isinstance(value, str):
            raise ValueError(f"{where} must be a number; YAML reads {value!r} as text, write 1.0e-3 for 1e-3")
        raise ValueError(f"{where} must be {expected.__name__}, got {value!r}")
    return value
