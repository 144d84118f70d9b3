"""Models as files: config.json, model.safetensors and README.md, found by name, loaded strictly, saved whole.

torch is imported when tensors are read or written.
"""

from fakelocator_zoo.hub.mixin import PretrainedMixin
from fakelocator_zoo.hub.sources import bundled_names, bundled_root, find_bundled

__all__ = ["PretrainedMixin", "bundled_names", "bundled_root", "find_bundled"]
