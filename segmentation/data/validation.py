"""Check a table against its schema, with every failure at once, and make it ready for a model."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from segmentation.data.warehouse.address import Snapshot
from segmentation.disclosure import minimum_group
from segmentation.errors import MOST_EXAMPLES, MOST_LEVELS, DataError, Problem, nearest
from segmentation.schema import Column, TableSchema
from segmentation.schema.dates import time_since
from segmentation.schema.drafting.identifiers import key_of, repeated_customers
from segmentation.schema.levels import codes_of, is_missing
from segmentation.schema.numbers import is_temporal, read_numbers
from segmentation.schema.table_schema import ANSWERS, DATE_ORDERS
from segmentation.types import FloatArray

NOT_A_NUMBER = (
    "not_a_number",
    "numbers with a decimal {mark}, or nothing for unknown",
    "Correct these cells, leave them empty, or list the text under `missing` in the schema.",
)
TRUTHS = ("true_or_false", "0 or 1", "1 is taken for true, 0 for false.")
# From more columns on that nothing in a table resembles, it is another table.
LEAST_STRANGE = 3
# From so many cells on, a column that is read with the other decimal mark is one mistake.
LEAST_OTHERWISE = 5
NO_SOURCE = "the table"
UNSEEN = "unseen_level"
# A name at least so much alike is offered for one that is missing.
NEAR = 0.8
UNREAD = "unread_outcome"
UNSEEN_REMEDY = "It is treated as missing; add it to the schema's levels and train again."
# No outcome is larger: its square would not be a number.
LARGEST_OUTCOME = 1e140


@dataclass(frozen=True)
class Validated:
    """Customers that a segmenter can take, and warnings that fail nothing.

    The customers have shape (n, d), float64, with the schema's columns in order and NaN for a
    missing value; the index holds their identifiers, or counts from 0 where there are none.
    The outcomes that the table has are alike, with the same index; None where it has none.
    """

    customers: pd.DataFrame
    warnings: tuple[Problem, ...] = ()
    outcomes: pd.DataFrame | None = None
    remarks: tuple[str, ...] = ()  # where the table stands in its file
    snapshot: Snapshot | None = None  # where it came from, and when


def validate(
    frame: pd.DataFrame,
    schema: TableSchema,
    source: str = NO_SOURCE,
    *,
    to_train: bool = False,
) -> Validated:
    """Return the customers of a table.

    The order of columns does not matter; unknown columns are dropped with a warning, excluded
    ones and outcomes without. Missing values stay missing, categories become codes, and unseen
    categories are treated as missing, with a warning. `source` is named in messages. A column
    without any value fails if a model will learn from it (`to_train`). Outcomes never fail; where
    they are missing or cannot be read, that is a warning, and only `to_train`.

    Raises
    ------
    DataError
        With every failing check: missing or doubled columns, no rows, text in numbers,
        infinities, and columns without any value.
    """
    if problems := list(_structural(frame, schema)):
        raise DataError(problems, source)
    if to_train:
        refuse_repeated_customers(frame, source)
    numbers, not_numbers, noticed = _numeric(frame, schema)
    failures = [*not_numbers, *_failures(numbers, _hard_checks(schema, to_train), schema)]
    if failures:
        raise DataError(_in_schema_order(failures, schema), source)
    warnings = [
        *unknown_columns(frame.columns, schema),
        *noticed,
        *_unexpected_missing(numbers, schema, [p for p in noticed if p.check == UNSEEN]),
        *_failures(numbers, _soft_checks(schema), schema),
    ]
    index, doubled = _identifiers(frame, schema)
    outcomes, unread = _outcomes(frame, schema)
    return Validated(
        numbers.set_axis(index),
        (*warnings, *doubled, *(unread if to_train else ())),
        outcomes.set_axis(index) if len(outcomes.columns) else None,
    )


def refuse_repeated_customers(frame: pd.DataFrame, source: str = NO_SOURCE) -> None:
    """Refuse a table whose rows are purchases, not customers, before anything is learnt of it.

    Raises
    ------
    DataError
        With how many customers there are in how many rows, and how to sum them up.
    """
    repeated = repeated_customers(frame)
    if repeated is None:
        return
    column, customers, rows = repeated
    amount = next(
        (str(n) for n in frame.columns if n != column and _is_amount(str(n), frame[n])), ""
    )
    total = f", total=({amount!r}, 'sum')" if amount else ""
    expected = (
        f"one row a customer, found {customers:,} customers in {rows:,} rows: a row seems to be a "
        "purchase"
    )
    commands = (
        f"customer-segmentation collect --data {shlex.quote(source)} --out customers.parquet\n"
        "        customer-segmentation search --data customers.parquet --schema customers.yaml"
        "\n    "
    )
    way = "Sum up per customer first, with "
    if source != NO_SOURCE:
        way = f"Two commands lead to segments:\n        {commands}In Python: "
    remedy = (
        f"{way}segmentation.data.features_from_transactions(frame), or with pandas: "
        f"frame.groupby({column!r}).agg(purchases=({column!r}, 'size'){total})."
    )
    raise DataError([Problem(column, "repeated_customers", expected, remedy)], source)


def _is_amount(name: str, values: pd.Series[Any]) -> bool:
    return is_numeric_dtype(values) and not is_bool_dtype(values) and key_of(name, values) is None


def _structural(frame: pd.DataFrame, schema: TableSchema) -> Iterator[Problem]:
    names = [str(name) for name in frame.columns]
    spare = [name for name in names if name not in _described(schema)]
    near = {n: nearest(n, spare, NEAR) for n in schema.column_names if n not in names}
    strange = [name for name, other in near.items() if not other]
    if is_another := len(strange) > max(LEAST_STRANGE, len(schema.columns) / 2):
        count = len(schema.columns)
        first = ", ".join([*strange[:MOST_EXAMPLES], "…"])
        yield Problem(
            None,
            "another_table",
            f"the {count} columns of the schema {schema.name}, found {count - len(near)} of them "
            f"({first} are missing)",
            "It is another table, its columns have other names, or something else separates them; "
            "to search it, take schema=auto, which drafts its own.",
        )
    for name in schema.column_names:
        if names.count(name) > 1:
            yield Problem(name, "doubled_column", "one column of that name", "Remove the others.")
        elif name in near and not (is_another and name in strange):
            hint = "Add it, or check the file."
            if near[name]:
                hint = f"Rename {near[name]!r}, if that is it."
            yield Problem(name, "missing_column", "a column of exactly that name", hint)
    if not len(frame):
        yield Problem(None, "no_rows", "at least one row below the header", "Check the export.")


def _numeric(
    frame: pd.DataFrame, schema: TableSchema
) -> tuple[pd.DataFrame, list[Problem], list[Problem]]:
    """Return the feature columns as float64, what is wrong in them, and warnings."""
    numbers: dict[str, FloatArray] = {}
    failures, warnings = [], []
    for column in schema.columns:
        raw = frame[column.name]
        if problem := _another_type(raw, column):
            failures.append(problem)
            numbers[column.name] = np.zeros(len(raw))
            continue
        numbers[column.name], wrong = _values(raw, column, schema)
        if column.categorical:
            check, expected, remedy = UNSEEN, f"one of {', '.join(column.levels)}", UNSEEN_REMEDY
        else:
            check, expected, remedy = _not_a_number(column)
            if count := int(np.isfinite(_truths(raw, column)).sum()):
                warnings.append(Problem(column.name, *TRUTHS, count=count))
        if problem := _another_mark(raw, column, wrong):
            failures.append(problem)
        elif wrong.any():
            problem = _problem(column.name, check, expected, remedy, values=raw, wrong=wrong)
            (warnings if column.categorical else failures).append(problem)
    return pd.DataFrame(numbers), failures, warnings


def _not_a_number(column: Column) -> tuple[str, str, str]:
    check, expected, remedy = NOT_A_NUMBER
    if column.dates:
        return check, f"dates, written {DATE_ORDERS[column.dates]}, or the time as a number", remedy
    mark = "comma" if column.decimal == "," else "point"
    return check, expected.format(mark=mark), remedy


def _another_mark(raw: pd.Series[Any], column: Column, wrong: NDArray[np.bool_]) -> Problem | None:
    """Return that a whole column is written with the other decimal mark: no matter of cells."""
    count = int(wrong.sum())
    if column.categorical or column.dates or count < max(LEAST_OTHERWISE, raw.notna().sum() / 2):
        return None
    comma = column.decimal == ","
    if not np.isfinite(read_numbers(raw[wrong], "." if comma else ",")).all():
        return None
    own, other = ("comma", "point") if comma else ("point", "comma")
    return Problem(
        column.name,
        "another_decimal_mark",
        f"numbers with a decimal {own}, found them with a decimal {other}",
        f"Save the file with decimal {own}s, or train with decimal: '{'.' if comma else ','}' in "
        "the schema.",
    )


def _another_type(raw: pd.Series[Any], column: Column) -> Problem | None:
    """Return what is wrong with a column whose type measures nothing."""
    if column.categorical or column.dates:
        return None
    if is_temporal(raw) and raw.notna().any():
        kind = "durations" if raw.dtype.kind == "m" else "dates"
        remedy = "Put a number in its place, for example the months since, or leave it empty."
        return Problem(column.name, "not_a_number", f"numbers, found {kind}", remedy)
    if is_bool_dtype(raw) and not column.binary:
        remedy = "Put the number in its place, or leave it empty."
        return Problem(column.name, "not_a_number", "numbers, found true and false", remedy)
    return None


def _truths(raw: pd.Series[Any], column: Column) -> FloatArray:
    """Return 1 for true and 0 for false where they answer a question; NaN for all else."""
    if not column.binary or (is_numeric_dtype(raw) and not is_bool_dtype(raw)):
        return np.full(len(raw), np.nan)
    texts = raw.map(lambda cell: str(cell).strip().casefold(), na_action="ignore").astype(object)
    return np.array(texts.map({"true": 1.0, "false": 0.0}), dtype=np.float64)


def _answers(raw: pd.Series[Any], column: Column) -> pd.Series[Any]:
    """Return a category's cells with true and false as its levels for yes and no."""
    truths = _truths(raw, column)
    folded = tuple(level.casefold() for level in column.levels)
    if np.isnan(truths).all() or "true" in folded:
        return raw
    no, yes = column.levels if folded in ANSWERS else reversed(column.levels)
    answers = np.where(truths == 1, yes, np.where(truths == 0, no, raw.astype(object)))
    return pd.Series(answers, index=raw.index, name=raw.name, dtype=object)


def _values(
    raw: pd.Series[Any], column: Column, schema: TableSchema
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return a column as numbers or codes, and a mask of what is neither, both of shape (n,)."""
    if column.categorical:
        return codes_of(_answers(raw, column), column, schema.missing)
    if column.dates:
        unit = "months" if column.kind == "months" else "years"
        numeric = time_since(raw, column.dates, column.since, unit)
    else:
        truths = _truths(raw, column)
        numeric = np.where(np.isnan(truths), read_numbers(raw, column.decimal), truths)
    if column.missing:
        numeric = np.where(is_missing(raw, column.missing), np.nan, numeric)
    wrong = np.isnan(numeric)
    if wrong.any():
        wrong &= ~is_missing(raw, (*schema.missing, *column.missing))
    return numeric, wrong


def _outcomes(frame: pd.DataFrame, schema: TableSchema) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the outcomes that a table has, as float64, and what a model cannot learn of them."""
    outcomes: dict[str, FloatArray] = {}
    problems = []
    names = [str(name) for name in frame.columns]
    for column in schema.outcomes:
        if names.count(column.name) != 1:
            expected, remedy = "one column of that name", "Segments are described without it."
            problems.append(Problem(column.name, "missing_outcome", expected, remedy))
            continue
        raw = frame.iloc[:, names.index(column.name)]
        if _another_type(raw, column):
            values, wrong = np.full(len(raw), np.nan), raw.notna().to_numpy()
        else:
            values, wrong = _values(raw, column, schema)
            wrong = wrong | (np.abs(values) > LARGEST_OUTCOME)
        outcomes[column.name] = np.where(wrong, np.nan, values)
        if wrong.any():
            levels = f"one of {', '.join(column.levels)}" if column.categorical else "a number"
            remedy = "These cells count as missing in this outcome."
            problems.append(_problem(column.name, UNREAD, levels, remedy, values=raw, wrong=wrong))
    return pd.DataFrame(outcomes), problems


def _hard_checks(schema: TableSchema, to_train: bool) -> pa.DataFrameSchema:
    checks = [pa.Check(np.isfinite, error="infinite")]
    if to_train:
        checks.append(pa.Check(lambda v: bool(v.notna().any()), error="no_values", ignore_na=False))
    return pa.DataFrameSchema(
        {name: pa.Column(float, checks, nullable=True) for name in schema.column_names}
    )


def _soft_checks(schema: TableSchema) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {
            column.name: pa.Column(
                float,
                pa.Check.in_range(*column.plausible, error="implausible"),
                nullable=True,
            )
            for column in schema.columns
            if column.plausible
        }
    )


REMEDIES = {
    "infinite": "Correct these cells, or leave them empty.",
    "no_values": "Fill the column, or use a schema without it.",
    "implausible": "Check the unit; the values are used as they are.",
}


def _failures(
    numbers: pd.DataFrame, checks: pa.DataFrameSchema, schema: TableSchema
) -> list[Problem]:
    try:
        checks.validate(numbers, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return []
    problems = []
    for (name, check), rows in cases.groupby(["column", "check"], sort=False):
        positions = rows["index"].dropna().to_numpy(dtype=np.int64)
        wrong = np.zeros(len(numbers), dtype=bool)
        wrong[positions] = True
        values = numbers[name]
        expected = _expected(check, schema.column(name))
        problems.append(
            _problem(name, check, expected, REMEDIES[check], values=values, wrong=wrong)
        )
    return problems


def _expected(check: str, column: Column) -> str:
    if check == "implausible" and column.plausible:
        low, high = column.plausible
        return f"{low:,g} to {high:,g} {column.unit}".rstrip()
    return {"infinite": "a finite number", "no_values": "at least one known value"}[check]


def _problem(
    column: str,
    check: str,
    expected: str,
    remedy: str,
    *,
    values: pd.Series[float] | pd.Series[str],
    wrong: NDArray[np.bool_],
) -> Problem:
    rows = np.flatnonzero(wrong)
    unseen = check == UNSEEN
    distinct = values.iloc[rows].unique() if unseen else values.iloc[rows[:100]]
    texts = dict.fromkeys(str(value) for value in distinct[:MOST_LEVELS])
    shared: tuple[str, ...] = ()
    if unseen and len(rows) >= minimum_group():
        counts = values.iloc[rows].value_counts()
        shared = tuple(map(str, counts.index[counts >= minimum_group()][:MOST_EXAMPLES]))
    return Problem(
        column=column,
        check=check,
        expected=expected,
        remedy=remedy,
        count=len(rows),
        examples=tuple(texts)[:MOST_EXAMPLES],
        levels=frozenset(text.strip().casefold() for text in texts) if unseen else frozenset(),
        rows=tuple(rows.tolist()),
        shared=shared,
    )


def unknown_columns(names: Iterable[object], schema: TableSchema) -> Iterator[Problem]:
    """Yield a warning for every column that the schema does not mention."""
    described = _described(schema)
    for name in names:
        if name not in described:
            yield Problem(
                str(name),
                "unknown_column",
                f"only the columns of the schema {schema.name}",
                "It is ignored.",
            )


def _described(schema: TableSchema) -> set[str | None]:
    roles = (schema.column_names, schema.outcome_names, schema.excluded)
    return {schema.identifier, *(name for names in roles for name in names)}


def _unexpected_missing(
    numbers: pd.DataFrame, schema: TableSchema, unseen: Sequence[Problem]
) -> Iterator[Problem]:
    levels = {problem.column: list(problem.rows) for problem in unseen}
    for column in schema.columns:
        empty = numbers[column.name].isna().to_numpy(copy=True)
        empty[levels.get(column.name, [])] = False  # there is a value, if one never seen
        rows = np.flatnonzero(empty)
        if len(rows) and not column.nullable:
            yield Problem(
                column=column.name,
                check="missing_value",
                expected="a value",
                remedy="Missing values are filled as they were in training.",
                count=len(rows),
                rows=tuple(rows.tolist()),
            )


def _identifiers(
    frame: pd.DataFrame, schema: TableSchema
) -> tuple[pd.Index[str] | pd.RangeIndex, list[Problem]]:
    name = schema.identifier
    if name is None:
        return pd.RangeIndex(len(frame)), []
    if name not in frame.columns:
        missing = Problem(
            name, "no_identifier", "a column that names customers", "Rows are numbered instead."
        )
        return pd.RangeIndex(len(frame)), [missing]
    index = pd.Index(frame[name].astype(str), name=name)
    rows = np.flatnonzero(index.duplicated(keep=False))
    if not len(rows):
        return index, []
    doubled = Problem(
        column=name,
        check="doubled_identifier",
        expected="one row per customer",
        remedy="Every row is scored on its own.",
        count=len(rows),
        rows=tuple(rows.tolist()),
    )
    return index, [doubled]


def _in_schema_order(problems: Sequence[Problem], schema: TableSchema) -> list[Problem]:
    position = {name: number for number, name in enumerate(schema.column_names)}
    return sorted(problems, key=lambda problem: position.get(problem.column or "", -1))
