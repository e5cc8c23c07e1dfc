"""What a month may change of a customer."""

from __future__ import annotations

import numpy as np

from segmentation.schema import Column, TableSchema
from segmentation.schema.arithmetic import with_totals
from segmentation.types import FloatArray

# Amounts and counts of a year change by about a twelfth when its oldest month gives way to a new.
MONTH = 1.0 / 12.0
CHANGING = frozenset({"money", "count", "frequency", "number"})


def after_a_month(
    customers: FloatArray, schema: TableSchema, random: np.random.Generator
) -> FloatArray:
    """Return customers as they may be a month later: every value changes by about a twelfth.

    Each value is multiplied by a normal number with mean 1 and standard deviation 1/12. Counts
    stay whole, frequencies within 0 to 1, totals the sums of their parts. Categories, yes or no,
    durations and missing values stay.

    Parameters
    ----------
    customers
        Shape (n, d), the columns of `schema`.
    schema
        Of the table.
    random
        Draws the changes.
    """
    changed = customers * random.normal(1.0, MONTH, customers.shape)
    for position, column in enumerate(schema.columns):
        values = changed[:, position]
        if not changes(column):
            values[:] = customers[:, position]
        elif column.kind == "count":
            np.round(values, out=values)
        elif column.kind == "frequency":
            np.clip(values, 0.0, 1.0, out=values)
    return with_totals(changed, customers, schema)


def changes(column: Column) -> bool:
    """Tell whether a month can change the values of a column."""
    return column.kind in CHANGING and not column.binary
