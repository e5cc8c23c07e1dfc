"""Generated requests to score, of every format, good and bad."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from experiments.scoring_bodies import CSV, JSON, PARQUET
from segmentation.schema import TableSchema

Sent = tuple[str, bytes]
BAD = 0.3


def generated(
    customers: pd.DataFrame, schema: TableSchema, count: int, seed: int
) -> Iterator[Sent]:
    """Yield so many requests: content type and body. Three in ten have something unusual."""
    chance = random.Random(seed)
    for _ in range(count):
        form = chance.choice([_split, _records, _csv, _parquet])
        table = _some(customers, chance)
        wishes = chance.choice([None, None, "full", "basic"])
        if chance.random() < BAD:
            yield chance.choice(ODD)(table, schema, form, chance)
        else:
            yield form(table, wishes, schema)


def _some(customers: pd.DataFrame, chance: random.Random) -> pd.DataFrame:
    """Return a few customers, some cells empty, columns in any order, perhaps one more."""
    rows = chance.choice([1, 1, 1, 1, 2, 3, 5, 40])
    start = chance.randrange(len(customers) - rows)
    table = customers.iloc[start : start + rows].copy()
    for name in chance.sample(list(table), chance.randrange(4)):
        table.iloc[chance.randrange(rows), table.columns.get_loc(name)] = None
    if chance.random() < 0.3:
        table = table[chance.sample(list(table), len(table.columns))]
    if chance.random() < 0.3:
        table = table.assign(ID=[f"é{row}" for row in range(rows)])
    return table


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(object).where(table.notna(), None)


def _split(table: pd.DataFrame, detail: str | None, _: TableSchema) -> Sent:
    split = _plain(table).to_dict("split")
    return _json({"dataframe_split": {k: split[k] for k in ("columns", "data")}}, detail)


def _records(table: pd.DataFrame, detail: str | None, _: TableSchema) -> Sent:
    return _json({"dataframe_records": _plain(table).to_dict("records")}, detail)


def _json(content: dict[str, Any], detail: str | None) -> Sent:
    params = {"params": {"detail": detail}} if detail else {}
    return JSON, json.dumps({**content, **params}, default=str).encode()


def _csv(table: pd.DataFrame, detail: str | None, schema: TableSchema) -> Sent:
    return CSV, _with_detail(table, detail, schema).to_csv(index=False).encode()


def _parquet(table: pd.DataFrame, detail: str | None, schema: TableSchema) -> Sent:
    stream = io.BytesIO()
    _with_detail(table, detail, schema).to_parquet(stream, index=False)
    return PARQUET, stream.getvalue()


def _with_detail(table: pd.DataFrame, detail: str | None, schema: TableSchema) -> pd.DataFrame:
    return table.assign(**{schema.detail_column: detail}) if detail else table


def _cell(value: object) -> Callable[..., Sent]:
    """Return what sends a table with a value in one of its cells."""

    def send(table: pd.DataFrame, schema: TableSchema, form: Any, chance: random.Random) -> Sent:
        odd = table.astype(dict.fromkeys(table, object))
        odd.iloc[chance.randrange(len(odd)), chance.randrange(len(odd.columns))] = value
        odd = odd.infer_objects()
        if form is _parquet:  # a column has one type there
            odd = odd.astype({name: str for name in odd if odd[name].dtype == object})
        return form(odd, None, schema)

    return send


def _column(change: Callable[[pd.Series], Any]) -> Callable[..., Sent]:
    """Return what sends a table with one column of another kind."""

    def send(table: pd.DataFrame, schema: TableSchema, form: Any, chance: random.Random) -> Sent:
        name = chance.choice([c.name for c in schema.columns if not c.categorical])
        return form(table.assign(**{name: change(table[name])}), None, schema)

    return send


def _without(table: pd.DataFrame, schema: TableSchema, form: Any, chance: random.Random) -> Sent:
    return form(table.drop(columns=chance.choice(schema.column_names)), "full", schema)


def _no_rows(table: pd.DataFrame, schema: TableSchema, form: Any, _: random.Random) -> Sent:
    return form(table.iloc[:0], None, schema)


def _other_detail(table: pd.DataFrame, schema: TableSchema, form: Any, _: random.Random) -> Sent:
    return form(table, "everything", schema)


def _detail_as_column(
    table: pd.DataFrame, schema: TableSchema, form: Any, chance: random.Random
) -> Sent:
    details = [chance.choice(["full", "basic", None]) for _ in range(len(table))]
    return form(table.assign(**{schema.detail_column: details}), None, schema)


def _cut(table: pd.DataFrame, schema: TableSchema, form: Any, chance: random.Random) -> Sent:
    kind, body = form(table, None, schema)
    return kind, body[: chance.randrange(len(body))]


def _other_kind(table: pd.DataFrame, schema: TableSchema, form: Any, chance: random.Random) -> Sent:
    return chance.choice([JSON, CSV, PARQUET]), form(table, None, schema)[1]


def _index(table: pd.DataFrame, schema: TableSchema, form: Any, chance: random.Random) -> Sent:
    """Send Parquet or CSV with one of the columns as an index, or JSON with one beside."""
    if form is _parquet:
        stream = io.BytesIO()
        table.set_index(chance.choice(schema.column_names)).to_parquet(stream)
        return PARQUET, stream.getvalue()
    if form is _csv:
        return CSV, table.to_csv().replace(",", "", 1).encode()
    return JSON, json.dumps({"dataframe_split": _plain(table).to_dict("split")}).encode()


def _other_json(table: pd.DataFrame, schema: TableSchema, _: Any, chance: random.Random) -> Sent:
    columns = _plain(table).to_dict("list")
    records = _plain(table).to_dict("records")
    split = {"columns": list(table), "data": [list(row.values()) for row in records]}
    forms: list[Any] = [
        {"inputs": columns},
        {"instances": records},
        {"inputs": records},
        {"dataframe_split": split, "more": 1},
        {"dataframe_split": split, "dataframe_records": records},
        {"dataframe_split": {**split, "columns": [*split["columns"][:-1], split["columns"][0]]}},
        {"dataframe_split": {**split, "data": [row[:-1] for row in split["data"]]}},
        {"dataframe_split": {**split, "data": [*split["data"], [1]]}},
        {"dataframe_split": {"data": split["data"]}},
        {"dataframe_split": split, "params": []},
        {"dataframe_split": split, "params": None},
        {"dataframe_split": split, "params": {"detail": None}},
        {"dataframe_split": split, "params": {"detail": ["basic"]}},
        {"dataframe_records": [*records, {}]},
        {"dataframe_records": [*records, {schema.column_names[0]: 1.0}]},
        {"dataframe_records": [*records, [1]]},
        {"dataframe_records": records[0]},
        {"dataframe_records": []},
        {"messages": records},
        {"dataframe_split": split, "prompt": "x"},
        records,
        1,
    ]
    return JSON, json.dumps(chance.choice(forms), default=str).encode()


ODD: tuple[Callable[..., Sent], ...] = (
    *map(_cell, ["text", True, np.inf, float("nan"), 2**53 + 1, -(2**70), 10**400, [1.0], "1.5"]),
    *map(_cell, ["inf", "", " 7 ", "1e999", 'é\n,"']),
    _column(lambda values: values.astype("float32")),
    _column(lambda values: values.fillna(1e6).round().astype("int64")),
    _column(lambda values: values.fillna(1).clip(-9, 9).astype("int8")),
    _column(lambda values: values.astype(str)),
    _column(lambda values: values > 0),
    _column(lambda _: pd.Timestamp("2026-01-01")),
    _column(lambda _: None),
    *(_without, _no_rows, _other_detail, _detail_as_column, _cut, _other_kind, _index),
    *(_other_json, _other_json, _other_json),
)
