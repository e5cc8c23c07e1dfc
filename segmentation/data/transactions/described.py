"""The schema of collected customers: kinds, units, labels and ranges, from the recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from segmentation.data.transactions.features import slug
from segmentation.data.transactions.recipe import Recipe
from segmentation.schema import Column, TableSchema

SHARE = (0.0, 1.0)
# Beginning of a feature's name to words for customers with much and little of it.
WORDS = {
    "purchases_": ("frequent buyers", "rare buyers"),
    "amount_30": ("big spenders lately", "little spending lately"),
    "amount_90": ("big spenders", "little spending"),
    "amount_365": ("big spenders", "little spending"),
    "mean_purchase_": ("large purchases", "small purchases"),
    "median_purchase_": ("large purchases", "small purchases"),
    "active_days_": ("buy on many days", "buy on few days"),
    "merchants_": ("many merchants", "few merchants"),
    "refund_share_": ("many refunds", "few refunds"),
    "trend_": ("spending more lately", "spending less lately"),
    "instalment_share_": ("instalment buyers", "few instalments"),
    "utilisation_": ("limit mostly used", "limit hardly used"),
    "full_payment_share_": ("full payers", "rarely paid in full"),
    "minimum_payment_share_": ("minimum payers", "pay more than the minimum"),
}
MISSING_SHARE = "Missing where nothing was bought in the time."


def schema_of(recipe: Recipe, name: str, as_of: date) -> TableSchema:
    """Return the schema of the customers that a recipe makes, with the recipe inside.

    Parameters
    ----------
    recipe
        What was collected.
    name
        Of the schema.
    as_of
        The day as of which the customers are described, for the period in words.
    """
    groups = {"activity": "Activity", "spending": "Spending", "habits": "Habits"}
    columns = tuple(_worded(column) for column in _columns(recipe))
    if any(column.group == "statements" for column in columns):
        groups["statements"] = "Statements"
    return TableSchema(
        name=name,
        title=f"Customers from transactions, up to {recipe.longest} days",
        columns=columns,
        identifier=recipe.customer,
        period=f"the {recipe.longest} days before {as_of.isoformat()}, one row a customer",
        groups={key: text for key, text in groups.items() if any(c.group == key for c in columns)},
        recipe=recipe.to_dict(),
    )


def _worded(column: Column) -> Column:
    """Return a column with the words by which segments are named, where there are some."""
    high, low = next((w for start, w in WORDS.items() if column.name.startswith(start)), ("", ""))
    return replace(column, high=column.high or high, low=column.low or low)


def _columns(recipe: Recipe) -> Iterator[Column]:
    yield Column(
        "recency_days",
        "Days since the last purchase",
        "number",
        "days",
        "activity",
        plausible=(0.0, 36_525.0),
        nullable=True,
        help="Missing for customers who never bought.",
        high="long inactive",
        low="recently active",
    )
    yield Column(
        "tenure_days",
        "Days since the first transaction",
        "number",
        "days",
        "activity",
        plausible=(0.0, 36_525.0),
        nullable=bool(recipe.accounts),
        high="long-standing customers",
        low="new customers",
    )
    for days in recipe.windows:
        yield from _of_window(recipe, days)
    for short, long in zip(recipe.windows, recipe.windows[1:], strict=False):
        yield _share(
            f"trend_{short}d_{long}d",
            f"Spending of {long} days that fell into the last {short}",
            "activity",
            f"{short / long:.2f} is steady. {MISSING_SHARE}",
        )
    longest = recipe.longest
    yield Column(
        f"gap_days_{longest}d",
        "Days between purchases",
        "number",
        "days",
        "activity",
        nullable=True,
        help="Mean over days with a purchase. Missing for fewer than two such days.",
    )
    yield Column(
        f"gap_variation_{longest}d",
        "Irregularity of purchases",
        "number",
        "",
        "activity",
        nullable=True,
        help="Deviation of the days between purchases, as a multiple of their mean. Missing for "
        "fewer than three days with a purchase.",
        high="irregular buyers",
        low="regular buyers",
    )
    if recipe.instalments:
        yield _share(f"instalment_share_{longest}d", "Purchases in instalments", "habits")
    for column, levels in recipe.shares.items():
        for level in levels:
            name, label = f"{slug(column)}_{slug(level)}_{longest}d", level.replace("_", " ")
            amount = _money(recipe, f"amount_{name}", f"Spent on {label}, {longest} days", "habits")
            yield replace(amount, high=f"much spent on {label}", low=f"little spent on {label}")
            share = _share(f"share_{name}", f"Share of {label}", "habits")
            yield replace(share, high=f"high share of {label}", low=f"low share of {label}")
    yield from _of_statements(recipe)


def _of_window(recipe: Recipe, days: int) -> Iterator[Column]:
    yield _count(f"purchases_{days}d", f"Purchases, {days} days", "purchases")
    yield replace(
        _money(recipe, f"amount_{days}d", f"Amount, {days} days", "spending"),
        plausible=None,
        help="Purchases less refunds.",
    )
    for kind in ("mean", "median"):
        yield replace(
            _money(recipe, f"{kind}_purchase_{days}d", f"{kind.title()} purchase, {days} days", ""),
            group="spending",
            nullable=True,
            help=MISSING_SHARE,
        )
    yield _count(f"active_days_{days}d", f"Days with a purchase, {days} days", "days")
    if recipe.merchant:
        yield _count(f"merchants_{days}d", f"Merchants, {days} days", "merchants")
    yield replace(
        _share(f"refund_share_{days}d", f"Refunded share, {days} days", "spending"),
        kind="number",
        plausible=None,
    )


def _of_statements(recipe: Recipe) -> Iterator[Column]:
    statements, days = recipe.statements, recipe.longest
    if not statements:
        return
    help_text = "Missing for customers without a statement in the time."
    balance = _money(recipe, f"mean_balance_{days}d", "Mean balance", "statements")
    yield replace(balance, plausible=None, nullable=True, help=help_text)
    if statements.limit:
        used = _share(f"utilisation_{days}d", "Limit used", "statements", help_text)
        yield replace(used, kind="number", plausible=None)
    if statements.paid:
        yield _share(f"full_payment_share_{days}d", "Paid in full", "statements", help_text)
        if statements.due:
            name = f"minimum_payment_share_{days}d"
            yield _share(name, "Paid the minimum at most", "statements", help_text)


def _count(name: str, label: str, unit: str) -> Column:
    return Column(name, label, "count", unit, "activity", plausible=(0.0, 1e6))


def _money(recipe: Recipe, name: str, label: str, group: str) -> Column:
    return Column(name, label, "money", recipe.unit, group, plausible=(0.0, 1e9))


def _share(name: str, label: str, group: str, text: str = MISSING_SHARE) -> Column:
    return Column(
        name, label, "frequency", "share", group, plausible=SHARE, nullable=True, help=text
    )
