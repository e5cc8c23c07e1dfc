"""Collect one row a customer from a table of transactions, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from segmentation.data.synthetic import rows_and_seed
from segmentation.data.synthetic.card_transactions import (
    STATEMENTS,
    TRANSACTIONS,
    iter_statements,
    iter_transactions,
    write_pieces,
)
from segmentation.data.transactions.described import schema_of
from segmentation.data.transactions.drafting import (
    SAMPLE_ROWS,
    draft_accounts,
    draft_recipe,
    draft_statements,
)
from segmentation.data.transactions.features import (
    COUNTS,
    counted_features,
    features,
    prepared,
)
from segmentation.data.transactions.recipe import LEAVE_OUT, Recipe
from segmentation.data.transactions.remarks import look, remarks_on
from segmentation.data.warehouse.connection import engine, opened_table, speaking_of
from segmentation.data.warehouse.spark_tables import rows_on_spark, tables_on_spark
from segmentation.errors import DataError, Problem, SpecError
from segmentation.schema import TableSchema

if TYPE_CHECKING:
    import ibis.expr.types as ir


EMBEDDED = {TRANSACTIONS: iter_transactions, STATEMENTS: iter_statements}


@dataclass(frozen=True)
class Collected:
    """One row a customer as of a day, with its schema.

    Attributes
    ----------
    frame
        The identifier as the recipe calls it, then the features, ordered by customer.
    schema
        Of the frame, with the recipe inside: a model that learns from it knows how to collect.
    as_of
        The first day that does not count any more.
    remarks
        What was left out, refunded, repeated or mixed, in sentences.
    sql
        The query that was sent to where the transactions are.
    """

    frame: pd.DataFrame
    schema: TableSchema
    recipe: Recipe
    as_of: date
    remarks: tuple[str, ...]
    sql: str


def features_from_transactions(
    transactions: Any,
    recipe: Recipe | None = None,
    *,
    as_of: date | None = None,
    accounts: Any = None,
    statements: Any = None,
    name: str = "transactions",
    spark: Any = None,
) -> Collected:
    """Return one row a customer as of a day: recency, frequency, money, habits, regularity.

    Parameters
    ----------
    transactions
        A data frame, or a source: a file, folder or glob of CSV or Parquet, or a table in a
        database, where the features are then computed.
    recipe
        What to compute from which columns; by default a draft from the table's own.
    as_of
        The first day that does not count any more; by default the day after the last transaction.
        Windows close before it, so no later row changes a feature.
    accounts, statements
        Tables of the same kind, where the recipe has columns for them; sources of one database
        are joined there.
    name
        Of the schema.
    spark
        A running Spark session that computes the features, by default none. Tables are then data
        frames of Spark or pandas, or paths that Spark reads.

    Raises
    ------
    DataError
        When a table is none, lacks a column, or has no transaction before the day.
    """
    recipe = recipe or drafted(transactions, accounts, statements, spark)
    _must_agree(recipe, accounts=accounts, statements=statements)
    tables = {"transactions": transactions, "accounts": accounts, "statements": statements}
    with _opened(tables, recipe, spark) as (opened, connection):
        rows = prepared(opened["transactions"], recipe)
        looked = look(rows, recipe, as_of)
        day = looked.as_of
        others = opened.get("accounts"), opened.get("statements")
        table = counted_features(rows, recipe, day, *others)
        sql = str(connection.compile(table, pretty=True))
        # A million customers are not held twice.
        frame = table.to_pyarrow().to_pandas(split_blocks=True, self_destruct=True)
    remarks = remarks_on(looked, frame, recipe)
    frame = frame.drop(columns=[*COUNTS])
    if recipe.without_transactions == LEAVE_OUT:
        frame = frame[frame[f"purchases_{recipe.longest}d"] > 0]
    # Sorted here: engines order texts by their own rules.
    frame = frame.sort_values(recipe.customer, ignore_index=True)
    if not len(frame):
        expected = f"a customer who bought something in the {recipe.longest} days before {day}"
        problem = Problem(None, "no_rows", expected, "Keep the others, or choose another day.")
        raise DataError([problem], "the table of transactions")
    return Collected(frame, schema_of(recipe, name, day), recipe, day, remarks, sql)


def explained(
    source: str,
    recipe: Recipe,
    as_of: date,
    accounts: str | None = None,
    statements: str | None = None,
    *,
    spark: Any = None,
) -> str:
    """Return the SQL that collects from a source, without running it."""
    _must_agree(recipe, accounts=accounts, statements=statements)
    tables = {"transactions": source, "accounts": accounts, "statements": statements}
    with _opened(tables, recipe, spark) as (opened, connection):
        rows = prepared(opened["transactions"], recipe)
        table = features(rows, recipe, as_of, opened.get("accounts"), opened.get("statements"))
        return str(connection.compile(table, pretty=True))


def drafted(
    transactions: Any, accounts: Any = None, statements: Any = None, spark: Any = None
) -> Recipe:
    """Return a recipe drafted from a table of transactions, and of accounts and statements.

    Tables and `spark` are as for :func:`features_from_transactions`.

    Raises
    ------
    DataError
        When one has no column for customer, time, amount or balance.
    """
    recipe = draft_recipe(_sample(transactions, spark))
    if accounts is not None:
        recipe = replace(recipe, accounts=draft_accounts(_sample(accounts, spark)))
    if statements is not None:
        recipe = replace(recipe, statements=draft_statements(_sample(statements, spark)))
    return recipe


def _must_agree(recipe: Recipe, **tables: Any) -> None:
    """Refuse a table of which the recipe says nothing, and a recipe whose table is missing."""
    for name, table in tables.items():
        if (getattr(recipe, name) is None) != (table is None):
            lacks = "the table" if table is None else f"{name}: in the recipe"
            raise SpecError(
                f"{name}: expected both a table and its columns in the recipe, found no {lacks}. "
                "Name both, or neither."
            )


def _sample(table: Any, spark: Any) -> pd.DataFrame:
    """Return the first rows of a table."""
    sample: pd.DataFrame
    if isinstance(table, pd.DataFrame):
        return table.head(SAMPLE_ROWS)
    if spark is not None and not isinstance(table, str):
        return pd.DataFrame(table.limit(SAMPLE_ROWS).toPandas())
    with generated(table) as source:
        if spark is not None:
            with speaking_of(source):
                sample = rows_on_spark(spark, source, typed=True).limit(SAMPLE_ROWS).toPandas()
            return sample
        with opened_table(source) as opened:
            sample = opened.table.limit(SAMPLE_ROWS).to_pyarrow().to_pandas()
    return sample


@contextmanager
def _opened(
    tables: Mapping[str, Any], recipe: Recipe, spark: Any
) -> Iterator[tuple[dict[str, ir.Table], Any]]:
    """Yield the tables by name on one engine, that of the transactions, and the engine."""
    if spark is not None:
        with ExitStack() as stack:
            tables = {
                name: stack.enter_context(generated(table)) if isinstance(table, str) else table
                for name, table in tables.items()
            }
            yield stack.enter_context(tables_on_spark(spark, tables, recipe.time_zone))
        return
    texts: dict[str, tuple[str, ...]] = {"transactions": (recipe.customer, recipe.transaction)}
    texts["accounts"] = (recipe.accounts.customer,) if recipe.accounts else ()
    texts["statements"] = (recipe.statements.customer,) if recipe.statements else ()
    with ExitStack() as stack:
        opened: dict[str, ir.Table] = {}
        connection: Any = None
        for name, table in tables.items():
            if table is None:
                continue
            if isinstance(table, str):
                table = stack.enter_context(generated(table))  # noqa: PLW2901 - its file
                stack.enter_context(speaking_of(table))
                place = stack.enter_context(opened_table(table, texts[name], recipe.time_zone))
                opened[name], own = place.table, place.connection
            else:
                own = connection or stack.enter_context(engine(recipe.time_zone))
                opened[name] = _put(own, name, _as_arrow(table))
            if connection is not None and own is not connection:
                # Small beside the transactions: it travels to where those are.
                opened[name] = _put(connection, name, opened[name].to_pyarrow())
            connection = connection or own
        yield opened, connection


@contextmanager
def generated(source: str) -> Iterator[str]:
    """Yield a source, of embedded transactions or statements the file they are generated into."""
    scheme, _, rest = source.partition(":")
    if scheme not in EMBEDDED:
        yield source
        return
    with TemporaryDirectory() as folder:
        rows, seed = rows_and_seed(source, scheme, rest)
        path = Path(folder) / "rows.parquet"
        write_pieces(EMBEDDED[scheme](rows, seed), path)
        yield str(path)


def _put(connection: Any, name: str, rows: Any) -> ir.Table:
    """Return rows of this process as a table of an engine, for this session."""
    if connection.name == "duckdb":
        connection.con.register(name, rows)
        table: ir.Table = connection.table(name)
        return table
    return connection.create_table(name, rows, temp=True)


def _as_arrow(frame: pd.DataFrame) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - beside ibis

    return pa.Table.from_pandas(
        frame.set_axis([str(name) for name in frame.columns], axis=1), preserve_index=False
    )
