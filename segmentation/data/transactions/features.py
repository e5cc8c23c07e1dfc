"""One row a customer as of a day, as one expression that runs where the transactions are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from segmentation.data.transactions.recipe import LEAVE_OUT, Recipe
from segmentation.errors import DataError, Problem

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Columns of the prepared transactions, whatever they are called in the table.
WHO, DAY, VALUE, REFUND = "customer", "day", "value", "is_refund"
# What of a customer's transactions remarks are about, beside the features.
COUNTS = ROWS, REPEATS, REFUNDS, REFUNDED, BOUGHT = (
    *("rows before the day", "rows that repeat another", "refunds before the day"),
    *("refunded before the day", "bought before the day"),
)
LEAST_GAPS = 2  # the variation of a single gap is none


def slug(level: str) -> str:
    """Return a level as part of a column's name."""
    letters = "".join(c if c.isalnum() else "_" for c in level.strip().lower())
    return "_".join(filter(None, letters.split("_"))) or "none"


def prepared(transactions: ir.Table, recipe: Recipe) -> ir.Table:
    """Return who, which day, how much and whether it is a refund, beside what the recipe uses.

    Rows stay as they are, also those without a customer, time or amount.
    """
    import ibis  # noqa: PLC0415 - takes 0.7 s

    _must_have(transactions, recipe.columns, "transactions")
    amount = transactions[recipe.amount].cast("float64")
    if recipe.quantity:
        amount = amount * transactions[recipe.quantity].cast("float64")
    # NaN of a data frame is a missing amount.
    amount = ibis.ifelse(amount.isnan(), ibis.null("float64"), amount)
    refund = amount < 0
    for column, levels in recipe.refunds.items():
        refund = refund | transactions[column].cast("string").isin(levels).fill_null(False)
    columns: dict[str, Any] = {
        WHO: _text(transactions[recipe.customer]),
        DAY: day_of(transactions[recipe.time], recipe.time_format),
        VALUE: amount.abs(),
        REFUND: refund.fill_null(False),
    }
    if recipe.merchant:
        columns["merchant"] = transactions[recipe.merchant].cast("string")
    if recipe.instalments:
        columns["instalments"] = transactions[recipe.instalments].cast("float64")
    for number, column in enumerate(recipe.shares):
        columns[f"share_{number}"] = transactions[column].cast("string")
    if recipe.currency:
        columns["currency"] = transactions[recipe.currency].cast("string")
    if recipe.transaction:
        columns["transaction"] = transactions[recipe.transaction].cast("string")
    return transactions.select(**columns)


def _text(values: Any) -> Any:
    """Return customers as text; whole numbers that a file's gaps made decimal are whole again."""
    if values.type().is_floating():
        values = values.cast("int64")
    text = values.cast("string")
    return text.nullif("")


def _must_have(table: ir.Table, names: tuple[str, ...], what: str) -> None:
    expected = "a column of exactly that name"
    remedy = f"Correct the recipe; the {what} have {', '.join(table.columns)}."
    problems = [
        Problem(name, "missing_column", expected, remedy)
        for name in names
        if name not in table.columns
    ]
    if problems:
        raise DataError(problems, f"the table of {what}")


def day_of(times: Any, time_format: str) -> Any:
    """Return the day of every time; of times with a zone that of the session's zone."""
    kind = times.type()
    if kind.is_date():
        return times
    if kind.is_timestamp():
        return times.date()
    if kind.is_integer():
        times = times.cast("string")
        time_format = time_format or "%Y%m%d"
    if time_format:
        return times.as_timestamp(time_format).date()
    return times.cast("timestamp").date()


def says_who_and_how_much(rows: ir.Table) -> Any:
    """Return whether prepared transactions have a customer and an amount."""
    return rows[WHO].notnull() & rows[VALUE].notnull()


def usable(rows: ir.Table, as_of: date) -> ir.Table:
    """Return the transactions before the day that say who, when and how much."""
    import ibis  # noqa: PLC0415 - takes 0.7 s

    # Later rows are gone before anything is summed up: nothing can leak from them.
    return rows.filter(says_who_and_how_much(rows), rows[DAY] < ibis.literal(as_of))


def features(
    transactions: ir.Table,
    recipe: Recipe,
    as_of: date,
    accounts: ir.Table | None = None,
    statements: ir.Table | None = None,
) -> ir.Table:
    """Return one row a customer as of a day, yet to be computed.

    Parameters
    ----------
    transactions
        As :func:`prepared` returns them.
    recipe
        What to compute.
    as_of
        The first day that does not count any more.
    accounts, statements
        Tables with the columns that the recipe names, on the same engine.
    """
    table = counted_features(transactions, recipe, as_of, accounts, statements).drop(*COUNTS)
    if recipe.without_transactions == LEAVE_OUT:
        table = table.filter(table[f"purchases_{recipe.longest}d"] > 0)
    return table


def counted_features(
    transactions: ir.Table,
    recipe: Recipe,
    as_of: date,
    accounts: ir.Table | None = None,
    statements: ir.Table | None = None,
) -> ir.Table:
    """Return what :func:`features` does, of all customers, beside their :data:`COUNTS`.

    The transactions are read once: what remarks need is counted on the way.
    """
    rows = usable(transactions, as_of)
    recent = _in_order(within(rows, as_of, recipe.longest))
    habits = recent.group_by(WHO).agg(**dict(_habits(recent, recipe, as_of)))
    table = rows.group_by(WHO).agg(**_history(rows))
    table = table.left_join(habits, WHO).drop(f"{WHO}_right")
    if recipe.merchant:
        merchants = _merchants(recent, recipe, as_of)
        table = table.left_join(merchants, WHO).drop(f"{WHO}_right")
    if accounts is not None and recipe.accounts:
        table = _with_accounts(table, accounts, recipe, as_of)
    if statements is not None and recipe.statements:
        owed = _statement_features(statements, recipe, as_of)
        table = table.left_join(owed, WHO).drop(f"{WHO}_right")
    return _derived(table, recipe, as_of).rename({recipe.customer: WHO})


def within(rows: ir.Table, as_of: date, days: int) -> ir.Table:
    """Return the transactions of the last days before a day."""
    return rows.filter(_within(rows, as_of, days))


def _within(rows: ir.Table, as_of: date, days: int) -> Any:
    import ibis  # noqa: PLC0415 - takes 0.7 s

    return rows[DAY] >= ibis.literal(as_of - timedelta(days=days))


def _history(rows: ir.Table) -> dict[str, Any]:
    """Return what is summed up of all a customer's transactions before the day."""
    value, refund = rows[VALUE], rows[REFUND]
    return {
        ROWS: rows.count(),
        REFUNDS: rows.count(where=refund),
        REFUNDED: value.sum(where=refund),
        BOUGHT: value.sum(where=~refund),
        "first_day": rows[DAY].min(),
        "last_day": rows[DAY].max(where=~refund),
    }


def _in_order(rows: ir.Table) -> ir.Table:
    """Return transactions beside what the one before says of each.

    The one before is the customer's earlier purchase, or refund. A transaction may repeat it, may
    be the first of its day, and then ends a gap.
    """
    import ibis  # noqa: PLC0415 - takes 0.7 s

    # One sort serves all three: sets of rows, and of days, cost more than all else.
    others = [name for name in rows.columns if name not in {WHO, REFUND, DAY}]
    window = ibis.window(group_by=[WHO, REFUND], order_by=[DAY, *others])
    before = rows[DAY].lag().over(window)
    equal = [rows[name].identical_to(rows[name].lag().over(window)) for name in (DAY, *others)]
    since = rows[DAY].delta(before, unit="day").cast("float64")
    return rows.mutate(
        repeats=reduce(and_, equal),
        opens_day=before.isnull() | (before < rows[DAY]),
        gap=ibis.ifelse(before < rows[DAY], since, ibis.null("float64")),
    )


def _habits(rows: ir.Table, recipe: Recipe, as_of: date) -> Iterator[tuple[str, Any]]:
    """Yield what is summed up of every customer's transactions in the longest window."""
    import ibis  # noqa: PLC0415 - takes 0.7 s

    value, day, refund = rows[VALUE], rows[DAY], rows[REFUND]
    yield REPEATS, rows.count(where=rows["repeats"])
    bought, back = ~refund, refund
    if recipe.transaction:  # one with a name counts once
        bought, back = bought & ~rows["repeats"], back & ~rows["repeats"]
    for days in recipe.windows:
        inside = _within(rows, as_of, days)
        purchase = inside & bought
        yield f"purchases_{days}d", rows.count(where=purchase)
        yield f"bought_{days}d", value.sum(where=purchase)
        yield f"refunded_{days}d", value.sum(where=inside & back)
        yield (
            f"median_purchase_{days}d",
            (
                # As `where` it would go into the quantile too, which Spark refuses.
                ibis.ifelse(purchase, value, ibis.null("float64")).median()
            ),
        )
        yield f"active_days_{days}d", rows.count(where=purchase & rows["opens_day"])
    longest, gap = recipe.longest, rows["gap"]
    yield "first_active", day.min(where=bought)
    yield "gaps", gap.count(where=bought)
    yield "gap_deviation", gap.std(where=bought, how="pop")
    if recipe.instalments:
        yield "instalment_purchases", rows.count(where=bought & (rows["instalments"] > 1))
    for number, (column, levels) in enumerate(recipe.shares.items()):
        for level in levels:
            here = bought & (rows[f"share_{number}"] == level)
            yield f"{slug(column)}_{slug(level)}_{longest}d", value.sum(where=here)


def _merchants(rows: ir.Table, recipe: Recipe, as_of: date) -> ir.Table:
    """Return at how many merchants a customer bought in every window."""
    bought = rows.filter(~rows[REFUND], rows["merchant"].notnull())
    last = bought.group_by(WHO, "merchant").agg(**{DAY: bought[DAY].max()})
    return last.group_by(WHO).agg(
        **{f"merchants_{d}d": last.count(where=_within(last, as_of, d)) for d in recipe.windows}
    )


def _with_accounts(table: ir.Table, accounts: ir.Table, recipe: Recipe, as_of: date) -> ir.Table:
    """Return customers together with those who have an account and no transaction."""
    import ibis  # noqa: PLC0415 - takes 0.7 s

    columns = recipe.accounts
    assert columns is not None
    names = tuple(name for name in (columns.customer, columns.opened) if name)
    _must_have(accounts, names, "accounts")
    opened = (
        day_of(accounts[columns.opened], recipe.time_format)
        if columns.opened
        else ibis.null("date")
    )
    known_before = accounts.select(**{WHO: _text(accounts[columns.customer]), "opened": opened})
    before = known_before.filter(known_before["opened"].isnull() | (known_before["opened"] < as_of))
    own = before.filter(before[WHO].notnull()).group_by(WHO).agg(opened=before["opened"].min())
    joined = own.outer_join(table, WHO)
    who = ibis.coalesce(joined[WHO], joined[f"{WHO}_right"])
    first = ibis.coalesce(joined["opened"], joined["first_day"])
    return joined.mutate(**{WHO: who, "first_day": first}).drop(f"{WHO}_right", "opened")


def _statement_features(statements: ir.Table, recipe: Recipe, as_of: date) -> ir.Table:
    """Return how customers use and pay what they owe; missing for those without a statement."""
    import ibis  # noqa: PLC0415 - takes 0.7 s

    c = recipe.statements
    assert c is not None
    names = tuple(n for n in (c.customer, c.time, c.balance, c.limit, c.due, c.paid) if n)
    _must_have(statements, names, "statements")
    rows = statements.select(
        **{WHO: _text(statements[c.customer]), DAY: day_of(statements[c.time], recipe.time_format)},
        **{name: statements[name].cast("float64") for name in names[2:]},
    )
    rows = rows.filter(rows[DAY] < ibis.literal(as_of), _within(rows, as_of, recipe.longest))
    owed, days = rows[c.balance], recipe.longest
    columns: dict[str, Any] = {f"mean_balance_{days}d": owed.mean()}
    if c.limit:
        columns[f"utilisation_{days}d"] = (owed / rows[c.limit].nullif(0)).mean()
    if c.paid:
        full = (rows[c.paid] >= owed) & (owed > 0)
        columns[f"full_payment_share_{days}d"] = full.cast("float64").mean()
        if c.due:
            least = (rows[c.paid] <= rows[c.due]) & (rows[c.paid] < owed)
            columns[f"minimum_payment_share_{days}d"] = least.cast("float64").mean()
    return rows.group_by(WHO).agg(**columns)


def _derived(table: ir.Table, recipe: Recipe, as_of: date) -> ir.Table:
    """Return the features: zero where nothing happened, missing where there is nothing to tell."""
    import ibis  # noqa: PLC0415 - takes 0.7 s

    day = ibis.literal(as_of)
    features: dict[str, Any] = {
        WHO: table[WHO],
        "recency_days": day.delta(table["last_day"], unit="day").cast("int64"),
        "tenure_days": day.delta(table["first_day"], unit="day").cast("int64"),
    }
    for days in recipe.windows:
        count = table[f"purchases_{days}d"].fill_null(0)
        bought, back = (table[f"{w}_{days}d"].fill_null(0.0) for w in ("bought", "refunded"))
        features[f"purchases_{days}d"] = count
        features[f"amount_{days}d"] = bought - back
        features[f"mean_purchase_{days}d"] = bought / count.nullif(0)
        features[f"median_purchase_{days}d"] = table[f"median_purchase_{days}d"].cast("float64")
        features[f"active_days_{days}d"] = table[f"active_days_{days}d"].fill_null(0)
        if recipe.merchant:
            features[f"merchants_{days}d"] = table[f"merchants_{days}d"].fill_null(0)
        features[f"refund_share_{days}d"] = _share(back, bought)
    longest = recipe.longest
    spent = table[f"bought_{longest}d"].fill_null(0.0)
    count = table[f"purchases_{longest}d"].fill_null(0)
    for short, long in zip(recipe.windows, recipe.windows[1:], strict=False):
        less, more = (table[f"bought_{days}d"].fill_null(0.0) for days in (short, long))
        features[f"trend_{short}d_{long}d"] = _share(less, more)
    span = table["last_day"].delta(table["first_active"], unit="day").cast("float64")
    mean_gap = span / (table[f"active_days_{longest}d"] - 1).nullif(0)
    features[f"gap_days_{longest}d"] = mean_gap
    deviation = ibis.ifelse(
        table["gaps"] >= LEAST_GAPS, table["gap_deviation"], ibis.null("float64")
    )
    features[f"gap_variation_{longest}d"] = deviation / mean_gap.nullif(0)
    if recipe.instalments:
        part = table["instalment_purchases"].fill_null(0).cast("float64")
        features[f"instalment_share_{longest}d"] = part / count.nullif(0)
    for column, levels in recipe.shares.items():
        for level in levels:
            name = f"{slug(column)}_{slug(level)}_{longest}d"
            features[f"amount_{name}"] = table[name].fill_null(0.0)
            features[f"share_{name}"] = _share(table[name].fill_null(0.0), spent)
    if recipe.statements:
        statement = ("mean_balance", "utilisation", "full_payment_share", "minimum_payment_share")
        names = (f"{name}_{longest}d" for name in statement)
        features |= {name: table[name] for name in names if name in table.columns}
    return table.select(**features, **{name: table[name] for name in COUNTS})


def _share(part: Any, whole: Any) -> Any:
    return part / whole.nullif(0.0)
