"""The same customers scored in one process and on Spark: seconds of each, and are answers equal."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow import MlflowClient

from experiments.benchmark.races import NAME, prepare
from experiments.registry.client import CHAMPION
from experiments.spark.scoring import score_table
from experiments.spark.session import session
from experiments.work.file_scoring import score_file
from segmentation.data.synthetic import iter_generate
from segmentation.data.writers import ANSWER

KEY = "CUST_ID"


@dataclass(frozen=True)
class SparkRow:
    """One table scored twice.

    Parameters
    ----------
    rows
        Customers.
    process_seconds
        In this process.
    start_seconds
        Until Spark was there.
    spark_seconds
        On Spark, from then on.
    unequal
        Customers with another answer, or without one.
    """

    rows: int
    process_seconds: float
    start_seconds: float
    spark_seconds: float
    unequal: int


def run_spark(rows: int, master: str) -> SparkRow:
    """Score generated customers with a small model on both engines.

    Parameters
    ----------
    rows
        Customers.
    master
        Spark's, such as ``local[2]``.
    """
    prepare(MlflowClient(), 1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        source, one, other = folder / "in.parquet", folder / "process.parquet", folder / "spark"
        _write(rows, source)
        start = time.monotonic()
        score_file(str(source), one, NAME, CHAMPION)
        scored = time.monotonic()
        with session(master):
            ready = time.monotonic()
            score_table(str(source), str(other), NAME, CHAMPION, master)
            done = time.monotonic()
        return SparkRow(rows, scored - start, ready - scored, done - ready, unequal(one, other))


def unequal(one: Path, other: Path, key: str = KEY) -> int:
    """Return how many customers' answers in two scored tables differ, to the last bit."""
    tables = [pq.read_table(path).to_pandas().set_index(key).sort_index() for path in (one, other)]
    first, second = (table[[name for name in ANSWER if name in table]] for table in tables)
    if not first.index.equals(second.index) or set(first) != set(second):
        return max(len(first), len(second))
    differs = pd.Series(False, index=first.index)
    for column in first:
        pair = [table[column].to_numpy() for table in (first, second)]
        if column == "reasons":
            pair = [pd.Series(cells).map(tuple).to_numpy() for cells in pair]
        differs |= pair[0] != pair[1]
    return int(differs.sum())


def _write(rows: int, path: Path) -> None:
    writer: pq.ParquetWriter | None = None
    for piece in iter_generate(rows, seed=9):
        table = pa.Table.from_pandas(piece, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
