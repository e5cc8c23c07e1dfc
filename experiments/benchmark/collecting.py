"""Time and memory of collecting customers from transactions, beside pandas' groupby."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from segmentation.data.transactions.collect import features_from_transactions
from segmentation.data.transactions.recipe import Recipe

SIZES = (1_000_000, 10_000_000)
A_CUSTOMER = 100  # transactions
AS_OF = date(2025, 1, 1)
RECIPE = Recipe("customer", "time", "amount")
# What both compute: pandas does without gaps, refunds and remarks.
COMPARED = ("purchases", "amount", "mean_purchase", "median_purchase", "active_days")
MEGABYTE = 1024 if sys.platform == "linux" else 1024 * 1024  # of what getrusage counts


@dataclass(frozen=True)
class Row:
    """One size: seconds and peak memory of both."""

    transactions: int
    customers: int
    seconds: float
    megabytes: float
    pandas_seconds: float
    pandas_megabytes: float

    @property
    def ratio(self) -> float:
        """How many times as long pandas takes."""
        return self.pandas_seconds / self.seconds


def collect_rows(sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """Collect generated transactions of each size in both ways; yield what it took.

    Raises
    ------
    ValueError
        When the two differ.
    """
    with TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"{size}.parquet"
            _measured(_write, path, size)
            ours, seconds, megabytes = _measured(_with_recipe, path, size)
            theirs, pandas_seconds, pandas_megabytes = _measured(_with_pandas, path, size)
            if not np.allclose(ours, theirs, rtol=1e-9, atol=1e-9, equal_nan=True):
                raise ValueError(f"{size:,} transactions: the features differ from pandas'")
            customers = int(ours[-1])
            yield Row(size, customers, seconds, megabytes, pandas_seconds, pandas_megabytes)
            path.unlink()


def collect_table(rows: list[Row]) -> str:
    """Return the rows as a table."""
    table = pd.DataFrame([asdict(row) | {"ratio": row.ratio} for row in rows])
    return table.to_string(index=False, float_format="{:,.1f}".format)


def _measured(
    work: Callable[[Path, int], list[float]], path: Path, size: int
) -> tuple[list[float], float, float]:
    """Return what work gives in a process of its own, its seconds and its peak memory."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_timed, work, path, size).result()


def _timed(
    work: Callable[[Path, int], list[float]], path: Path, size: int
) -> tuple[list[float], float, float]:
    began = time.perf_counter()
    result = work(path, size)
    seconds = time.perf_counter() - began
    return result, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE


def _write(path: Path, size: int) -> list[float]:
    """Write transactions of two years; DuckDB makes them without holding them."""
    import duckdb  # noqa: PLC0415 - in the process that is measured

    customers = max(size // A_CUSTOMER, 1)
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            f"COPY (SELECT 'C' || (random() * {customers})::BIGINT AS customer, "  # nosec B608 # noqa: S608 - numbers
            f"TIMESTAMP '{AS_OF}' - to_seconds(1 + (random() * 63072000)::BIGINT) AS time, "
            f"round(exp(3 + random() * 2), 2) AS amount FROM range({size})) TO '{path}'"
        )
    return []


def _with_recipe(path: Path, _: int) -> list[float]:
    frame = features_from_transactions(str(path), RECIPE, as_of=AS_OF).frame
    return _sums(frame)


def _with_pandas(path: Path, _: int) -> list[float]:
    """Compute the features as one would at first: a filter and a groupby a window."""
    rows = pd.read_parquet(path)
    day = rows["time"].dt.normalize()
    whole = pd.DataFrame(index=pd.Index(rows["customer"].unique()))
    for days in RECIPE.windows:
        inside = rows[rows["time"] >= pd.Timestamp(AS_OF) - pd.Timedelta(days=days)]
        groups = (
            inside.assign(day=day)
            .groupby("customer")
            .agg(
                purchases=("amount", "size"),
                amount=("amount", "sum"),
                mean_purchase=("amount", "mean"),
                median_purchase=("amount", "median"),
                active_days=("day", "nunique"),
            )
        )
        whole = whole.join(groups.add_suffix(f"_{days}d"))
    zeros = [n for n in map(str, whole) if n.startswith(("purchases", "amount", "active"))]
    return _sums(whole.fillna(dict.fromkeys(zeros, 0.0)))


def _sums(frame: pd.DataFrame) -> list[float]:
    """Return a figure of every compared column, and the number of customers."""
    names = [f"{name}_{days}d" for days in RECIPE.windows for name in COMPARED]
    return [*(float(frame[name].mean()) for name in names), float(len(frame))]
