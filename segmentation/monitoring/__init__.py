"""Compare new customers with those a model learnt from, of whom only a summary is kept."""

from segmentation.monitoring.drift import Drift, Finding, compare_batches
from segmentation.monitoring.summaries import Batch, ColumnSummary

__all__ = ["Batch", "ColumnSummary", "Drift", "Finding", "compare_batches"]
