"""Registration of the models with smp and timm."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fakelocator_zoo.models.fakelocator import FakeLocator


@cache
def register() -> None:
    """Make the models known to smp and timm, which are imported where they are not yet.

    Afterwards ``smp.create_model("fakelocator", ...)`` and ``timm.create_model("fakelocator_...")`` work, whichever
    library is imported first. A second call changes nothing.
    """
    import segmentation_models_pytorch  # noqa: F401 (imports timm)

    register_with_imported()


def register_with_imported() -> None:
    """Register the models with smp and timm, as far as they are imported."""
    smp, timm = (sys.modules.get(name) for name in ("segmentation_models_pytorch", "timm"))
    # The attributes are absent while the libraries themselves are being imported.
    if smp is not None and hasattr(smp, "MODEL_ARCHITECTURES_MAPPING"):
        smp.MODEL_ARCHITECTURES_MAPPING["fakelocator"] = _fakelocator
    if timm is not None and hasattr(timm, "create_model"):
        from fakelocator_zoo.zoo.models import list_models
        from fakelocator_zoo.zoo.timm_detector import register_detectors

        register_detectors(list_models())


def _fakelocator(**options: Any) -> FakeLocator:
    # Not the class itself, whose import costs more than `import fakelocator_zoo` may.
    from fakelocator_zoo.models.fakelocator import FakeLocator

    return FakeLocator(**options)
