"""From customers to the float matrix a clusterer sees, in one scikit-learn pipeline."""

from segmentation.features.pipeline import build_pipeline

__all__ = ["build_pipeline"]
