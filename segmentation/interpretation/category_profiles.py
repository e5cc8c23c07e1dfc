"""What profiles say of a category, put together from the profiles of its indicators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segmentation.schema import Column, TableSchema

SHARES = ("median", "book_median")


def with_categories(
    profile: Mapping[str, Any], table: TableSchema, expanded: TableSchema
) -> dict[str, Any]:
    """Return a profile with an entry for each category beside those of its indicators.

    The entry's medians are codes: of the level with the largest share in the segment and in the
    book. Its effect is that of the strongest indicator.
    """
    of = {column.name: column for column in expanded.columns if column.of}
    entries = list(profile["columns"])
    for column in table.columns:
        own = [e for e in entries if e["column"] in of and of[e["column"]].of == column.name]
        if own:
            typical = {key: _typical_level(own, key, of, column) for key in SHARES}
            entry = {"column": column.name, "label": column.label, "unit": column.unit}
            strongest = max(own, key=lambda e: abs(e["effect"]))["effect"]
            entries.append({**entry, **typical, "effect": strongest})
    return {**profile, "columns": entries}


def commonest_levels(profile: Mapping[str, Any], table: TableSchema) -> dict[str, dict[str, float]]:
    """Return the code of each nominal column's commonest level in the book, as its median.

    Parameters
    ----------
    profile
        From :func:`with_categories`, of any segment.
    table
        Names the nominal columns.
    """
    nominal = {column.name for column in table.columns if column.kind == "category"}
    return {
        entry["column"]: {"median": entry["book_median"]}
        for entry in profile["columns"]
        if entry["column"] in nominal and entry["book_median"] is not None
    }


def _typical_level(
    own: Sequence[Mapping[str, Any]], key: str, of: Mapping[str, Column], column: Column
) -> float | None:
    """Return the code of the level with the largest share; of two, the other where it is less."""
    known = [e for e in own if e[key] is not None]
    if not known:
        return None
    best = max(known, key=lambda e: e[key])
    levels = of[best["column"]].levels
    if len(own) == 1 and best[key] < 0.5:
        levels = tuple(level for level in column.levels if level not in levels)
    return float(column.levels.index(levels[0]))
