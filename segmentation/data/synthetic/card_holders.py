"""Embedded data: credit-card behaviour with planted segments and the public table's marginals.

A customer has one planted segment. What a segment likes to do (buy at once, in instalments, draw
cash, pay in full) and how much is in :data:`PLANS`; a customer leans towards a second segment by
an amount that the difficulty sets, so that segments overlap as real ones do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from segmentation.errors import SpecError
from segmentation.types import FloatArray, IntArray

CHUNK_ROWS = 50_000
MONTHS = 12
MISSING_MINIMUM = 0.008
NO_PAYMENT = 0.027
TENURES = ((12, 11, 10, 9, 8, 7, 6), (0.847, 0.041, 0.026, 0.020, 0.022, 0.021, 0.023))


@dataclass(frozen=True)
class Plan:
    """What the customers of one planted segment do: probabilities in [0, 1], means of logs of $.

    Months are mean shares of months, in (0, 1), of the customers who do a thing at all.
    """

    share: float  # of all customers
    one_off: float  # probability of ever buying at once
    one_off_months: float
    ticket: float  # mean log amount of one purchase
    instalments: float  # probability of ever buying in instalments
    instalment_months: float
    instalment: float  # mean log amount of one instalment
    cash: float  # probability of ever drawing cash
    cash_months: float
    advance: float  # mean log amount of one cash advance
    full: float  # probability of ever paying in full
    full_months: float
    limit: float  # mean log credit limit
    utilisation: float  # mean log share of the limit that is owed
    balance_months: float  # mean share of months in which the balance moves


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        "transactors": Plan(
            0.16, 0.97, 0.45, 4.10, 0.85, 0.60, 3.60, 0.03, 0.08, 5.0, 0.95, 0.55, 8.15, -3.4, 0.99
        ),
        "revolvers": Plan(
            0.24, 0.96, 0.25, 4.10, 0.42, 0.35, 3.70, 0.88, 0.20, 5.2, 0.04, 0.15, 8.25, -0.4, 1.00
        ),
        "cash-advance users": Plan(
            0.22, 0.06, 0.08, 3.90, 0.07, 0.20, 3.50, 0.99, 0.34, 5.5, 0.05, 0.15, 8.05, -0.6, 0.99
        ),
        "instalment buyers": Plan(
            0.20, 0.06, 0.10, 3.90, 0.99, 0.80, 3.80, 0.06, 0.10, 5.0, 0.45, 0.25, 7.55, -2.4, 0.97
        ),
        "dormant": Plan(
            0.10, 0.35, 0.07, 4.00, 0.12, 0.12, 3.50, 0.05, 0.08, 5.0, 0.12, 0.15, 7.75, -4.6, 0.35
        ),
        "high spenders": Plan(
            0.08, 0.99, 0.88, 4.80, 0.96, 0.85, 4.50, 0.15, 0.12, 5.6, 0.50, 0.30, 9.05, -0.9, 1.00
        ),
    }
)
SEGMENT_NAMES = tuple(PLANS)
# How far a customer leans towards a second segment: mean weight in [0, 1).
LEANING = MappingProxyType({"easy": 0.005, "medium": 0.02, "hard": 0.12})


def generate(n: int, seed: int = 0, difficulty: str = "medium") -> pd.DataFrame:
    """Return `n` generated customers in the columns of the ``cc_general`` schema.

    Parameters
    ----------
    n
        Number of customers, at least 1.
    seed
        Equal seeds give equal customers; the first rows of a longer table are those of a
        shorter one.
    difficulty
        ``easy``, ``medium`` or ``hard``: how much the planted segments overlap.

    Raises
    ------
    SpecError
        When `n` is below 1 or the difficulty is unknown.
    """
    return pd.concat(list(iter_generate(n, seed, difficulty)), ignore_index=True)


def iter_generate(
    n: int, seed: int = 0, difficulty: str = "medium", chunk_rows: int = CHUNK_ROWS
) -> Iterator[pd.DataFrame]:
    """Yield the customers of :func:`generate` in pieces of at most `chunk_rows` rows.

    Memory is bounded by 50,000 customers, whatever `n` is.
    """
    for start, _, customers in _blocks(n, seed, difficulty):
        for first in range(0, len(customers), chunk_rows):
            piece = customers.iloc[first : first + chunk_rows]
            yield piece.set_axis(pd.RangeIndex(start + first, start + first + len(piece)))


def planted_segments(n: int, seed: int = 0, difficulty: str = "medium") -> IntArray:
    """Return the planted segment of each of the customers that :func:`generate` returns.

    Returns
    -------
    IntArray
        Shape (n,), positions in :data:`SEGMENT_NAMES`.
    """
    return np.concatenate([segment for _, segment, _ in _blocks(n, seed, difficulty)])


def _blocks(n: int, seed: int, difficulty: str) -> Iterator[tuple[int, IntArray, pd.DataFrame]]:
    if n < 1:
        raise SpecError(f"n={n!r}: expected at least 1 customer")
    if difficulty not in LEANING:
        raise SpecError(f"difficulty={difficulty!r}: expected one of {', '.join(LEANING)}")
    for number, start in enumerate(range(0, n, CHUNK_ROWS)):
        random = np.random.default_rng([seed, number])
        segment, customers = _block(random, start, LEANING[difficulty])
        rows = min(CHUNK_ROWS, n - start)
        yield start, segment[:rows], customers.iloc[:rows]


def _block(
    random: np.random.Generator, start: int, leaning: float
) -> tuple[IntArray, pd.DataFrame]:
    """Return one block of 50,000 customers and their planted segments."""
    table = np.array([astuple(plan) for plan in PLANS.values()])
    segment = random.choice(len(table), CHUNK_ROWS, p=table[:, 0])
    second = random.choice(len(table), CHUNK_ROWS, p=table[:, 0])
    weight = random.beta(1.0, 1.0 / leaning - 1.0, CHUNK_ROWS)[:, None]
    plan = _Plans(((1 - weight) * table[segment] + weight * table[second]).T)
    columns = _behaviour(random, plan)
    identifiers = [f"D{number:08d}" for number in range(start + 1, start + 1 + CHUNK_ROWS)]
    return segment.astype(np.int64), pd.DataFrame({"CUST_ID": identifiers, **columns})


class _Plans:
    """The plan of every customer of a block: one array of shape (n,) per field of `Plan`."""

    def __init__(self, rows: FloatArray) -> None:
        self.__dict__.update(zip(Plan.__dataclass_fields__, rows, strict=True))

    def __getattr__(self, name: str) -> FloatArray:
        raise AttributeError(name)


def _behaviour(random: np.random.Generator, plan: _Plans) -> dict[str, FloatArray]:
    n = CHUNK_ROWS
    wealth = random.normal(size=n)
    tenure = random.choice(TENURES[0], n, p=TENURES[1]).astype(np.float64)
    limit = _round_limit(np.exp(plan.limit + 0.5 * wealth + random.normal(0, 0.45, n)))
    one_off = _months(random, plan.one_off, plan.one_off_months, tenure)
    instalments = _months(random, plan.instalments, plan.instalment_months, tenure)
    cash = _months(random, plan.cash, plan.cash_months, tenure)
    one_off_trx = _transactions(random, one_off, 0.9, 0.9)
    instalment_trx = _transactions(random, instalments, 0.6, 0.9)
    cash_trx = _transactions(random, cash, 0.6, 1.0)
    rich = 0.35 * wealth
    one_off_sum = one_off_trx * np.exp(plan.ticket + rich + random.normal(0, 0.75, n))
    instalment_sum = instalment_trx * np.exp(plan.instalment + rich + random.normal(0, 0.6, n))
    cash_sum = cash_trx * np.exp(plan.advance + rich + random.normal(0, 0.75, n))
    balance = _balance(random, plan, limit)
    one_off_sum, instalment_sum = np.round(one_off_sum, 2), np.round(instalment_sum, 2)
    bought = one_off_sum + instalment_sum
    payments = _payments(random, bought + cash_sum, balance)
    return {
        "BALANCE": np.round(balance, 2),
        "BALANCE_FREQUENCY": _share(_at_least_once(random, plan.balance_months, tenure), tenure),
        "PURCHASES": np.round(bought, 2),
        "ONEOFF_PURCHASES": one_off_sum,
        "INSTALLMENTS_PURCHASES": instalment_sum,
        "CASH_ADVANCE": np.round(cash_sum, 2),
        "PURCHASES_FREQUENCY": _share(_either(random, one_off, instalments, tenure), tenure),
        "ONEOFF_PURCHASES_FREQUENCY": _share(one_off, tenure),
        "PURCHASES_INSTALLMENTS_FREQUENCY": _share(instalments, tenure),
        "CASH_ADVANCE_FREQUENCY": _share(cash, tenure),
        "CASH_ADVANCE_TRX": cash_trx,
        "PURCHASES_TRX": one_off_trx + instalment_trx,
        "CREDIT_LIMIT": limit,
        "PAYMENTS": payments,
        "MINIMUM_PAYMENTS": _minimum_payments(random, balance, payments),
        "PRC_FULL_PAYMENT": _share(_months(random, plan.full, plan.full_months, tenure), tenure),
        "TENURE": tenure,
    }


def _months(
    random: np.random.Generator, ever: FloatArray, mean: FloatArray, tenure: FloatArray
) -> FloatArray:
    """Return in how many months customers did something; 0 for those who never did."""
    does = random.random(len(ever)) < ever
    return np.where(does, _at_least_once(random, mean, tenure), 0.0)


def _at_least_once(random: np.random.Generator, mean: FloatArray, tenure: FloatArray) -> FloatArray:
    concentration = 5.0
    mean = np.clip(mean, 0.01, 0.995)
    habit = random.beta(concentration * mean, concentration * (1 - mean))
    return 1.0 + random.binomial(tenure.astype(np.int64) - 1, habit).astype(np.float64)


def _transactions(
    random: np.random.Generator, months: FloatArray, extra: float, spread: float
) -> FloatArray:
    """Return a count of transactions: one a month, and some more."""
    pace = extra * np.exp(random.normal(0, spread, len(months)))
    return months + random.poisson(months * pace)


def _either(
    random: np.random.Generator, one: FloatArray, other: FloatArray, tenure: FloatArray
) -> FloatArray:
    """Return in how many months at least one of two independent things happened."""
    more, less = np.maximum(one, other), np.minimum(one, other)
    both = more + random.binomial(less.astype(np.int64), 1.0 - more / tenure)
    return np.minimum(both, tenure)


def _share(months: FloatArray, tenure: FloatArray) -> FloatArray:
    return np.round(months / tenure, 6)


def _round_limit(limit: FloatArray) -> FloatArray:
    """Return limits as banks grant them: whole hundreds, above $1,500 whole five hundreds."""
    step = np.where(limit < 1_500, 100.0, 500.0)
    rounded = np.round(limit / step) * step
    return np.asarray(np.clip(rounded, 300.0, 30_000.0), dtype=np.float64)


def _balance(random: np.random.Generator, plan: _Plans, limit: FloatArray) -> FloatArray:
    log_share = plan.utilisation + random.normal(0, 0.8, len(limit))
    balance = limit * np.minimum(np.exp(log_share), 1.1)
    return np.where(random.random(len(limit)) < 0.009, 0.0, balance)


def _payments(random: np.random.Generator, spent: FloatArray, balance: FloatArray) -> FloatArray:
    mean = 0.55 * spent + 0.22 * balance + 130.0
    payments = mean * np.exp(random.normal(0, 0.6, len(mean)))
    return np.where(random.random(len(mean)) < NO_PAYMENT, 0.0, np.round(payments, 2))


def _minimum_payments(
    random: np.random.Generator, balance: FloatArray, payments: FloatArray
) -> FloatArray:
    """Return the least due, from the balance; unknown where nothing was paid, or by chance."""
    noise = 0.42 * random.standard_t(3, len(balance))
    due = np.exp(2.55 + 0.53 * np.log1p(balance) + np.clip(noise, -3.0, 4.0))
    unknown = (payments == 0) | (random.random(len(balance)) < MISSING_MINIMUM)
    return np.where(unknown, np.nan, np.round(due, 2))
