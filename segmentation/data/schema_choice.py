"""A table and the schema that goes with it: one asked for, one that ships, or a draft."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from segmentation.data.readers import read_table
from segmentation.data.validation import Validated, validate
from segmentation.schema import TableSchema, load_schema
from segmentation.schema.inference import infer_schema

AUTO = "auto"
# The one with most columns first: it is the closest description of a table that has them all.
SHIPPED = ("embedded_people", "cc_general", "bank_churners")


def load_described(source: str, schema_name: str) -> tuple[Validated, TableSchema]:
    """Read customers a model will learn from, and return them with their schema.

    Parameters
    ----------
    source
        As in :func:`segmentation.data.readers.load_customers`.
    schema_name
        As in :func:`schema_for`.

    Raises
    ------
    SpecError
        When there is no such schema.
    DataError
        When there is no such table, or it breaks the contract.
    """
    named = None if schema_name == AUTO else load_schema(schema_name)
    frame = read_table(source)
    schema = named or schema_for(frame, schema_name, source)
    return validate(frame, schema, source, to_train=True), schema


def schema_for(frame: pd.DataFrame, name: str, source: str) -> TableSchema:
    """Return the schema asked for, or one drafted from the table.

    Parameters
    ----------
    frame
        As read.
    name
        Of a shipped schema, a ``.yaml`` file, or ``auto``: a shipped schema all of whose columns
        are in the table, else a draft.
    source
        Names a draft.

    Raises
    ------
    SpecError
        When there is no such schema.
    DataError
        When none can be drafted.
    """
    if name != AUTO:
        return load_schema(name)
    for shipped in SHIPPED:
        schema = load_schema(shipped)
        if set(schema.column_names) <= set(map(str, frame.columns)):
            return schema
    return infer_schema(frame, Path(source).stem or "inferred")
