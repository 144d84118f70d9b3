"""Single sample clustering: the encoder's features of many images, one image whose label is known, labels for all."""

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
