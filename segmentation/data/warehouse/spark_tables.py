"""Tables on a Spark session that runs already, through ibis."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pandas as pd

from segmentation.data.files.table_file import not_a_table
from segmentation.data.warehouse.address import is_database, public_name
from segmentation.data.warehouse.connection import CSV, speaking_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

ZONE = "spark.sql.session.timeZone"


@contextmanager
def tables_on_spark(
    session: Any, tables: Mapping[str, Any], time_zone: str
) -> Iterator[tuple[dict[str, ir.Table], Any]]:
    """Yield tables by name, and ibis' connection to the session, which goes on afterwards.

    Parameters
    ----------
    session
        A running Spark session.
    tables
        Data frames of Spark or pandas, or paths of Parquet or CSV that Spark reads: a file, a
        folder, a glob, a bucket. None where there is none.
    time_zone
        Whose days count where times have a zone.

    Raises
    ------
    DataError
        When there is no such table, or it cannot be read; also from within the block.
    """
    import ibis  # noqa: PLC0415 - takes 0.7 s

    before = session.conf.get(ZONE)
    connection = ibis.pyspark.connect(session)
    with ExitStack() as stack:
        stack.callback(session.conf.set, ZONE, before)
        session.conf.set(ZONE, time_zone)
        # It repeats what the error says after it, with a value of the table.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", "toPandas attempted Arrow", UserWarning)
        # Spark passes pandas 3 an argument that it no longer needs.
        warnings.filterwarnings("ignore", "The copy keyword is deprecated")
        opened = {}
        for name, table in tables.items():
            if table is None:
                continue
            if isinstance(table, str):
                stack.enter_context(speaking_of(table))
            view = f"{name}_{uuid4().hex}"
            rows_on_spark(session, table).createOrReplaceTempView(view)
            stack.callback(session.catalog.dropTempView, view)
            opened[name] = connection.table(view)
        yield opened, connection


def rows_on_spark(session: Any, table: Any, *, typed: bool = False) -> Any:
    """Return a table as a Spark data frame, the columns of CSV as text unless `typed`.

    Raises
    ------
    DataError
        When it is an address of a database.
    """
    if isinstance(table, pd.DataFrame):
        return session.createDataFrame(table)
    if not isinstance(table, str):
        return table
    if is_database(table):
        expected = "files of Parquet or CSV that Spark reads"
        raise not_a_table(public_name(table), expected, "Use engine=process, or export the table.")
    path = Path(table)
    local = path.is_dir() and any(file.name.lower().endswith(CSV) for file in path.iterdir())
    if table.lower().endswith(CSV) or local:
        # Text as it stands: leading zeros stay, and times are read by the recipe.
        return session.read.csv(table, header=True, inferSchema=typed)
    return session.read.parquet(table)
