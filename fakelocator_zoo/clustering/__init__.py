"""Single sample clustering: features of many images and one image whose label is known give labels for all."""

from fakelocator_zoo.clustering.estimator import ContradictoryLabelsWarning, NotSeparableWarning, SingleSampleClustering
from fakelocator_zoo.clustering.files import load_clustering, save_clustering

__all__ = [
    "ContradictoryLabelsWarning",
    "NotSeparableWarning",
    "SingleSampleClustering",
    "load_clustering",
    "save_clustering",
]
