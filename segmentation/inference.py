"""Draft the schema of a table nobody has described yet."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from segmentation.errors import DataError, Problem
from segmentation.schema import Column, TableSchema

IDENTIFIER = re.compile(r"(^|_|\b)(id|key|number|num|no)$", re.IGNORECASE)


def infer_schema(frame: pd.DataFrame, name: str = "inferred") -> TableSchema:
    """Return a schema in which every numeric column is a feature.

    The first column of distinct values that is text, or is named like an identifier, becomes
    the identifier.

    Parameters
    ----------
    frame
        As read.
    name
        Of the schema.

    Raises
    ------
    DataError
        When other columns are not numeric, or no numeric column is left.
    """
    identifier = next(iter(_identifiers(frame)), None)
    features = [str(column) for column in frame.columns if column != identifier]
    problems = [
        Problem(
            column,
            "not_numeric",
            "numbers",
            "Drop or encode the column, or describe the table in a schema file.",
        )
        for column in features
        if not is_numeric_dtype(frame[column]) or is_bool_dtype(frame[column])
    ]
    if not features:
        problems.append(
            Problem(None, "no_features", "at least one numeric column", "Add the features.")
        )
    if problems:
        raise DataError(problems)
    columns = tuple(
        Column(column, column.replace("_", " ").capitalize(), nullable=True) for column in features
    )
    return TableSchema(
        name=name,
        title=f"Inferred from {len(features)} numeric columns",
        columns=columns,
        identifier=identifier,
        groups={"columns": "Columns"},
    )


def _identifiers(frame: pd.DataFrame) -> Iterator[str]:
    for column in map(str, frame.columns):
        values = frame[column]
        named = bool(IDENTIFIER.search(column)) and values.dtype.kind != "f"
        if values.is_unique and (named or not is_numeric_dtype(values)):
            yield column
