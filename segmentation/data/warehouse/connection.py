"""Open a table where it lies, through ibis; only what is asked for travels."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentation.data.files.table_file import PARQUET, encoding_of, not_a_table
from segmentation.data.warehouse.address import (
    DATABASES,
    GLOB,
    STORES,
    Address,
    address_of,
    is_database,
    public_name,
)
from segmentation.errors import DataError
from segmentation.schema.numbers import decimal_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

# What DuckDB holds before it spills, for each of its threads. Beside it there is what a query
# returns, and the values of which medians are taken.
MEGABYTES_A_THREAD = 500
# Texts stay texts: dates are read by the recipe, in one order in the whole column.
CSV_TYPES = ["BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR"]
JUDGED_ROWS = 2_000
GROUPED_BY_POINTS = r"\d\.\d{3}(?:\.\d{3})*,\d"
COPIED = 1 << 20  # characters at a time
CSV = (".csv", ".csv.gz", ".tsv", ".txt")
# Errors of ibis and of drivers, where these are loaded.
DRIVERS = (
    ("builtins", "OSError"),
    *(("ibis.common.exceptions", "IbisError"), ("ibis.common.exceptions", "TableNotFound")),
    *(("duckdb", "Error"), ("psycopg", "Error"), ("snowflake.connector", "Error")),
    *(("trino.exceptions", "Error"), ("databricks.sql", "Error"), ("MySQLdb", "Error")),
    *(("pyodbc", "Error"), ("google.api_core.exceptions", "GoogleAPIError")),
    ("pyspark.errors", "PySparkException"),
)
# Their messages repeat a value of the table.
ABOUT_VALUES = (
    *(("duckdb", "ConversionException"), ("duckdb", "OutOfRangeException")),
    *(("duckdb", "InvalidInputException"), ("psycopg", "DataError")),
    *(("pyspark.errors", "NumberFormatException"), ("pyspark.errors", "DateTimeException")),
)


@dataclass(frozen=True)
class OpenTable:
    """A table on the engine where it lies, and the connection to that engine."""

    table: ir.Table
    connection: Any


@contextmanager
def opened_table(
    source: str, texts: Sequence[str] = (), time_zone: str = "UTC"
) -> Iterator[OpenTable]:
    """Yield the table of a source that is no single file, or of a single CSV or Parquet file.

    Parameters
    ----------
    source
        An address of a table in a database, or a file, folder, glob or bucket of Parquet or CSV.
    texts
        Columns of CSV files that are read as text even where they look like numbers.
    time_zone
        Whose days count where times have a zone.

    Raises
    ------
    DataError
        When there is no such table, or it cannot be read; also from within the block.
    """
    address = address_of(source) if is_database(source) or _is_unknown(source) else None
    with speaking_of(source, address), engine(time_zone, address) as connection:
        table = (
            _table_of(connection, address)
            if address
            else _files(connection, source, [name for name in texts if name])
        )
        yield OpenTable(table, connection)


@contextmanager
def engine(time_zone: str, address: Address | None = None) -> Iterator[Any]:
    """Yield the connection to a database, or to DuckDB in this process where none is named.

    That one spills into a temporary folder what memory does not hold.
    """
    with tempfile.TemporaryDirectory() as folder:
        connection = _connected(address) if address else _local(folder)
        try:
            connection.raw_sql(f"SET TimeZone = '{time_zone}'")
            yield connection
        finally:
            connection.disconnect()


def _is_unknown(source: str) -> bool:
    scheme, mark, _ = source.partition("://")
    return bool(mark) and scheme not in STORES


@contextmanager
def speaking_of(source: str, address: Address | None = None) -> Iterator[None]:
    """Turn what an engine says of a source into a sentence, without credentials and values."""
    try:
        yield
    except DataError:
        raise
    except _classes(DRIVERS) as error:
        raise not_a_table(
            public_name(source),
            f"a table that can be read ({_shown(error, address)})",
            "Check the address, the rights of the user, and the credentials in the environment."
            if address or "://" in source
            else "Check the file: one header line, and in each column numbers or texts throughout.",
        ) from None


def _classes(names: Sequence[tuple[str, str]]) -> tuple[type[BaseException], ...]:
    return tuple(getattr(sys.modules[m], name) for m, name in names if m in sys.modules)


def _shown(error: BaseException, address: Address | None) -> str:
    """Return what an engine says, on one line."""
    if isinstance(error, _classes(ABOUT_VALUES)):
        return f"{type(error).__name__}: a value has another form than its column"
    text = (str(error).strip().splitlines() or [""])[0]
    for secret in address.secrets if address else ():
        text = text.replace(secret, "***")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _local(folder: str) -> Any:
    import ibis  # noqa: PLC0415 - takes 0.7 s

    connection = ibis.duckdb.connect(
        temp_directory=folder,
        preserve_insertion_order=False,
        memory_limit=f"{(os.cpu_count() or 1) * MEGABYTES_A_THREAD}MB",
    )
    connection.raw_sql("SET enable_progress_bar = false")
    return connection


def _connected(address: Address) -> Any:
    extra = DATABASES[address.scheme]
    remedy = f"Install it: pip install 'ibis-framework[{extra}]'."
    try:
        import ibis  # noqa: PLC0415 - takes 0.7 s

        if address.scheme == "duckdb":
            if not address.path.is_file():
                raise not_a_table(address.public, "an existing DuckDB file", "Check the path.")
            return ibis.duckdb.connect(address.path, read_only=True)
        import_module(f"ibis.backends.{extra}")
        return ibis.connect(address.connection)
    except ImportError as error:
        expected = f"the driver of {address.scheme} ({error.name or 'not installed'})"
        raise not_a_table(address.public, expected, remedy) from None


def _table_of(connection: Any, address: Address) -> ir.Table:
    if address.table:
        schema, _, name = address.table.rpartition(".")
        table: ir.Table = connection.table(name, database=schema or None)
        return table
    if address.scheme.startswith("postgres"):
        # A view of this session only: its columns are known before a row is read.
        connection.raw_sql(f"CREATE TEMPORARY VIEW source_query AS {address.query}")
        table = connection.table("source_query")
    else:
        table = connection.sql(address.query)
    return table


def _files(connection: Any, source: str, texts: Sequence[str]) -> ir.Table:
    if "://" in source:
        return _in_store(connection, source, texts)
    paths = _paths(source)
    if paths[0].lower().endswith(tuple(PARQUET)):
        table: ir.Table = connection.read_parquet(paths, union_by_name=True)
        return table
    return _csv(connection, paths, texts)


def _csv(connection: Any, paths: Sequence[str], texts: Sequence[str]) -> ir.Table:
    paths = [_in_utf8(connection, number, path) for number, path in enumerate(paths)]
    reading = {"auto_type_candidates": CSV_TYPES, "union_by_name": True, "sample_size": 100_000}
    table: ir.Table = connection.read_csv(paths, **reading)
    changes: dict[str, Any] = _decimal_commas(table, texts)
    if kinds := {name: "VARCHAR" for name in texts if name in table.columns}:
        changes["types"] = kinds
    return connection.read_csv(paths, **reading, **changes) if changes else table


def _in_utf8(connection: Any, number: int, path: str) -> str:
    """Return a file, or where its text is not UTF-8 a copy that is, beside what DuckDB spills."""
    if path.lower().endswith(".gz"):
        return path
    encoding = encoding_of(Path(path))
    if encoding == "utf-8-sig":
        return path
    folder = connection.raw_sql("SELECT current_setting('temp_directory')").fetchone()[0]
    copy = Path(folder) / f"{number}.csv"
    copy.parent.mkdir(parents=True, exist_ok=True)
    with (
        Path(path).open(encoding=encoding, newline="") as original,
        copy.open("w", encoding="utf-8", newline="") as stream,
    ):
        shutil.copyfileobj(original, stream, COPIED)
    return str(copy)


def _decimal_commas(table: ir.Table, texts: Sequence[str]) -> dict[str, Any]:
    """Return how DuckDB reads ``12,50`` and ``1.234,50``, where a column has such numbers."""
    columns = [n for n, kind in table.schema().items() if kind.is_string() and n not in texts]
    if not columns:
        return {}
    head = table.select(columns).limit(JUDGED_ROWS).to_pandas()
    commas = [cells for _, cells in head.items() if decimal_of(cells.dropna()) == ","]
    if not commas:
        return {}
    grouped = any(cells.str.contains(GROUPED_BY_POINTS).any() for cells in commas)
    return {"decimal_separator": ",", **({"thousands": "."} if grouped else {})}


def _paths(source: str) -> list[str]:
    """Return the files of a path, folder or glob, all of one format."""
    path = Path(source)
    inside = sorted(map(str, path.rglob("*"))) if path.is_dir() else sorted(glob(source))
    files = inside if path.is_dir() or GLOB.search(source) else [source]
    paths = [p for p in files if p.lower().endswith((*PARQUET, *CSV)) and Path(p).is_file()]
    expected = "Parquet or CSV files, found none"
    if not paths:
        raise not_a_table(source, expected, "Check the path.")
    kinds = {Path(p).suffix.lower() in PARQUET for p in paths}
    if len(kinds) > 1:
        raise not_a_table(source, "files of one format, found Parquet and CSV", "Name a glob.")
    return paths


def _in_store(connection: Any, source: str, texts: Sequence[str]) -> ir.Table:
    """Return the table of files in a bucket, which Arrow reads with the environment's login."""
    from pyarrow import csv, dataset, fs  # noqa: PLC0415 - some stores load slowly

    place = source.replace("s3a://", "s3://", 1)
    folder, _, name = place.rpartition("/")
    pattern = name if GLOB.search(name) else "*"
    system, root = fs.FileSystem.from_uri(place if pattern == "*" else folder)
    infos = [system.get_file_info(root)]
    if infos[0].type == fs.FileType.Directory:
        infos = system.get_file_info(fs.FileSelector(root, recursive=pattern == "*"))
    endings = (*PARQUET, *CSV)
    matching = (i.path for i in infos if i.is_file and Path(i.path).match(pattern))
    files = sorted(path for path in matching if path.lower().endswith(endings))
    if not files:
        expected = "Parquet or CSV files, found none"
        raise not_a_table(public_name(source), expected, "Check the address.")
    if Path(files[0]).suffix.lower() in PARQUET:
        kind: Any = "parquet"
    else:
        kinds = dict.fromkeys(texts, "string")
        kind = dataset.CsvFileFormat(convert_options=csv.ConvertOptions(column_types=kinds))
    data = dataset.dataset(files, filesystem=system, format=kind)
    connection.con.register("files", data)
    table: ir.Table = connection.table("files")
    return table
