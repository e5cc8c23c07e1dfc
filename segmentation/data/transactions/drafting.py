"""Draft a recipe from the columns of a transactions table and a sample of its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from segmentation.data.transactions.recipe import Accounts, Recipe, Statements
from segmentation.errors import DataError, Problem
from segmentation.schema.dates import order_of
from segmentation.schema.drafting.identifiers import names_customers, repeated_customers
from segmentation.schema.drafting.words import folded, mentions, vocabulary, words_of
from segmentation.schema.levels import texts_of

SAMPLE_ROWS = 100_000
JUDGED = 2_000
MOST_LEVELS = 12
LEAST_DISTINCT = 0.99
AMOUNTS = vocabulary(
    "amount, amt, amounts, total, value, sales, revenue, spend, spent, betrag, umsatz, summe,"
    "montant, importe, importo, valor, transaction amount, sum, price,"
    "unit price, preis, prix, precio"
)
PRICES = vocabulary("price, unit price, preis, prix, precio, prezzo, stückpreis")
QUANTITIES = vocabulary("quantity, qty, menge, quantite, cantidad, quantita, quantidade, units")
CURRENCIES = vocabulary("currency, ccy, währung, devise, moneda, valuta, moeda")
MERCHANTS = vocabulary("merchant, merchants, store, shop, vendor, payee, händler, commerce, mcc")
INSTALMENTS = vocabulary("instalments, installments, instalment, installment, raten, parcelas")
SHARED = vocabulary(
    "kind, type, category, channel, merchant category, transaction type, department, art,"
    "kategorie, kanal, categorie, canal, tipo, categoria, payment method"
)
REFUNDED = vocabulary("refund, refunds, return, returned, reversal, chargeback, cancelled, storno")
# The two sides of an account: what the second of them marks came in, as a refund does.
SIDES = (("s", "h"), ("soll", "haben"), ("debit", "credit"), ("d", "c"), ("dr", "cr"))
TRANSACTIONS = vocabulary(
    "transaction id, trans id, transaction no, order id, order no, invoice, invoice no, receipt no,"
    "booking id, reference, uuid, transaction"
)
STATEMENT_WORDS = {
    "limit": vocabulary("limit, credit limit, kreditlimit, limite"),
    "due": vocabulary("due, minimum due, minimum payment, minimum, mindestbetrag"),
    "paid": vocabulary("paid, payment, payments, bezahlt, zahlung, pago"),
    "balance": vocabulary("balance, owed, saldo, outstanding, statement balance, solde"),
}
COLUMNS_MEAN = {
    **{"customer": "who bought", "time": "when", "amount": "how much"},
    "balance": "what is owed",
}
DAYS = ("%Y-%m-%d", "%d-%b-%y", "%d-%b-%Y", "%d %b %Y", "%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d")
SLASHED = ("%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d")
CLOCKS = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S", " %H:%M:%S.%f", "T%H:%M:%S.%f")


def draft_recipe(sample: pd.DataFrame) -> Recipe:
    """Return a recipe for a table of transactions, from its first rows.

    Raises
    ------
    DataError
        With every column that is missing: customer, time, amount.
    """
    frame, names, words = _named(sample)
    time = _first(names, lambda n: _is_time(frame[n], words[n]))
    repeated = repeated_customers(frame)
    customer = repeated.column if repeated else _first(names, lambda n: names_customers(words[n]))
    rest = [name for name in names if name not in {time, customer}]
    amount, quantity = _amount_of(frame, rest, words)
    if missing := [
        what
        for what, column in (("customer", customer), ("time", time), ("amount", amount))
        if not column
    ]:
        raise _not_transactions(missing, names)
    rest = [name for name in rest if name not in {amount, quantity}]
    shares, refunds = _levels(frame, rest, words)
    return Recipe(
        customer=customer,
        time=time,
        amount=amount,
        quantity=quantity,
        time_format=time_format_of(frame[time]),
        currency=_first(rest, lambda n: mentions(words[n], CURRENCIES)),
        transaction=_first(rest, lambda n: _names_transactions(frame[n], words[n])),
        merchant=_first(
            rest, lambda n: mentions(words[n], MERCHANTS) and "category" not in words[n]
        ),
        instalments=_first(
            rest, lambda n: is_numeric_dtype(frame[n]) and mentions(words[n], INSTALMENTS)
        ),
        refunds=refunds,
        shares=shares,
    )


def draft_accounts(sample: pd.DataFrame) -> Accounts:
    """Return who and since when in a table with one row a customer.

    Raises
    ------
    DataError
        When it has no column that names customers.
    """
    frame, names, words = _named(sample)
    customer = _first(names, lambda n: names_customers(words[n]))
    if not customer:
        raise _not_transactions(["customer"], names, "accounts")
    return Accounts(customer, _first(names, lambda n: _is_time(frame[n], words[n])))


def draft_statements(sample: pd.DataFrame) -> Statements:
    """Return who, when, what was owed, due and paid in a table of statements.

    Raises
    ------
    DataError
        When it has no column for customer, time or balance.
    """
    frame, names, words = _named(sample)
    columns = {
        "customer": _first(names, lambda n: names_customers(words[n])),
        "time": _first(names, lambda n: _is_time(frame[n], words[n])),
    }
    rest = [n for n in names if n not in columns.values() and is_numeric_dtype(frame[n])]
    for what, phrases in STATEMENT_WORDS.items():
        columns[what] = next((n for n in rest if mentions(words[n], phrases)), "")
        rest = [n for n in rest if n != columns[what]]
    if missing := [what for what in ("customer", "time", "balance") if not columns[what]]:
        raise _not_transactions(missing, names, "statements")
    return Statements(**columns)


def _named(sample: pd.DataFrame) -> tuple[pd.DataFrame, list[str], dict[str, tuple[str, ...]]]:
    """Return a sample whose columns have texts for names, the names, and their words."""
    names = [str(name) for name in sample.columns]
    return sample.set_axis(names, axis=1), names, {name: words_of(name) for name in names}


def time_format_of(times: pd.Series[Any]) -> str:
    """Return how times are written as text; empty where they are times already, or ISO days.

    Of two that fit alike, day before month: see the words of the recipe's head.
    """
    if not (times.dtype == object or isinstance(times.dtype, pd.StringDtype)):
        return ""
    texts = texts_of(times.dropna()).drop_duplicates()
    sample = [str(text) for text in texts.iloc[:: max(len(texts) // JUDGED, 1)]]
    for clock in CLOCKS:
        for day in (*DAYS, *SLASHED):
            if sample and all(_fits(text, day + clock) for text in sample):
                return day + clock
    return ""


def _fits(text: str, time_format: str) -> bool:
    try:
        datetime.strptime(text, time_format)
    except ValueError:
        return False
    return True


def _first(names: list[str], fits: Callable[[str], bool]) -> str:
    return next((name for name in names if fits(name)), "")


def _is_time(values: pd.Series[Any], words: tuple[str, ...]) -> bool:
    sample = values.dropna().iloc[:JUDGED]
    return bool(order_of(sample, words)) or bool(len(sample) and time_format_of(sample))


def _amount_of(
    frame: pd.DataFrame, names: list[str], words: dict[str, tuple[str, ...]]
) -> tuple[str, str]:
    """Return the column of amounts, and of quantities where the amount is a price of one."""
    numbers = [n for n in names if is_numeric_dtype(frame[n]) and not is_bool_dtype(frame[n])]
    amount = _first(numbers, lambda n: mentions(words[n], AMOUNTS - PRICES))
    if amount:
        return amount, ""
    price = _first(numbers, lambda n: mentions(words[n], AMOUNTS))
    return price, _first(numbers, lambda n: mentions(words[n], QUANTITIES)) if price else ""


def _levels(
    frame: pd.DataFrame, names: list[str], words: dict[str, tuple[str, ...]]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return the levels that become shares, and those that mark refunds."""
    shares: dict[str, tuple[str, ...]] = {}
    refunds: dict[str, tuple[str, ...]] = {}
    for name in names:
        levels = (
            sorted(texts_of(frame[name].dropna()).unique())
            if not is_numeric_dtype(frame[name])
            else []
        )
        if came_in := _credits(levels):
            refunds[name] = (came_in,)
            continue
        if not (1 < len(levels) <= MOST_LEVELS and mentions(words[name], SHARED)):
            continue
        returned = tuple(x for x in levels if mentions(words_of(x), REFUNDED))
        if returned:
            refunds[name] = returned
        shares[name] = tuple(x for x in levels if x not in returned)
    return shares, refunds


def _credits(levels: list[str]) -> str:
    """Return the level of a column of debits and credits that marks credits; empty for others."""
    folded_levels = {folded(level): level for level in levels}
    sides = next((side for side in SIDES if {*side} == {*folded_levels}), None)
    return folded_levels[sides[1]] if sides else ""


def _names_transactions(values: pd.Series[Any], words: tuple[str, ...]) -> bool:
    distinct = values.nunique() >= LEAST_DISTINCT * max(len(values), 1)
    return bool(mentions(words, TRANSACTIONS) and distinct and values.notna().all())


def _not_transactions(
    missing: list[str], names: list[str], table: str = "transactions"
) -> DataError:
    remedy = f"Rename it, or write a recipe by hand; the columns are {', '.join(names[:20])}."
    return DataError(
        [
            Problem(None, "no_transactions", f"a column that says {what}", remedy)
            for what in (COLUMNS_MEAN[w] for w in missing)
        ],
        f"the table of {table}",
    )
