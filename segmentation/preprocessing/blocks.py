"""Which columns are the indicators of one category."""

from __future__ import annotations

from segmentation.schema import TableSchema


def blocks_of(schema: TableSchema) -> tuple[tuple[int, ...], ...]:
    """Return the positions of the indicators of each nominal column."""
    blocks: dict[str, list[int]] = {}
    for position, column in enumerate(schema.columns):
        if column.of:
            blocks.setdefault(column.of, []).append(position)
    return tuple(tuple(block) for block in blocks.values())
