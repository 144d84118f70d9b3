"""FakeLocators as timm models: ``timm.create_model("fakelocator_...")``.

timm lists models under the last part of their module's name, ``timm_detector``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from timm.models import PretrainedCfg, generate_default_cfgs, is_model, register_model, resolve_pretrained_cfg
from torch import Tensor, nn

from fakelocator_zoo.hub.card import read_card_header
from fakelocator_zoo.hub.files import WEIGHTS
from fakelocator_zoo.hub.sources import DEFAULT_TAG, bundled_root

if TYPE_CHECKING:
    from fakelocator_zoo.models.fakelocator import FakeLocator

#: Read by timm's register_model; filled by register_detectors before it registers.
default_cfgs: dict[str, Any] = {}


class FakeLocatorDetector(nn.Module):
    """A FakeLocator's encoder with a classifier of timm's kind, or its own real/fake decision.

    Convention:
        Images are (B, 3, H, W) in [0, 1], any H and W: ``pretrained_cfg`` has mean 0 and standard deviation 1. Features
        are the encoder's deepest, (B, num_features, h, w). With two classes the logits are those of the FakeLocator
        (real, fake). With another number, or after :meth:`reset_classifier`, a new linear layer reads the mean of the
        features, and the rest of the FakeLocator but its face parser is dropped.

    Args:
        locator: the model to wrap; a new classifier changes it.
        num_classes: 2 keeps the decision; 0 gives pooled features, others a new classifier.
        drop_rate: dropout before a new classifier.
    """

    def __init__(self, locator: FakeLocator, num_classes: int = 2, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.locator = locator
        channels: list[int] = list(locator.encoder.out_channels)  # type: ignore[arg-type]
        self.num_features = self.head_hidden_size = channels[-1]
        self.num_classes = 2
        self.drop = nn.Dropout(drop_rate)
        #: None: the FakeLocator's decision.
        self.head: nn.Module | None = None
        self.pretrained_cfg: dict[str, Any] = {}
        if num_classes != 2:
            self.reset_classifier(num_classes)

    def get_classifier(self) -> nn.Module:
        """The linear layer that reads the features (an identity where ``num_classes`` is 0)."""
        return self.locator.classification_head.image if self.head is None else self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the decision by a new linear layer on the mean of the features, or by that mean for 0 classes."""
        if global_pool not in (None, "avg"):
            raise ValueError(f"a FakeLocator pools with 'avg' only, got {global_pool!r}")
        self.num_classes = num_classes
        device = next(self.locator.encoder.parameters()).device
        new = nn.Linear(self.num_features, num_classes, device=device) if num_classes else nn.Identity()
        self.head = new.train(self.training)
        # Parameters without gradients would stop distributed training.
        for name, _ in list(self.locator.named_children()):
            if name not in ("encoder", "face_parser"):
                setattr(self.locator, name, None)

    def forward_features(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> the encoder's deepest features (B, num_features, h, w)."""
        return self.locator.features(images)[-1]

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """(B, num_features, h, w) -> logits (B, num_classes), or their mean (B, num_features) with ``pre_logits``.

        Raises:
            ValueError: for the FakeLocator's own decision, which needs more than these features.
        """
        pooled = self.drop(features.mean(dim=(2, 3)))
        if pre_logits:
            return pooled
        if self.head is None:
            raise ValueError("the FakeLocator's decision needs the image: call the model, or reset_classifier(2) first")
        logits: Tensor = self.head(pooled)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> logits (B, num_classes)."""
        if self.head is None:
            decision: Tensor = self.locator(images).logits
            return decision
        return self.forward_head(self.forward_features(images))


def register_detectors(names: Sequence[str]) -> None:
    """Register models of the zoo (``architecture.tag``) with timm, one entry point an architecture."""
    architectures = dict.fromkeys(name.split(".")[0] for name in names)
    new = [each for each in architectures if not is_model(each)]
    configs: dict[str, dict[str, Any] | PretrainedCfg] = {}
    for name in names:
        architecture, _, tag = name.partition(".")
        if architecture not in new:
            continue
        weights = bundled_root() / name / WEIGHTS
        configs[f"{architecture}.{tag}{'*' if tag == DEFAULT_TAG else ''}"] = PretrainedCfg(
            file=str(weights) if weights.is_file() else None,
            input_size=(3, 256, 256),
            crop_pct=1.0,
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            num_classes=2,
            label_names=("real", "fake"),  # type: ignore[arg-type]
            classifier="head",
            license=read_card_header(weights.parent).get("license"),
            paper_ids="arXiv:2001.09598",
            origin_url="https://arxiv.org/abs/2001.09598",
        )
    default_cfgs.update(generate_default_cfgs(configs))
    for architecture in new:
        register_model(_entry_point(architecture))


def _entry_point(architecture: str) -> Callable[..., FakeLocatorDetector]:
    def create(
        pretrained: bool = False,
        pretrained_cfg: str | dict[str, Any] | None = None,
        pretrained_cfg_overlay: dict[str, Any] | None = None,
        cache_dir: str | None = None,  # timm always passes it; bundled weights need none
        num_classes: int = 2,
        in_chans: int = 3,
        drop_rate: float = 0.0,
        global_pool: str = "avg",
    ) -> FakeLocatorDetector:
        from fakelocator_zoo.zoo.models import create_model

        if in_chans != 3:
            raise ValueError(f"a FakeLocator reads RGB: in_chans must be 3, got {in_chans}")
        if global_pool != "avg":
            raise ValueError(f"a FakeLocator pools with 'avg' only, got {global_pool!r}")
        config = resolve_pretrained_cfg(architecture, pretrained_cfg, pretrained_cfg_overlay)
        name = f"{architecture}.{config.tag}" if config.tag else architecture
        model = FakeLocatorDetector(create_model(name, pretrained=pretrained).train(), num_classes, drop_rate)
        model.pretrained_cfg = config.to_dict()
        return model

    create.__name__ = create.__qualname__ = architecture
    create.__doc__ = f"{architecture} of the FakeLocator zoo: (B, 3, H, W) in [0, 1] -> logits (B, num_classes)."
    return create
