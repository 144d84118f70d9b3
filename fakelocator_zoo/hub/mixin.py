"""A model as files: how FakeLocator, FaceParser and Generator are loaded, saved and published."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fakelocator_zoo.hub.card import write_card
from fakelocator_zoo.hub.files import CARD, CONFIG, RECIPE, read_config, read_tensors, write_folder
from fakelocator_zoo.hub.sources import find_model, hub_errors
from fakelocator_zoo.hub.tensors import check_tensors, compact, fitting_tensors, layers_limited, unwrapped_state

if TYPE_CHECKING:
    from typing import Self

    import torch
    from torch import Tensor

# Keys of config.json that are no arguments of the constructor.
_ABOUT = ("model_type", "fakelocator_zoo_version")


class PretrainedMixin:
    """Gives a ``torch.nn.Module`` ``from_pretrained``, ``save_pretrained`` and ``push_to_hub``.

    A model class inherits it before any other base and sets ``model_type``. Its ``config`` holds the keyword arguments
    that rebuild the model: the constructor sets ``_config``, or the class overrides the property.
    """

    #: Name of the class in config.json.
    model_type: ClassVar[str]
    #: Arguments of the constructor that neither config.json nor ``from_pretrained`` may set.
    fixed_arguments: ClassVar[Mapping[str, Any]] = {}
    #: Arguments that are models; the keys of their weights start with the argument's name.
    submodels: ClassVar[tuple[str, ...]] = ()
    #: Argument -> arguments without effect while it is None, which are then left out.
    dependent_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    _config: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this model, as JSON has them."""
        return dict(self._config)

    @classmethod
    def load_arguments(cls, folder: Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The constructor's arguments in config.json of ``folder``, with ``overrides``.

        Raises:
            ValueError: for another type of model, or unknown keys.
            TypeError: for an unknown override.
        """
        overrides = overrides or {}
        path = folder / CONFIG
        arguments = read_config(folder)
        kind = arguments.get("model_type")
        if kind != cls.model_type:
            raise ValueError(f"{path} describes a model of type {kind or 'unknown'}, not {cls.model_type}")
        accepted = [
            each for each in inspect.signature(cls.__init__).parameters if each not in ("self", *cls.fixed_arguments)
        ]
        for option in overrides:
            if option not in accepted:
                close = get_close_matches(option, accepted, n=1)
                raise TypeError(f"unknown option {option!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        arguments = {key: value for key, value in arguments.items() if key not in (*_ABOUT, *cls.fixed_arguments)}
        unknown = sorted(set(arguments) - set(accepted))
        if unknown:
            raise ValueError(
                f"{path} has unknown keys {', '.join(unknown)}; a newer fakelocator-zoo may have written it: upgrade"
            )
        for name in cls.submodels:
            if not isinstance(arguments.get(name, {}), Mapping):
                raise ValueError(f"{path} must hold the configuration of {name}, not {arguments[name]!r}")
        arguments |= overrides
        for name, dependents in cls.dependent_arguments.items():
            if arguments.get(name) is None:
                arguments = {k: v for k, v in arguments.items() if k not in dependents or k in overrides}
        return {**arguments, **cls.fixed_arguments}

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        map_location: str | torch.device = "cpu",
        strict: bool = True,
        **overrides: Any,
    ) -> Self:
        """A trained model in eval mode, in float32.

        Args:
            name: in this order, a folder, a bundled model's name (``architecture`` or ``architecture.tag``), or
                a Hub id ``org/name`` or ``org/name@revision``.
            revision, token, cache_dir, local_files_only: as in huggingface_hub; for Hub ids only.
            map_location: the device that the model goes to.
            strict: False loads the tensors that fit and warns of the others.
            overrides: arguments of the constructor that replace those of config.json, for example
                ``attention=("hair", "mouth")``. A submodel given here keeps its own weights.

        Raises:
            ValueError: for an unknown name, or files that are no complete model of this class.
            OSError: for a missing folder (FileNotFoundError), or a repository that is absent, gated or out of reach.
            TypeError: for an unknown option.
        """
        folder = find_model(
            name,
            cls.model_type,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
        )
        arguments = cls.load_arguments(folder, overrides)
        tensors = read_tensors(folder)
        try:
            with layers_limited(tensors):
                model = cls(**arguments)
        except Exception as error:  # a value of another type fails in whatever way the networks' libraries have
            if overrides:
                raise
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ValueError(
                f"{folder / CONFIG} does not describe a {cls.__name__} that can be built: {reason}"
            ) from error
        module: torch.nn.Module = model  # type: ignore[assignment]
        state = module.state_dict()
        for submodel in cls.submodels:
            if submodel in overrides or submodel not in arguments:
                prefix = f"{submodel}."
                tensors = {key: value for key, value in tensors.items() if not key.startswith(prefix)}
                tensors |= {key: value for key, value in state.items() if key.startswith(prefix)}
        if strict:
            check_tensors(tensors, state, folder)
        else:
            tensors = fitting_tensors(tensors, state, folder)
        module.load_state_dict(tensors, strict=strict)
        module.eval().to(map_location)
        return model

    def save_pretrained(
        self,
        folder: str | Path,
        *,
        name: str | None = None,
        dtype: torch.dtype | None = None,
        license: str = "unknown",
        description: str = "",
        trained_on: str = "",
        training: str = "",
        metrics: Mapping[str, Mapping[str, float]] | None = None,
        recipe: str | None = None,
        card: str | None = None,
    ) -> Path:
        """Write config.json, model.safetensors and the model card README.md; returns the folder.

        ``from_pretrained`` restores a model with bit-equal outputs, unless ``dtype`` is given. A compiled or
        data-parallel model is saved without its wrapper.

        Args:
            folder: made where needed; its other files stay.
            name: of the model in the card; None takes the folder's name.
            dtype: of kernels and matrices on disk, for example ``torch.float16``; None keeps them.
            license: an identifier as the Hub uses them (``apache-2.0``, ``cc-by-nc-4.0``).
            description, trained_on: one sentence each for the card.
            training: command, steps, time and seed, for the card.
            metrics: ``{evaluation set: {metric: value}}`` for the card's table of results.
            recipe: the text of the training recipe, written as recipe.yaml.
            card: the whole text of README.md, in place of the generated one.

        Raises:
            ValueError: for a model that no configuration can rebuild.
            OSError: where the folder cannot be written; nothing is left half-written.
        """
        from fakelocator_zoo import __version__

        folder = Path(folder).expanduser()
        tensors: dict[str, Tensor] = compact(unwrapped_state(self), dtype)  # type: ignore[arg-type]
        config = {"model_type": self.model_type, "fakelocator_zoo_version": __version__, **self.config}
        if card is None:
            card = write_card(
                name or folder.resolve().name,
                type(self).__name__,
                config,
                sum(tensor.numel() for tensor in tensors.values()),
                license=license,
                description=description,
                trained_on=trained_on,
                training=training,
                metrics=metrics or {},
            )
        texts = {CONFIG: json.dumps(config, indent=2) + "\n", CARD: card}
        if recipe is not None:
            texts[RECIPE] = recipe
        write_folder(folder, tensors, texts)
        return folder

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        branch: str | None = None,
        commit_message: str | None = None,
        dtype: torch.dtype | None = None,
        license: str = "unknown",
        description: str = "",
        trained_on: str = "",
        training: str = "",
        metrics: Mapping[str, Mapping[str, float]] | None = None,
        recipe: str | None = None,
        card: str | None = None,
    ) -> str:
        """Save the model and upload it to the Hub; returns the commit's URL.

        Args:
            private, token: as in huggingface_hub.
            branch: created if missing; None is the main one.
            commit_message: None names the class.
            dtype, license, description, trained_on, training, metrics, recipe, card: as in :meth:`save_pretrained`.

        Raises:
            OSError: where the Hub refuses the upload.
        """
        from huggingface_hub import HfApi

        api = HfApi(token=token)
        with tempfile.TemporaryDirectory() as scratch:
            folder = self.save_pretrained(
                Path(scratch) / "model",
                name=repo_id,
                dtype=dtype,
                license=license,
                description=description,
                trained_on=trained_on,
                training=training,
                metrics=metrics,
                recipe=recipe,
                card=card,
            )
            with hub_errors(repo_id, f"{repo_id} was not uploaded"):
                api.create_repo(repo_id, private=private, exist_ok=True)
                if branch is not None:
                    api.create_branch(repo_id, branch=branch, exist_ok=True)
                message = commit_message or f"Upload {type(self).__name__}"
                commit = api.upload_folder(repo_id=repo_id, folder_path=folder, revision=branch, commit_message=message)
        return str(commit.commit_url)
