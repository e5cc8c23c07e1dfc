"""Compare new customers with those a model learnt from, of whom only a summary is kept."""

from segmentation.monitoring.batch import Batch, ColumnSummary
from segmentation.monitoring.drift import Drift, Finding, compare_batches

__all__ = ["Batch", "ColumnSummary", "Drift", "Finding", "compare_batches"]
