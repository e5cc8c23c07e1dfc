"""The clustering algorithms to choose from."""

from segmentation.clusterers.space import Categorical, FloatRange, IntRange, Range
from segmentation.clusterers.table import CLUSTERERS, Clusterer

__all__ = ["CLUSTERERS", "Categorical", "Clusterer", "FloatRange", "IntRange", "Range"]
