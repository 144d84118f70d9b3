"""Single sample clustering: features of many images and one image whose label is known give labels for all."""

from fakelocator_zoo.clustering.estimator import ContradictoryLabelsWarning, NotSeparableWarning, SingleSampleClustering
from fakelocator_zoo.clustering.files import load_clustering, save_clustering
from fakelocator_zoo.clustering.protocol import ProtocolResult, single_sample_protocol

__all__ = [
    "ContradictoryLabelsWarning",
    "NotSeparableWarning",
    "ProtocolResult",
    "SingleSampleClustering",
    "load_clustering",
    "save_clustering",
    "single_sample_protocol",
]
