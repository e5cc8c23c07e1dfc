"""Pictures of one segmentation, by name."""

from segmentation.reports.figures.segment_figures import FIGURES, FigureData

__all__ = ["FIGURES", "FigureData"]
