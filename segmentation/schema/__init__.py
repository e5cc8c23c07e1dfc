"""What a customer table looks like, as data: columns, kinds, levels, units, ranges, ratios."""

from segmentation.schema.files import load_schema, to_yaml
from segmentation.schema.table import (
    CATEGORIES,
    KINDS,
    Column,
    Example,
    Identity,
    Kind,
    Ratio,
    TableSchema,
)

__all__ = [
    "CATEGORIES",
    "KINDS",
    "Column",
    "Example",
    "Identity",
    "Kind",
    "Ratio",
    "TableSchema",
    "load_schema",
    "to_yaml",
]
