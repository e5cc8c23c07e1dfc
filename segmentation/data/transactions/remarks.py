"""What stands out in transactions, counted where they are: left out, refunded, repeated, mixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from segmentation.data.transactions.features import (
    BOUGHT,
    DAY,
    REFUNDED,
    REFUNDS,
    REPEATS,
    ROWS,
    VALUE,
    WHO,
    says_who_and_how_much,
    usable,
    within,
)
from segmentation.data.transactions.recipe import LEAVE_OUT, Recipe
from segmentation.errors import DataError, Problem
from segmentation.interpretation.formatting import with_noun

if TYPE_CHECKING:
    import ibis.expr.types as ir

MOST_CURRENCIES = 4


@dataclass(frozen=True)
class Looked:
    """What one look at all prepared transactions says, before anything is collected."""

    as_of: date
    counts: Mapping[str, int]
    currencies: tuple[tuple[str, int], ...]


def look(rows: ir.Table, recipe: Recipe, as_of: date | None) -> Looked:
    """Count prepared transactions that are left out; find the day where none is named.

    That is the day after the last transaction.

    Raises
    ------
    DataError
        When no row before the day says who, when and how much.
    """
    import ibis  # noqa: PLC0415 - takes 0.7 s

    whole = says_who_and_how_much(rows) & rows[DAY].notnull()
    before = whole & (rows[DAY] < ibis.literal(as_of)) if as_of else whole
    columns: dict[str, Any] = {
        "no_customer": rows.count(where=rows[WHO].isnull()),
        "no_time": rows.count(where=rows[DAY].isnull()),
        "no_amount": rows.count(where=rows[VALUE].isnull()),
        "whole": rows.count(where=whole),
        "before": rows.count(where=before),
        "last": rows[DAY].max(where=whole),
    }
    counts = rows.agg(**columns).to_pyarrow().to_pylist()[0]
    last = counts.pop("last")
    if not counts["before"]:
        raise _none(f"before {as_of.isoformat()}" if as_of else "before any day")
    as_of = as_of or (last if type(last) is date else last.date()) + timedelta(days=1)
    if recipe.transaction:
        recent = within(usable(rows, as_of), as_of, recipe.longest)
        names = recent.agg(recent=recent.count(), names=recent["transaction"].nunique())
        counts |= names.to_pyarrow().to_pylist()[0]
    return Looked(as_of, counts, _currencies(usable(rows, as_of)) if recipe.currency else ())


def remarks_on(looked: Looked, customers: pd.DataFrame, recipe: Recipe) -> tuple[str, ...]:
    """Return sentences on transactions, without a customer's value.

    `customers` are as :func:`segmentation.data.transactions.features.counted_features` makes them.
    """
    return (
        *_on_rows(looked, customers),
        *_on_customers(customers, recipe),
        *_on_repeats(looked, customers, recipe),
        *_on_currencies(looked.currencies),
    )


def _none(when: str) -> DataError:
    expected = f"at least one transaction {when} with customer, time and amount"
    return DataError(
        [Problem(None, "no_rows", expected, "Check the day, and the columns of the recipe.")],
        "the table of transactions",
    )


def _on_rows(looked: Looked, customers: pd.DataFrame) -> Iterator[str]:
    counts, day = looked.counts, looked.as_of.isoformat()
    yield f"{_rows(counts['before'])} before {day} of {_people(int(customers[ROWS].count()))}"
    for column in ("customer", "time", "amount"):
        if count := counts[f"no_{column}"]:
            yield f"{_rows(count)} without a {column} left out"
    if count := counts["whole"] - counts["before"]:
        yield f"{_rows(count)} on or after {day} left out"
    if count := int(customers[REFUNDS].sum()):
        bought = customers[BOUGHT].sum()
        share = f", {customers[REFUNDED].sum() / bought:.1%} of what was bought" if bought else ""
        as_refunds = "counts as a refund" if count == 1 else "count as refunds"
        yield f"{_rows(count)} {as_refunds}{share}"
        if customers[REFUNDED].sum() > bought:
            yield (
                "more is refunded than bought: where amounts below zero are spending, as in "
                "exports of accounts, change their sign and leave out what came in first"
            )


def _on_customers(customers: pd.DataFrame, recipe: Recipe) -> Iterator[str]:
    buyers = customers[f"purchases_{recipe.longest}d"] > 0
    if count := int((customers[ROWS].notna() & ~buyers).sum()):
        fate = "left out" if recipe.without_transactions == LEAVE_OUT else "kept, with zeros"
        yield f"{_people(count)} bought nothing in the last {recipe.longest} days: {fate}"


def _on_repeats(looked: Looked, customers: pd.DataFrame, recipe: Recipe) -> Iterator[str]:
    repeats, days = int(customers[REPEATS].sum()), f" of the last {recipe.longest} days"
    if recipe.transaction:
        if repeats:
            repeat = "repeats" if repeats == 1 else "repeat"
            yield f"{_rows(repeats)}{days} {repeat} another with its {recipe.transaction}: left out"
        if several := looked.counts["recent"] - repeats - looked.counts["names"]:
            differ = ("has", "differs") if several == 1 else ("have", "differ")
            yield (
                f"{_rows(several)}{days} {differ[0]} the {recipe.transaction} of another and "
                f"{differ[1]} from it: all count"
            )
    elif repeats:
        yield (
            f"{_rows(repeats)}{days} {'is' if repeats == 1 else 'are'} equal to another in all "
            f"columns that are used: {'it counts' if repeats == 1 else 'they count'}. "
            "Name the column that names a transaction in the recipe (transaction:) to leave "
            "repeats out"
        )


def _currencies(usable: ir.Table) -> tuple[tuple[str, int], ...]:
    """Return currencies and their numbers of transactions, the most frequent first."""
    by_currency = usable.group_by("currency").agg(n=usable.count()).to_pyarrow().to_pylist()
    counts = ((row["currency"] or "none", int(row["n"])) for row in by_currency)
    return tuple(sorted(counts, key=lambda pair: (-pair[1], pair[0])))


def _on_currencies(currencies: Sequence[tuple[str, int]]) -> Iterator[str]:
    if len(currencies) > 1:
        first = [f"{name} {count:,}" for name, count in currencies[:MOST_CURRENCIES]]
        names = ", ".join([*first, "…"] if len(currencies) > len(first) else first)
        yield (
            f"amounts are in {len(currencies)} currencies ({names}) and are added as they are: "
            "convert them first, or collect each currency by a query of its own"
        )


def _rows(count: int) -> str:
    return with_noun(count, "transaction")


def _people(count: int) -> str:
    return with_noun(count, "customer")
