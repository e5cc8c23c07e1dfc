"""Codes of categories: a level's code is its position in the schema's list of levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_float_dtype, is_numeric_dtype

from segmentation.schema import Column, TableSchema
from segmentation.types import FloatArray

# In small letters, what people write in most tables where they know nothing.
MISSING_TEXTS = frozenset(
    {"unknown", "n/a", "na", "none", "null", "nan", "-", "--", "?", ".", "missing", "#n/a", "n.a."}
)


def as_text(value: object) -> str:
    """Return a cell as the text of a level: ``1`` and ``1.0`` are one level, blanks are cut."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def texts_of(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column's cells as the texts of levels; nulls of a column of texts stay."""
    return values.str.strip() if _is_text(values) else values.map(as_text)


def _is_text(values: pd.Series[Any]) -> bool:
    """Return whether a column holds nothing but texts and nulls, by its type."""
    return isinstance(values.dtype, pd.StringDtype)


def is_missing(values: pd.Series[Any], missing: Sequence[str]) -> NDArray[np.bool_]:
    """Return for each cell whether it is null or means a missing value: a text, or a number."""
    nulls = values.isna().to_numpy()
    if is_bool_dtype(values):
        return np.asarray(nulls)
    if is_numeric_dtype(values):
        numbers = pd.to_numeric(pd.Series(list(missing), dtype=object), errors="coerce").dropna()
        return np.asarray(nulls | values.isin(numbers).to_numpy())
    tokens = {"", *(token.strip().casefold() for token in missing)}
    # Each text once: most tables repeat them, and most texts are longer than any token.
    distinct = values.drop_duplicates().to_numpy(object)
    texts = [v for v in distinct if isinstance(v, str) and v.strip().casefold() in tokens]
    return np.asarray(nulls | values.isin(texts).to_numpy(bool))


def codes_of(
    values: pd.Series[Any], column: Column, missing: Sequence[str] = ()
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the codes of a category's cells, and a mask of unseen levels, both of shape (n,).

    Case and surrounding blanks do not matter. The code is NaN for a missing value and for an
    unseen level; `missing` lists the texts that mean a missing value, unless they are levels.
    """
    code_of = {level.casefold(): float(code) for code, level in enumerate(column.levels)}
    tokens = [token for token in missing if token.strip().casefold() not in code_of]
    absent = is_missing(values, (*tokens, *column.missing))
    codes_by_value = {
        value: code_of.get(as_text(value).casefold(), np.nan) for value in values.dropna().unique()
    }
    codes = values.map(codes_by_value).to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    codes[absent] = np.nan
    return codes, np.isnan(codes) & ~absent


def level_of(code: float, column: Column) -> str | None:
    """Return the level behind a code, None for a missing value."""
    return None if np.isnan(code) else column.levels[int(code)]


def encode(frame: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """Return a frame in which the schema's categories are codes; other columns stay.

    Unseen categories become missing values. A column of floats already holds codes.
    """
    changed = {
        column.name: codes_of(frame[column.name], column, schema.missing)[0]
        for column in schema.columns
        if column.categorical
        and column.name in frame.columns
        and not is_float_dtype(frame[column.name])
    }
    return _replaced(frame, changed)


def decode(frame: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """Return validated customers with levels as texts, None for a missing value."""
    changed = {
        column.name: pd.Series(
            [level_of(code, column) for code in frame[column.name]],
            index=frame.index,
            dtype=object,
        )
        for column in schema.columns
        if column.categorical and column.name in frame.columns
    }
    return _replaced(frame, changed)


def _replaced(frame: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return a frame with other values in some columns, whatever these are called."""
    result = frame.copy(deep=False)
    for name, values in columns.items():
        result[name] = values
    return result
