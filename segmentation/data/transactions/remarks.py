"""What stands out in transactions, counted where they are: left out, refunded, repeated, mixed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from segmentation.data.transactions.features import DAY, REFUND, VALUE, WHO, says_who_and_how_much
from segmentation.data.transactions.recipe import LEAVE_OUT, Recipe
from segmentation.errors import DataError, Problem

if TYPE_CHECKING:
    import ibis.expr.types as ir

MOST_CURRENCIES = 4


def last_day(rows: ir.Table) -> date:
    """Return the day of the last transaction.

    Raises
    ------
    DataError
        When no row says who, when and how much.
    """
    usable = rows.filter(says_who_and_how_much(rows))
    day = usable[DAY].max().to_pyarrow().as_py()
    if day is None:
        raise _none("before any day")
    return day if type(day) is date else day.date()


def remarks_on(rows: ir.Table, recipe: Recipe, as_of: date) -> tuple[str, ...]:
    """Return sentences on prepared transactions, without a customer's value.

    Raises
    ------
    DataError
        When no transaction is left before the day.
    """
    import ibis  # noqa: PLC0415 - takes 0.7 s

    day = ibis.literal(as_of)
    whole = says_who_and_how_much(rows) & rows[DAY].notnull()
    before = whole & (rows[DAY] < day)
    start = ibis.literal(as_of - timedelta(days=recipe.longest))
    counts = rows.agg(
        rows=rows.count(),
        no_customer=rows[WHO].isnull().sum(),
        no_time=rows[DAY].isnull().sum(),
        no_amount=rows[VALUE].isnull().sum(),
        later=(whole & (rows[DAY] >= day)).sum(),
        before=before.sum(),
        inside=(before & (rows[DAY] >= start)).sum(),
        refunds=(before & rows[REFUND]).sum(),
        refunded=rows[VALUE].sum(where=before & rows[REFUND]),
        bought=rows[VALUE].sum(where=before & ~rows[REFUND]),
        customers=rows[WHO].nunique(where=before),
        buyers=rows[WHO].nunique(where=before & (rows[DAY] >= start) & ~rows[REFUND]),
    ).to_pyarrow()
    counted = {name: value or 0 for name, value in counts.to_pylist()[0].items()}
    if not counted["before"]:
        raise _none(f"before {as_of.isoformat()}")
    usable = rows.filter(before)
    return (
        *_on_rows(counted, as_of),
        *_on_customers(counted, recipe),
        *_on_repeats(usable, counted["before"], recipe),
        *(_on_currencies(usable) if recipe.currency else ()),
    )


def _none(when: str) -> DataError:
    expected = f"at least one transaction {when} with customer, time and amount"
    return DataError(
        [Problem(None, "no_rows", expected, "Check the day, and the columns of the recipe.")],
        "the table of transactions",
    )


def _on_rows(counted: dict[str, Any], as_of: date) -> Iterator[str]:
    customers = f"{counted['customers']:,} customers"
    yield f"{_rows(counted['before'])} before {as_of.isoformat()} of {customers}"
    for column in ("customer", "time", "amount"):
        if count := counted[f"no_{column}"]:
            yield f"{_rows(count)} without a {column} left out"
    if count := counted["later"]:
        yield f"{_rows(count)} on or after {as_of.isoformat()} left out"
    if count := counted["refunds"]:
        share = f", {counted['refunded'] / counted['bought']:.1%} of what was bought"
        yield f"{_rows(count)} count as refunds{share if counted['bought'] else ''}"


def _on_customers(counted: dict[str, Any], recipe: Recipe) -> Iterator[str]:
    if count := counted["customers"] - counted["buyers"]:
        fate = "left out" if recipe.without_transactions == LEAVE_OUT else "kept, with zeros"
        yield f"{count:,} customers bought nothing in the last {recipe.longest} days: {fate}"


def _on_repeats(usable: ir.Table, count: int, recipe: Recipe) -> Iterator[str]:
    repeats = count - usable.distinct().count().to_pyarrow().as_py()
    if recipe.transaction:
        if repeats:
            yield f"{_rows(repeats)} repeat another with its {recipe.transaction}: left out"
        once = usable.distinct()
        different = once.count() - once["transaction"].nunique()
        if several := different.to_pyarrow().as_py():
            yield (
                f"{_rows(several)} have the {recipe.transaction} of another and differ from it: "
                "all count"
            )
    elif repeats:
        yield (
            f"{_rows(repeats)} are equal to another in all columns that are used: they count. Name "
            "the column that names a transaction in the recipe (transaction:) to leave repeats out"
        )


def _on_currencies(usable: ir.Table) -> Iterator[str]:
    by_currency = usable.group_by("currency").agg(n=usable.count())
    rows = by_currency.to_pyarrow().to_pylist()
    if len(rows) > 1:
        rows.sort(key=lambda row: -row["n"])
        first = [f"{row['currency'] or 'none'} {row['n']:,}" for row in rows[:MOST_CURRENCIES]]
        names = ", ".join([*first, "…"] if len(rows) > len(first) else first)
        yield (
            f"amounts are in {len(rows)} currencies ({names}) and are added as they are: convert "
            "them first, or collect each currency by a query of its own"
        )


def _rows(count: int) -> str:
    return f"{count:,} transaction{'' if count == 1 else 's'}"
