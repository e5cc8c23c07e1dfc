"""The table's own arithmetic: totals that are the sum of their parts."""

from __future__ import annotations

import numpy as np

from segmentation.schema.table_schema import TableSchema
from segmentation.types import FloatArray


def with_totals(changed: FloatArray, before: FloatArray, schema: TableSchema) -> FloatArray:
    """Return customers whose totals moved with their parts.

    Parameters
    ----------
    changed
        Shape (n, d), the columns of `schema`; the totals in it are ignored.
    before
        The same customers before the change. A total that was not exactly the sum of its parts,
        by rounding say, keeps its distance from it.
    schema
        Its identities are used in their order; a total of which a part is unknown stays.
    """
    place = {name: position for position, name in enumerate(schema.column_names)}
    result = changed.copy()
    for identity in schema.identities:
        total, parts = place[identity.total], [place[name] for name in identity.parts]
        moved = before[:, total] + (result[:, parts] - before[:, parts]).sum(axis=1)
        result[:, total] = np.where(np.isnan(moved), before[:, total], moved)
    return result
