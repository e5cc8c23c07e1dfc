"""Compare new customers with the training customers, of whom only a summary is stored."""

from segmentation.monitoring.drift import Drift, Finding, compare_batches
from segmentation.monitoring.summaries import (
    BatchSummary,
    ColumnSummary,
    reference_batch,
    summarise,
    with_reference,
)

__all__ = [
    "BatchSummary",
    "ColumnSummary",
    "Drift",
    "Finding",
    "compare_batches",
    "reference_batch",
    "summarise",
    "with_reference",
]
