"""Score a table of any size on Spark; the answers are those of scoring in one process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient

from experiments.faults import notify
from experiments.registry.client import ModelInfo, describe
from experiments.registry.verification import verified
from experiments.spark import partitions
from experiments.spark.partitions import LINE, PATH, START, Contract
from experiments.spark.session import send_code, session
from segmentation.data.atomic import appearing_whole
from segmentation.data.files.table_file import delimiter_of
from segmentation.data.validation import unknown_columns
from segmentation.data.warehouse.address import is_database
from segmentation.data.warehouse.writing import table_writer
from segmentation.data.writers import ANSWER, TYPES, WORKBOOK, labels_of
from segmentation.errors import DataError, Problem, merged
from segmentation.schema import TableSchema, free_name

CSV = (".csv", ".csv.gz")
PIECE_ROWS = 10_000
CHECKED = f"{PATH} string, {START} long, rows long, failures string, warnings string"


@dataclass(frozen=True)
class Table:
    """A table that Spark will read.

    `rows` is a Spark data frame: ``path`` and ``start`` of the part of a file a row is from, and
    its cells, which are columns or one line of a CSV file.
    """

    rows: Any
    columns: tuple[str, ...]
    contract: Contract


def score_table(
    source: str, target: str, model_name: str, alias: str, master: str, *, as_of: date | None = None
) -> int:
    """Score CSV or Parquet into a folder of Parquet files; return the number of customers.

    They hold the identifier, or the row's number from 1, and the answer; the table's own columns
    stay where they are, to be joined. Or into a table of a database, as the batch of the day
    `as_of`, by default today: this process writes it, a partition at a time, in one transaction.

    Everything is checked first, so that an error names every bad column of the whole table and
    nothing is written.

    `source` is a file or folder, `target` a new folder: paths, or addresses such as
    ``s3a://bucket/customers``; or ``postgresql://…?table=…``, ``duckdb:///…?table=…``.

    Raises
    ------
    DataError
        When `source` is not a table of such customers, there is something at `target`, or its
        table is another one.
    RegistryError
        When there is no such version.
    SparkError
        When Spark cannot be used.
    """
    info = describe(model_name, alias)
    _check_paths(source, target)
    with verified(MlflowClient(), model_name, info.version) as model, session(master) as spark:
        _prepare(spark)
        table = _table(spark, source, info.schema)
        rows, offsets = _checked(table, source)
        scored = _scored(spark, table, offsets, info, model)
        if is_database(target):
            day = as_of or datetime.now(UTC).date()
            with table_writer(target, info.schema.identifier, model_name, day) as batch:
                for piece in _pieces(scored):
                    batch.write(piece)
        else:
            with _appearing_whole(target) as draft:
                scored.write.parquet(draft)
    return rows


def _pieces(scored: Any) -> Iterator[pd.DataFrame]:
    """Yield the answers some rows at a time; one partition after another comes to this process."""
    rows = scored.toLocalIterator(prefetchPartitions=True)
    while piece := list(islice(rows, PIECE_ROWS)):
        yield pd.DataFrame.from_records(piece, columns=scored.columns)


def _prepare(spark: Any) -> None:
    from pyspark import cloudpickle  # noqa: PLC0415 - optional

    send_code(spark)
    cloudpickle.register_pickle_by_value(partitions)


def _check_paths(source: str, target: str) -> None:
    if not is_remote(source) and not Path(source).exists():
        raise _refused(source, "not_a_table", "an existing file or folder", "Check the path.")
    if is_database(target):
        return
    if Path(target).suffix.lower() in {".csv", *WORKBOOK}:
        expected = f"a folder to write Parquet into, found out={target!r}"
        raise _refused(target, "not_a_folder", expected, "Name a folder.")
    if not is_remote(target) and Path(target).exists():
        expected = f"a new folder, found one at out={target!r}"
        raise _refused(target, "exists", expected, "Name another, or remove it.")
    if not is_remote(target) and Path(source).resolve() in Path(target).resolve().parents:
        expected = f"a folder outside of data={source!r}, found out={target!r}"
        raise _refused(target, "inside", expected, "Name another.")


def is_remote(path: str) -> bool:
    """Whether a path is an address such as ``s3a://bucket/customers``."""
    return "://" in path


def _refused(where: str, check: str, expected: str, remedy: str) -> DataError:
    return DataError([Problem(None, check, expected, remedy)], where)


def _table(spark: Any, source: str, schema: TableSchema) -> Table:
    """Return a table yet to be read, in the format its path suggests."""
    if _is_csv(source):
        return _csv(spark, source, schema)
    delta = not is_remote(source) and (Path(source) / "_delta_log").is_dir()
    frame = spark.read.format("delta" if delta else "parquet").load(source)
    names = tuple(frame.columns)
    needed = [name for name in names if name in {*schema.column_names, schema.identifier}]
    # Only if no column is missing: the error about a missing one suggests the most similar name.
    whole = set(schema.column_names) <= set(names)
    cells = [_column(name) for name in (needed if whole else names)]
    return Table(frame.select(*_part(), *cells), names, Contract(schema))


def _csv(spark: Any, source: str, schema: TableSchema) -> Table:
    from pyspark.sql import functions as F  # noqa: PLC0415, N812 - optional; its usual name

    lines = spark.read.text(source).select(*_part(), F.make_valid_utf8("value").alias(LINE))
    first = lines.where(F.col(START) == 0).head()
    header = str(first[LINE]).removeprefix(partitions.BOM) if first else ""
    if not header.strip():
        expected = "a header line, found an empty file"
        raise _refused(source, "not_a_table", expected, "Check the export.")
    delimiter, names = delimiter_of(source, header)
    return Table(lines, tuple(names), Contract(schema, header, delimiter))


def _is_csv(source: str) -> bool:
    folder = not is_remote(source) and Path(source).is_dir()
    return source.lower().endswith(CSV) or (
        folder and any(path.name.lower().endswith(CSV) for path in Path(source).iterdir())
    )


def _part() -> tuple[Any, Any]:
    from pyspark.sql import functions as F  # noqa: PLC0415, N812 - optional; its usual name

    path, start = F.col("_metadata.file_path"), F.col("_metadata.file_block_start")
    return path.alias(PATH), start.alias(START)


def _column(name: str) -> Any:
    from pyspark.sql import functions as F  # noqa: PLC0415, N812 - optional; its usual name

    return F.col("`" + name.replace("`", "``") + "`")


def _checked(table: Table, source: str) -> tuple[int, dict[tuple[str, int], int]]:
    """Check every row; return their number, and the first number in every part of a file.

    Raises
    ------
    DataError
        With the problems of the whole table.
    """
    pieces = table.rows.mapInPandas(partitions.check(table.contract), CHECKED).collect()
    pieces.sort(key=lambda piece: (piece[PATH], piece[START]))
    if failures := _merged(piece.failures for piece in pieces):
        raise DataError(failures, source)
    if not pieces:
        raise _refused(source, "no_rows", "at least one row below the header", "Check the export.")
    unknown = unknown_columns(table.columns, table.contract.schema)
    warnings = {(p.column, p.check): p for p in (*unknown, *_merged(p.warnings for p in pieces))}
    notify(warnings=warnings.values())
    counts = [piece["rows"] for piece in pieces]
    if table.contract.schema.identifier in table.columns:
        return sum(counts), {}
    numbers: dict[tuple[str, int], int] = {}
    for piece, end in zip(pieces, accumulate(counts), strict=True):
        numbers.setdefault((piece[PATH], piece[START]), 1 + end - piece["rows"])
    return sum(counts), numbers


def _merged(texts: Iterable[str]) -> list[Problem]:
    """Return the problems of all pieces, one for each column and check."""
    kinds: dict[tuple[str | None, str], list[Problem]] = {}
    for problem in (p for text in texts for p in partitions.problems_from(text)):
        kinds.setdefault((problem.column, problem.check), []).append(problem)
    return [merged(problems) for problems in kinds.values()]


def _scored(
    spark: Any,
    table: Table,
    offsets: dict[tuple[str, int], int],
    info: ModelInfo,
    model: Path,
) -> Any:
    """Return the answers as a Spark data frame, yet to be computed."""
    from pyspark.sql import functions as F  # noqa: PLC0415, N812 - optional; its usual name
    from pyspark.sql.types import (  # noqa: PLC0415 - optional
        DoubleType,
        LongType,
        StringType,
        StructField,
        StructType,
    )

    schema = info.schema
    key = schema.identifier if schema.identifier in table.columns else None
    name = free_name(key, TYPES) if key else "row"
    fields = [StructField(name, StringType() if key else LongType())]
    for column in schema.columns:
        kind = StringType() if column.categorical else DoubleType()
        fields.append(StructField(column.name, kind))
    ready = partitions.customers(table.contract, fields[0].name, offsets)
    customers = table.rows.mapInPandas(ready, StructType(fields))
    answer = mlflow.pyfunc.spark_udf(spark, str(model), env_manager="local")
    cells = F.struct(*[_column(name) for name in schema.column_names])
    answers = customers.select(_column(fields[0].name), answer(cells).alias("answer"))
    scored = answers.select(_column(fields[0].name), "answer.*")
    return _in_words(scored.select(_column(name), *ANSWER), info)


def _in_words(scored: Any, info: ModelInfo) -> Any:
    """Call columns by their labels, and segments by names given since they were registered."""
    from pyspark.sql import functions as F  # noqa: PLC0415, N812 - optional; its usual name

    def mapped(mapping: Mapping[Any, str], key: Any, default: Any) -> Any:
        pairs = F.create_map(*[F.lit(part) for pair in mapping.items() for part in pair])
        return F.coalesce(F.try_element_at(pairs, key), default)

    labels = labels_of(info.schema)
    words = {"reasons": F.transform("reasons", lambda name: mapped(labels, name, name))}
    if info.given_names:
        for number, name in (("segment", "segment_name"), ("runner_up", "runner_up_name")):
            words[name] = mapped(info.given_names, F.col(number), F.col(name))
    return scored.withColumns(words)


@contextmanager
def _appearing_whole(target: str) -> Iterator[str]:
    """Yield a folder that becomes `target` at the end; a remote one is written in place."""
    if is_remote(target):
        yield target
        return
    with appearing_whole(Path(target).absolute()) as draft:
        yield str(draft)
