"""Transactions and statements of the generated card holders: what their table sums up.

A month is 30 days; the twelve of the table end on :data:`AS_OF`. Every customer's transactions
have the sums, counts and active months of :func:`segmentation.data.synthetic.generate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segmentation.data.synthetic.card_holders import MONTHS, iter_generate
from segmentation.types import FloatArray, IntArray

AS_OF = date(2025, 1, 1)
DAYS_A_MONTH = 30
PIECE_CUSTOMERS = 5_000
ONE_OFF, INSTALMENTS, CASH = "one-off", "instalments", "cash advance"
CATEGORIES = ("groceries", "travel", "clothing", "electronics", "restaurants")
MERCHANTS = 500
ONLINE = 0.35
TRANSACTIONS, STATEMENTS = "embedded-transactions", "embedded-statements"


def iter_transactions(n: int, seed: int = 0) -> Iterator[pd.DataFrame]:
    """Yield the transactions of `n` generated customers, those of 5,000 at a time.

    The columns are CUST_ID, TIME, AMOUNT, KIND (one-off, instalments, cash advance), INSTALMENTS,
    MERCHANT, CATEGORY and CHANNEL; cash advances have neither merchant nor category.
    """
    for number, customers in enumerate(iter_generate(n, seed, chunk_rows=PIECE_CUSTOMERS)):
        yield _transactions(np.random.default_rng([seed, number, 1]), customers)


def iter_statements(n: int, seed: int = 0) -> Iterator[pd.DataFrame]:
    """Yield the monthly statements of `n` generated customers, those of 5,000 at a time.

    The columns are CUST_ID, TIME, BALANCE, CREDIT_LIMIT, MINIMUM_DUE and PAID.
    """
    for number, customers in enumerate(iter_generate(n, seed, chunk_rows=PIECE_CUSTOMERS)):
        yield _statements(np.random.default_rng([seed, number, 2]), customers)


def write_pieces(pieces: Iterator[pd.DataFrame], path: Path) -> int:
    """Write frames into one Parquet file as they come; return the number of rows."""
    rows, writer = 0, None
    try:
        for piece in pieces:
            table = pa.Table.from_pandas(piece, preserve_index=False)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            rows += len(piece)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _transactions(random: np.random.Generator, customers: pd.DataFrame) -> pd.DataFrame:
    tenure = customers["TENURE"].to_numpy(np.int64)
    one_off, instalment, cash = (
        np.rint(customers[f"{name}_FREQUENCY"].to_numpy() * tenure).astype(np.int64)
        for name in ("ONEOFF_PURCHASES", "PURCHASES_INSTALLMENTS", "CASH_ADVANCE")
    )
    bought = customers["PURCHASES_TRX"].to_numpy(np.int64)
    more = bought - one_off - instalment
    to_one_off = np.rint(more * one_off / np.maximum(one_off + instalment, 1)).astype(np.int64)
    counts = {
        ONE_OFF: (one_off + to_one_off, one_off, "ONEOFF_PURCHASES"),
        INSTALMENTS: (instalment + more - to_one_off, instalment, "INSTALLMENTS_PURCHASES"),
        CASH: (customers["CASH_ADVANCE_TRX"].to_numpy(np.int64), cash, "CASH_ADVANCE"),
    }
    parts = [
        _of_kind(random, customers, kind, count, months, total=customers[total].to_numpy())
        for kind, (count, months, total) in counts.items()
    ]
    rows = pd.concat(parts, ignore_index=True)
    return rows.iloc[random.permutation(len(rows))]


def _of_kind(
    random: np.random.Generator,
    customers: pd.DataFrame,
    kind: str,
    count: IntArray,
    months: IntArray,
    *,
    total: FloatArray,
) -> pd.DataFrame:
    """Return the transactions of one kind: at least one in each of the customer's months."""
    owner = np.repeat(np.arange(len(customers)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    tenure = customers["TENURE"].to_numpy()[:, None]
    shuffled = np.where(np.arange(MONTHS) < tenure, random.random((len(customers), MONTHS)), 2.0)
    drawn = np.argsort(shuffled, axis=1)
    any_month = (random.random(len(owner)) * months[owner]).astype(np.int64)
    month = drawn[owner, np.where(place < months[owner], place, any_month)]
    merchant = random.zipf(1.3, len(owner)) % MERCHANTS
    is_cash, n = kind == CASH, len(owner)
    online = 0.0 if is_cash else ONLINE
    nothing = pd.Series([None] * n, dtype="str")
    return pd.DataFrame(
        {
            "CUST_ID": customers["CUST_ID"].to_numpy()[owner],
            "TIME": _times(random, month),
            "AMOUNT": _amounts(random, owner, count, total),
            "KIND": kind,
            "INSTALMENTS": random.integers(2, 13, n) if kind == INSTALMENTS else 1,
            "MERCHANT": nothing if is_cash else pd.Series(merchant).map(lambda m: f"M{m:03d}"),
            "CATEGORY": nothing if is_cash else np.array(CATEGORIES)[merchant % len(CATEGORIES)],
            "CHANNEL": np.where(random.random(n) < online, "online", "in store"),
        }
    )


def _times(random: np.random.Generator, month: IntArray) -> pd.DatetimeIndex:
    days = month * DAYS_A_MONTH + random.integers(1, DAYS_A_MONTH + 1, len(month))
    seconds = days * 86_400 - random.integers(0, 86_400, len(month))
    return pd.Timestamp(AS_OF) - pd.to_timedelta(seconds.clip(1), unit="s")


def _amounts(
    random: np.random.Generator, owner: IntArray, count: IntArray, total: FloatArray
) -> FloatArray:
    """Return amounts in whole cents that add up to every customer's total."""
    weight = random.gamma(2.0, size=len(owner))
    sums = np.bincount(owner, weight, len(total))
    cents = np.rint(100 * total).astype(np.int64)
    part = np.floor(weight / sums[owner] * cents[owner]).astype(np.int64)
    rest = cents - np.bincount(owner, part, len(total)).astype(np.int64)
    first = (np.cumsum(count) - count)[count > 0]
    part[first] += rest[count > 0]
    return part / 100.0


def _statements(random: np.random.Generator, customers: pd.DataFrame) -> pd.DataFrame:
    tenure = customers["TENURE"].to_numpy(np.int64)
    owner = np.repeat(np.arange(len(customers)), tenure)
    month = np.arange(len(owner)) - np.repeat(np.cumsum(tenure) - tenure, tenure)
    swing = random.gamma(9.0, size=len(owner))
    swing *= (tenure / np.bincount(owner, swing, len(customers)))[owner]
    balance = customers["BALANCE"].to_numpy()[owner] * swing
    full_months = np.rint(customers["PRC_FULL_PAYMENT"].to_numpy() * tenure)[owner]
    due = (customers["MINIMUM_PAYMENTS"].to_numpy() / tenure)[owner]
    part = balance * random.uniform(0.05, 0.9, len(owner))
    return pd.DataFrame(
        {
            "CUST_ID": customers["CUST_ID"].to_numpy()[owner],
            "TIME": pd.Timestamp(AS_OF) - pd.to_timedelta(30 * month + 1, unit="D"),
            "BALANCE": balance,
            "CREDIT_LIMIT": customers["CREDIT_LIMIT"].to_numpy()[owner],
            "MINIMUM_DUE": due,
            "PAID": np.where(month < full_months, balance, part),
        }
    )
