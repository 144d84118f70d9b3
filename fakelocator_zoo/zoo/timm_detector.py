"""A FakeLocator's real/fake decision as a timm model: ``timm.create_model("fakelocator_...")``.

The name of this file matters: timm lists models under the last part of their module's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from timm.models import PretrainedCfg, generate_default_cfgs, is_model, register_model, resolve_pretrained_cfg
from torch import Tensor, nn

from fakelocator_zoo.hub import bundled_file
from fakelocator_zoo.model_card import read_card_header
from fakelocator_zoo.model_files import WEIGHTS

if TYPE_CHECKING:
    # At run time this module is imported while smp, which FakeLocator needs, may still be importing timm.
    from fakelocator_zoo.models.fakelocator import FakeLocator

#: Read by timm's register_model; filled by register_detectors before it registers.
default_cfgs: dict[str, Any] = {}


class FakeLocatorDetector(nn.Module):
    """Encoder, texture stem and classification head of a FakeLocator, without its decoder.

    Convention:
        Images are (B, 3, H, W) in [0, 1], any H and W: ``pretrained_cfg`` has mean 0 and standard deviation 1,
        so timm's data pipeline gives just that. Logits are (B, num_classes): real, fake. Features are
        (B, num_features, h, w), their mean over h and w what the head reads: the image's texture statistics,
        repeated; of a model without texture stem the encoder's deepest feature.

    Args:
        locator: the model to take apart; its decoder and map head are dropped from it.
        num_classes: 2 keeps its classification head, 0 gives pooled features, others get a new head.
    """

    def __init__(self, locator: FakeLocator, num_classes: int = 2) -> None:
        super().__init__()
        # The type says what a whole FakeLocator has; this one only classifies.
        locator.decoder = nn.Identity()  # type: ignore[assignment]
        locator.segmentation_head = nn.Identity()  # type: ignore[assignment]
        self.locator = locator
        self.num_features: int = locator.classification_head.linear.in_features
        self.head_hidden_size = self.num_features
        self.num_classes = 2
        self.pretrained_cfg: dict[str, Any] = {}
        if num_classes != 2:
            self.reset_classifier(num_classes)

    @property
    def default_cfg(self) -> dict[str, Any]:
        """timm's older name of ``pretrained_cfg``."""
        return self.pretrained_cfg

    def get_classifier(self) -> nn.Module:
        """The last linear layer (an identity where ``num_classes`` is 0)."""
        return self.locator.classification_head.linear

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the last layer by a new one, or by none for 0 classes; pooling is always the mean."""
        if global_pool not in (None, "avg"):
            raise ValueError(f"a FakeLocator pools with 'avg' only, got {global_pool!r}")
        self.num_classes = num_classes
        old = self.get_classifier()
        device = next(self.parameters()).device
        new = nn.Linear(self.num_features, num_classes, device=device) if num_classes else nn.Identity()
        self.locator.classification_head.linear = new.train(old.training)  # type: ignore[assignment]

    def forward_features(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> (B, num_features, h, w)."""
        height, width = images.shape[-2:]
        _, texture, features, attention, _ = self.locator.encode_stages(images)
        deepest = features[-1]
        if texture is None:
            return deepest
        statistics = self.locator.texture_statistics(texture.logits, attention, height, width)
        return statistics[:, :, None, None].expand(-1, -1, *deepest.shape[-2:])

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """(B, num_features, h, w) -> logits (B, num_classes), or (B, num_features) with ``pre_logits``."""
        pooled = features.mean(dim=(2, 3))
        if pre_logits:
            return pooled
        return self.locator.classification_head(pooled, None if self.locator.texture is None else pooled)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> (B, num_classes), as of both steps; beside a stem the encoder need not run."""
        return self.locator.classify(images)


def register_detectors(names: Sequence[str]) -> None:
    """Register models of the zoo (``architecture.tag``) with timm, one entry point an architecture."""
    configs: dict[str, dict[str, Any] | PretrainedCfg] = {}
    for name in names:
        weights = bundled_file(name, "config.json").with_name(WEIGHTS)
        licence = read_card_header(weights.parent).get("license")
        architecture, _, tag = name.partition(".")
        configs[f"{architecture}.{tag}{'*' if tag == 'open' else ''}"] = PretrainedCfg(
            file=str(weights) if weights.is_file() else None,
            input_size=(3, 256, 256),
            crop_pct=1.0,
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            num_classes=2,
            label_names=("real", "fake"),  # type: ignore[arg-type]
            classifier="locator.classification_head.linear",
            license=licence,
            paper_ids="arXiv:2001.09598",
            origin_url="https://arxiv.org/abs/2001.09598",
        )
    default_cfgs.update(generate_default_cfgs(configs))
    for architecture in dict.fromkeys(name.split(".")[0] for name in names):
        if not is_model(architecture):  # as when fakelocator_zoo is reloaded
            register_model(_entry_point(architecture))


def _entry_point(architecture: str) -> Callable[..., FakeLocatorDetector]:
    def create(
        pretrained: bool = False,
        pretrained_cfg: str | dict[str, Any] | None = None,
        pretrained_cfg_overlay: dict[str, Any] | None = None,
        cache_dir: str | None = None,  # timm always passes it; bundled weights need none
        num_classes: int = 2,
        in_chans: int = 3,
        drop_rate: float | None = None,
        global_pool: str = "avg",
    ) -> FakeLocatorDetector:
        from fakelocator_zoo.zoo.models import create_model

        if in_chans != 3:
            raise ValueError(f"a FakeLocator reads RGB: in_chans must be 3, got {in_chans}")
        if global_pool != "avg":
            raise ValueError(f"a FakeLocator pools with 'avg' only, got {global_pool!r}")
        config = resolve_pretrained_cfg(architecture, pretrained_cfg, pretrained_cfg_overlay)
        options = {} if drop_rate is None else {"dropout": drop_rate}
        name = f"{architecture}.{config.tag}" if config.tag else architecture
        locator = create_model(name, pretrained=pretrained, **options)
        model = FakeLocatorDetector(locator.train(), num_classes)
        model.pretrained_cfg = config.to_dict()
        return model

    create.__name__ = create.__qualname__ = architecture
    create.__doc__ = f"{architecture} of the FakeLocator zoo: (B, 3, H, W) in [0, 1] -> logits (B, 2)."
    return create
