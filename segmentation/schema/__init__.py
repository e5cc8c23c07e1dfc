"""What a customer table looks like, as data: columns, kinds, levels, units, ranges, ratios."""

from segmentation.schema.table_schema import (
    CATEGORIES,
    KINDS,
    Column,
    Example,
    Identity,
    Kind,
    Ratio,
    TableSchema,
    free_name,
)
from segmentation.schema.yaml_files import AUTO, load_schema, to_yaml

__all__ = [
    "AUTO",
    "CATEGORIES",
    "KINDS",
    "Column",
    "Example",
    "Identity",
    "Kind",
    "Ratio",
    "TableSchema",
    "free_name",
    "load_schema",
    "to_yaml",
]
