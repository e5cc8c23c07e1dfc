"""Customers in the bodies that a scoring server takes, read as MLflow reads them.

MLflow casts and checks a table column by column. Of a plain body, which it would take as it is,
the same table comes out here in one step; any other is left to MLflow, and so are refusals.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import from_json

from experiments.scoring_threads import csv_files, each
from segmentation.clustering.segmenter import Customers
from segmentation.schema import TableSchema
from segmentation.types import FloatArray

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
DETAIL, FULL, BASIC = "detail", "full", "basic"
SPLIT, RECORDS = "dataframe_split", "dataframe_records"
# What the readers raise where a body is not what they expect.
UNREADABLE = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(RecursionError, OSError, NotImplementedError),
)


@dataclass(frozen=True)
class Body:
    """The customers of a request, shape (n, d), n at least 1, and how much is asked of them."""

    customers: Customers  # a matrix where the model takes numbers only
    detail: str


def read_body(kind: str, content: bytes, schema: TableSchema) -> Body | None:
    """Return what a body holds; None for one that MLflow has to look at.

    Parameters
    ----------
    kind
        Its content type.
    content
        As it came.
    schema
        Of the model's table.
    """
    try:
        body = _of_json(content, schema) if kind == JSON else _of_table(kind, content, schema)
    except UNREADABLE:
        return None
    return body if len(body.customers) and _finite(body.customers) else None


def joined(bodies: Sequence[Body]) -> Customers:
    """Return the customers of several bodies as one table."""
    if len(bodies) == 1:
        return bodies[0].customers
    matrices, frames = [], []
    for body in bodies:
        if isinstance(body.customers, pd.DataFrame):
            frames.append(body.customers)
        else:
            matrices.append(body.customers)
    return pd.concat(frames, ignore_index=True) if frames else np.concatenate(matrices)


def _of_json(content: bytes, schema: TableSchema) -> Body:
    """Return the customers of JSON in one of two forms; an error for anything else."""
    sent = from_json(content)  # what the standard library reads, in a third of its time
    detail = _detail(sent.pop("params", {}))
    ((form, table),) = sent.items()
    if form == SPLIT:
        columns, rows = table["columns"], table["data"]
        _expect(table.keys() == {"columns", "data"})
        _expect({*map(type, rows)} == {list} and {*map(len, rows)} == {len(columns)})
        places = [columns.index(name) for name in schema.column_names]
    else:
        _expect(form == RECORDS)
        rows, columns = table, list(table[0])
        _expect({*map(type, rows)} == {dict})
        _expect(all(row.keys() == rows[0].keys() for row in rows))
        places = list(schema.column_names)
    _expect(len({*columns}) == len(columns) and schema.detail_column not in columns)
    if places != list(range(len(columns))):
        pick = itemgetter(*places)
        rows = [pick(row) for row in rows] if len(places) > 1 else [(pick(row),) for row in rows]
    if not any(column.categorical for column in schema.columns):
        return Body(_numbers(rows, chain.from_iterable(rows)), detail)
    cells = zip(schema.columns, zip(*rows, strict=True), strict=True)
    return Body(
        pd.DataFrame(
            {
                column.name: _texts(values) if column.categorical else _numbers(values, values)
                for column, values in cells
            }
        ),
        detail,
    )


def _of_table(kind: str, content: bytes, schema: TableSchema) -> Body:
    """Return the customers of CSV or Parquet whose columns have the model's types."""
    types = {c.name: object if c.categorical else np.float64 for c in schema.columns}
    column = schema.detail_column
    if kind == CSV:
        types_read = {**types, column: object}

        def read(part: bytes) -> pd.DataFrame:
            return pd.read_csv(io.BytesIO(part), dtype=types_read, low_memory=False)

        parts = each(read, csv_files(content))
        # Where lines have more cells than the header, pandas makes an index of the first.
        _expect(all(isinstance(part.index, pd.RangeIndex) for part in parts))
        table = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    elif kind == PARQUET and object not in types.values():
        return _of_plain_parquet(content, schema)
    else:
        _expect(kind == PARQUET)
        table = pd.read_parquet(io.BytesIO(content))
    detail = FULL
    if column in table:
        detail = _only_detail(table[column].dropna().unique().tolist())
    table = table[list(types)]
    fits = [
        _is_text(values) if types[str(name)] is object else values.dtype == np.float64
        for name, values in table.items()
    ]
    _expect(len(fits) == len(types) and all(fits))
    if object in types.values():
        return Body(table.reset_index(drop=True), detail)
    return Body(np.column_stack([values.to_numpy() for _, values in table.items()]), detail)


def _of_plain_parquet(content: bytes, schema: TableSchema) -> Body:
    """Return the customers of Parquet where all columns of the model are numbers."""
    table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    # Pandas makes an index of a column where the file says so, and MLflow misses it then.
    index = (table.schema.pandas_metadata or {}).get("index_columns", [])
    _expect(all(isinstance(one, dict) for one in index))
    detail = FULL
    if schema.detail_column in table.column_names:
        values = table[schema.detail_column]
        _expect(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))
        detail = _only_detail(values.drop_null().unique().to_pylist())
    columns = [table[name] for name in schema.column_names]
    _expect(all(pa.types.is_float64(values.type) for values in columns))
    return Body(np.column_stack([values.to_numpy() for values in columns]), detail)


def _expect(condition: bool) -> None:
    """Raise ValueError where a body is not as plain as it has to be."""
    if not condition:
        raise ValueError


def _detail(params: Any) -> str:
    """Return how much parameters ask for."""
    _expect(type(params) is dict and params.keys() <= {DETAIL})
    detail = params.get(DETAIL, FULL)
    _expect(detail in {FULL, BASIC})
    return str(detail)


def _only_detail(values: Sequence[Any]) -> str:
    """Return how much a column of a table asks for, by the different values in it."""
    _expect(len(values) <= 1)
    return _detail({DETAIL: values[0]}) if len(values) else FULL


def _numbers(table: Sequence[Any], values: Iterable[Any]) -> FloatArray:
    """Return numbers and nulls as floats; an error for texts, truths and what is no float.

    `values` are those in the table, one after the other.
    """
    _expect({*map(type, values)} <= {float, int, type(None)})
    return np.array(table, dtype=np.float64)


def _texts(values: Sequence[Any]) -> list[Any]:
    _expect({*map(type, values)} <= {str, type(None)})
    return list(values)


def _is_text(values: pd.Series[Any]) -> bool:
    """Return whether a column is one of texts and nulls."""
    if isinstance(values.dtype, pd.StringDtype):
        return True
    return values.dtype == object and {*map(type, values.dropna().unique())} <= {str}


def _finite(customers: Customers) -> bool:
    """Return whether no number is infinite; one that is missing is NaN."""
    if isinstance(customers, pd.DataFrame):
        customers = customers.select_dtypes(np.float64).to_numpy()
    return not bool(np.isinf(customers).any())
