"""Pictures of one segmentation, by name; a new one is one entry and one function."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from matplotlib.figure import Figure

from segmentation.reports.figures.data import FigureData
from segmentation.reports.figures.draw import (
    draw_map,
    draw_profile_heatmap,
    draw_segment_sizes,
    draw_silhouette_profile,
)

FIGURES: Mapping[str, Callable[[FigureData], Figure]] = MappingProxyType(
    {
        "segment_sizes": draw_segment_sizes,
        "silhouette_profile": draw_silhouette_profile,
        "map": draw_map,
        "profile_heatmap": draw_profile_heatmap,
    }
)

__all__ = ["FIGURES", "FigureData"]
