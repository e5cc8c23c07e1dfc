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

SIZES = (1_000_000, 10_000_000, 100_000_000)
WITH_PANDAS = 10_000_000  # more does not fit in 2 GB
A_CUSTOMER = 100  # transactions
AS_OF = date(2025, 1, 1)
RECIPE = Recipe("customer", "time", "amount")
MEGABYTE = 1024 if sys.platform == "linux" else 1024 * 1024  # of what getrusage counts
# At 10 million transactions, and at any size.
LEAST_RATIO, MOST_MEGABYTES = 5.0, 2_000.0


@dataclass(frozen=True)
class Row:
    """One size: seconds, of the processors too, and peak memory of both; nan where only ours ran.

    Seconds of the processors tell both from what else the machine does.
    """

    transactions: int
    customers: int
    seconds: float
    cpu_seconds: float
    megabytes: float
    pandas_seconds: float
    pandas_cpu_seconds: float
    pandas_megabytes: float

    @property
    def ratio(self) -> float:
        """How many times as long pandas takes."""
        return self.pandas_seconds / self.seconds


@dataclass(frozen=True)
class Measured:
    """What work gave, and took, in a process of its own."""

    figures: list[float]
    seconds: float
    cpu_seconds: float
    megabytes: float


NOT_RUN = Measured([], float("nan"), float("nan"), float("nan"))


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
            ours = _measured(_with_recipe, path, size)
            theirs = _measured(_with_pandas, path, size) if size <= WITH_PANDAS else NOT_RUN
            if theirs is not NOT_RUN and not np.allclose(
                ours.figures, theirs.figures, rtol=1e-9, atol=1e-9, equal_nan=True
            ):
                raise ValueError(f"{size:,} transactions: the features differ from pandas'")
            yield Row(
                size,
                int(ours.figures[-1]),
                *(ours.seconds, ours.cpu_seconds, ours.megabytes),
                *(theirs.seconds, theirs.cpu_seconds, theirs.megabytes),
            )
            path.unlink()


def collect_table(rows: list[Row]) -> str:
    """Return the rows as a table."""
    table = pd.DataFrame([asdict(row) | {"ratio": row.ratio} for row in rows])
    return table.to_string(index=False, float_format="{:,.1f}".format, na_rep="-")


def short_of(rows: list[Row]) -> list[str]:
    """Return a sentence for each target that was missed."""
    slow = [
        f"{row.transactions:,} transactions: pandas takes {row.ratio:.1f} times as long; expected "
        f"{LEAST_RATIO:g}"
        for row in rows
        if row.transactions == WITH_PANDAS and row.ratio < LEAST_RATIO
    ]
    large = [
        f"{row.transactions:,} transactions: {row.megabytes:,.0f} MB; expected at most "
        f"{MOST_MEGABYTES:,.0f}"
        for row in rows
        if row.megabytes > MOST_MEGABYTES
    ]
    return slow + large


def _measured(work: Callable[[Path, int], list[float]], path: Path, size: int) -> Measured:
    """Return what work gives in a process of its own, and what it takes there."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_timed, work, path, size).result()


def _timed(work: Callable[[Path, int], list[float]], path: Path, size: int) -> Measured:
    import ibis.backends.duckdb  # noqa: F401, PLC0415 - pandas is imported already, too

    began, cpu = time.perf_counter(), _cpu_seconds()
    result = work(path, size)
    seconds, cpu = time.perf_counter() - began, _cpu_seconds() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE
    return Measured(result, seconds, cpu, peak)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _write(path: Path, size: int) -> list[float]:
    """Write transactions of two years, one in fifty a refund; DuckDB does not hold them."""
    import duckdb  # noqa: PLC0415 - in the process that is measured

    customers = max(size // A_CUSTOMER, 1)
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            f"COPY (SELECT 'C' || (random() * {customers})::BIGINT AS customer, "  # nosec B608 # noqa: S608 - numbers
            f"TIMESTAMP '{AS_OF}' - to_seconds(1 + (random() * 63072000)::BIGINT) AS time, "
            "round(exp(3 + random() * 2), 2) * if(random() < 0.02, -1, 1) AS amount "
            f"FROM range({size})) TO '{path}'"
        )
    return []


def _with_recipe(path: Path, _: int) -> list[float]:
    return _figures(features_from_transactions(str(path), RECIPE, as_of=AS_OF).frame)


def _with_pandas(path: Path, _: int) -> list[float]:
    """Compute the same features as one would at first: a filter and a groupby a window."""
    rows = pd.read_parquet(path)
    as_of = pd.Timestamp(AS_OF)
    rows["day"] = rows["time"].dt.normalize()
    rows = rows[rows["day"] < as_of]
    rows["refund"], rows["value"] = rows["amount"] < 0, rows["amount"].abs()
    first = rows.groupby("customer")["day"].min()
    last = rows[~rows["refund"]].groupby("customer")["day"].max()
    whole = pd.DataFrame({"tenure_days": (as_of - first).dt.days})
    whole["recency_days"] = (as_of - last).dt.days
    for days in RECIPE.windows:
        inside = rows[rows["day"] >= as_of - pd.Timedelta(days=days)]
        bought, back = inside[~inside["refund"]], inside[inside["refund"]]
        groups = bought.groupby("customer").agg(
            purchases=("value", "size"),
            bought=("value", "sum"),
            mean_purchase=("value", "mean"),
            median_purchase=("value", "median"),
            active_days=("day", "nunique"),
        )
        whole = whole.join(groups.add_suffix(f"_{days}d"))
        for name in ("purchases", "bought", "active_days"):
            whole[f"{name}_{days}d"] = whole[f"{name}_{days}d"].fillna(0)
        refunded = back.groupby("customer")["value"].sum()
        refunded = refunded.reindex(whole.index).fillna(0)
        whole[f"amount_{days}d"] = whole[f"bought_{days}d"] - refunded
        whole[f"refund_share_{days}d"] = refunded / whole[f"bought_{days}d"].replace(0, np.nan)
    for short, long in zip(RECIPE.windows, RECIPE.windows[1:], strict=False):
        spent = whole[f"bought_{long}d"].replace(0, np.nan)
        whole[f"trend_{short}d_{long}d"] = whole[f"bought_{short}d"] / spent
    active = bought[["customer", "day"]].drop_duplicates().sort_values(["customer", "day"])
    gaps = active.groupby("customer")["day"].diff().dt.days.groupby(active["customer"])
    gap, deviation = gaps.mean(), gaps.std(ddof=0)
    whole[f"gap_days_{RECIPE.longest}d"] = gap
    whole[f"gap_variation_{RECIPE.longest}d"] = deviation.where(gaps.count() > 1) / gap
    # What the remarks say: without it the other side would do more.
    inside.duplicated(["customer", "day", "value", "refund"]).sum()
    return _figures(whole)


def _figures(frame: pd.DataFrame) -> list[float]:
    """Return two figures of every feature, and the number of customers."""
    names = sorted(str(name) for name in frame if name != "customer" and "bought" not in str(name))
    means = [float(frame[name].mean()) for name in names]
    return [*means, *(float(frame[name].count()) for name in names), float(len(frame))]
