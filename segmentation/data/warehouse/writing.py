"""Write scored customers into a table of a database: all of a day and version, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from segmentation.data.files.table_file import not_a_table
from segmentation.data.warehouse.address import Address, address_of
from segmentation.data.warehouse.connection import speaking_of
from segmentation.data.writers import ANSWER, MEMBERSHIPS, TYPES, joined_reasons
from segmentation.errors import DataError, Problem
from segmentation.schema import free_name

SQL_TYPES = {
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE PRECISION",
    pa.bool_(): "BOOLEAN",
}
# What a batch is, beside the answers: written once more it replaces itself.
BATCH = {"model_name": "TEXT", "as_of": "DATE", "written_at": "TIMESTAMP"}
CURRENT, CHANGES, LATEST = "_current", "_changes", "_latest"


class _Database(Protocol):
    """What the two engines have in common."""

    @property
    def ranks_at_once(self) -> bool:
        """Whether it ranks a million answers in no time."""

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""

    def lock(self, table: str) -> None:
        """Let two writers of one batch take turns; readers are not kept waiting."""

    def index(self, definition: str) -> None:
        """Make an index where there is none, and the engine uses one."""

    def insert(self, table: str, rows: pd.DataFrame) -> None:
        """Append rows whose columns are those of the table."""


@dataclass
class TableWriter:
    """Writes the scored customers of one day and version into a table; see :func:`table_writer`."""

    table: str
    database: _Database
    identifier: str | None
    model_name: str
    as_of: date
    written_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    who: str = ""  # the customers' column, and all columns; empty before the first piece
    columns: dict[str, str] = field(default_factory=dict)

    def write(self, scored: pd.DataFrame) -> None:
        """Append the rows of one piece; the first piece replaces what the batch wrote before.

        Raises
        ------
        DataError
            When customers have no identifier, or the table has other columns.
        """
        # An answer's column keeps its name; an identifier of that name has given way.
        who = free_name(self.identifier, TYPES) if self.identifier else ""
        if who not in scored:
            expected = "an identifier, by which a customer is recognised in the table"
            problem = Problem(None, "no_identifier", expected, "Name it in the schema.")
            raise DataError([problem], self.table)
        names = [who, *ANSWER, *([MEMBERSHIPS] if MEMBERSHIPS in scored else [])]
        rows = scored[names].assign(
            reasons=scored["reasons"].map(joined_reasons),
            **{name: getattr(self, name) for name in BATCH},
        )
        if not self.who:
            self._start(rows)
        self.database.insert(_quoted(self.table), rows)

    def _start(self, rows: pd.DataFrame) -> None:
        who, version = str(rows.columns[0]), str(rows["model_version"].iloc[0])
        columns = {who: "TEXT"}
        columns |= {name: SQL_TYPES.get(kind, "TEXT") for name, kind in ANSWER.items()}
        columns |= BATCH
        self._make(self.table, columns)
        self.database.lock(_quoted(self.table))  # another writer may be adding a column
        present = self._fit(self.table, columns, memberships=MEMBERSHIPS in rows)
        if MEMBERSHIPS in present:
            columns[MEMBERSHIPS] = "TEXT"  # last, as a view may be given columns at its end only
        self.database.execute(
            f"DELETE FROM {_quoted(self.table)} "  # nosec B608 # noqa: S608 - quoted
            "WHERE model_name = ? AND model_version = ? AND as_of = ?",
            (self.model_name, version, self.as_of),
        )
        self.who, self.columns = who, columns
        self._index(self.table, [_quoted_name(who), "as_of DESC", "written_at DESC"])

    def finish(self) -> None:
        """Make what is read of the table: every customer's latest answer, and who moved.

        The latest answers are a table of their own where ranking all of them at every look takes
        the engine seconds.
        """
        if not self.who:
            return
        table, names = _quoted(self.table), ", ".join(map(_quoted_name, self.columns))
        current = _current(table, self.who, self.columns)
        if not self.database.ranks_at_once:
            latest = self.table + LATEST
            self._make(latest, self.columns)
            self._fit(latest, self.columns, memberships=MEMBERSHIPS in self.columns)
            self._index(latest, [_quoted_name(self.who)])
            self.database.execute(f"DELETE FROM {_quoted(latest)}")  # nosec B608 # noqa: S608 - quoted
            self.database.execute(f"INSERT INTO {_quoted(latest)} ({names}) {current}")  # nosec B608 - quoted
            current = f"SELECT {names} FROM {_quoted(latest)}"  # nosec B608 # noqa: S608 - quoted
        for ending, query in ((CURRENT, current), (CHANGES, _changes(table, self.who))):
            view = _quoted(self.table + ending)
            self.database.execute(f"CREATE OR REPLACE VIEW {view} AS {query}")

    def _make(self, table: str, columns: Mapping[str, str]) -> None:
        """Make a table where there is none of the name."""
        texts = ", ".join(f"{_quoted_name(name)} {kind}" for name, kind in columns.items())
        self.database.execute(f"CREATE TABLE IF NOT EXISTS {_quoted(table)} ({texts})")

    def _index(self, table: str, columns: Sequence[str]) -> None:
        """Let one customer be looked up at once, where the engine does not scan as fast."""
        name = _quoted_name(table.rpartition(".")[2] + "_customers")
        self.database.index(f"{name} ON {_quoted(table)} ({', '.join(columns)})")

    def _fit(self, table: str, columns: Iterable[str], *, memberships: bool) -> set[str]:
        """Return the columns of a table, that of memberships added; refuse one of other things."""
        present = self._check(table, columns)
        if memberships and MEMBERSHIPS not in present:
            name = _quoted_name(MEMBERSHIPS)
            sql = f"ALTER TABLE {_quoted(table)} ADD COLUMN IF NOT EXISTS {name} TEXT"
            self.database.execute(sql)
            present.add(MEMBERSHIPS)
        return present

    def _check(self, table: str, columns: Iterable[str]) -> set[str]:
        """Return the columns of a table; refuse one that is not of segments."""
        schema, _, name = table.rpartition(".")
        sql = "SELECT column_name FROM information_schema.columns WHERE table_name = ?"
        rows = self.database.execute(
            f"{sql} AND table_schema = {'?' if schema else 'current_schema()'}",
            (name, schema) if schema else (name,),
        )
        present = {row[0] for row in rows}
        if present - {MEMBERSHIPS} != {*columns} - {MEMBERSHIPS}:
            who = next(iter(columns))
            expected = f"a table of segments of {who}, found one with {', '.join(sorted(present))}"
            problem = Problem(None, "another_table", expected, "Name another table in out.")
            raise DataError([problem], table)
        return present


@contextmanager
def table_writer(
    target: str, identifier: str | None, model_name: str, as_of: date
) -> Iterator[TableWriter]:
    """Yield a writer of scored customers into a table of DuckDB or PostgreSQL.

    Everything is one transaction: readers see the batch of this day and version as it was until
    all of it is written, also where the process is killed. The view `<table>_current` has the
    latest answer for every customer, which PostgreSQL stores in `<table>_latest`; the view
    `<table>_changes` who moved from which segment to which, since when. Answers with memberships,
    the probability of every segment, add a column for them, JSON by number, for which PostgreSQL
    lets readers wait once; of other batches it is empty.

    Parameters
    ----------
    target
        Address of the table, which is made where it does not exist.
    identifier
        The column that names customers; the table has it, and the answers.
    model_name, as_of
        Together with the answers' version they name the batch; writing it again replaces it.

    Raises
    ------
    DataError
        When there is no such database, it cannot be written, or the table is another one.
    """
    address = address_of(target)
    if not address.table:
        raise not_a_table(address.public, "?table=NAME, the table to write to", "Name one.")
    with speaking_of(target, address), _transaction(address) as database:
        writer = TableWriter(address.table, database, identifier, model_name, as_of)
        yield writer
        writer.finish()


@contextmanager
def _transaction(address: Address) -> Iterator[_Database]:
    """Yield a database in a transaction that ends well only if the block does."""
    if address.scheme == "duckdb":
        import duckdb  # noqa: PLC0415 - a database is seldom written to

        with duckdb.connect(str(address.path)) as connection:
            connection.execute("BEGIN")
            yield _DuckDB(connection)
            connection.execute("COMMIT")
    elif address.scheme.startswith("postgres"):
        import psycopg  # noqa: PLC0415 - optional

        with psycopg.connect(address.connection) as session:
            yield _PostgreSQL(session)
    else:
        raise not_a_table(
            address.public,
            "duckdb:///FILE?table=… or postgresql://…?table=… to write to",
            "Write Parquet, and load it there.",
        )


@dataclass(frozen=True)
class _DuckDB:
    connection: Any
    ranks_at_once: bool = True

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.connection.execute(sql, list(values)).fetchall()
        return rows

    def lock(self, table: str) -> None:
        """Do nothing: only one process at a time can write to the file."""

    def index(self, definition: str) -> None:
        """Do nothing: it scans a million rows in milliseconds."""

    def insert(self, table: str, rows: pd.DataFrame) -> None:
        self.connection.register("piece", pa.Table.from_pandas(rows, preserve_index=False))
        self.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM piece")  # nosec B608 # noqa: S608 - quoted
        self.connection.unregister("piece")


@dataclass(frozen=True)
class _PostgreSQL:
    session: Any
    ranks_at_once: bool = False

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        cursor = self.session.execute(sql.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else []

    def lock(self, table: str) -> None:
        self.session.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")

    def index(self, definition: str) -> None:
        self.session.execute(f"CREATE INDEX IF NOT EXISTS {definition}")

    def insert(self, table: str, rows: pd.DataFrame) -> None:
        names = ", ".join(map(_quoted_name, rows.columns))
        plain = rows.astype(object).where(rows.notna(), None)
        with (
            self.session.cursor() as cursor,
            cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
        ):
            for row in plain.itertuples(index=False):
                copy.write_row(row)


def _current(table: str, who: str, columns: Iterable[str]) -> str:
    """Return the query of every customer's latest answer."""
    names, customer = ", ".join(map(_quoted_name, columns)), _quoted_name(who)
    return (
        f"SELECT {names} FROM (SELECT *, row_number() OVER (PARTITION BY {customer} "  # nosec B608 # noqa: S608 - quoted
        f"ORDER BY as_of DESC, written_at DESC) AS latest FROM {table}) AS ranked WHERE latest = 1"
    )


def _changes(table: str, who: str) -> str:
    """Return the query of every move of a customer from one day's segment to another.

    Of several answers for a day the one written last counts. `from_version` and `to_version` tell
    a customer who changed from a model that did.
    """
    customer = _quoted_name(who)
    return (
        f"SELECT model_name, {customer}, from_segment, from_name, segment AS to_segment, "  # nosec B608 # noqa: S608 - quoted
        "segment_name AS to_name, as_of AS since, from_version, model_version AS to_version "
        "FROM (SELECT *, lag(segment) OVER days AS from_segment, "
        "lag(segment_name) OVER days AS from_name, lag(model_version) OVER days AS from_version "
        f"FROM (SELECT *, row_number() OVER (PARTITION BY model_name, {customer}, as_of "
        f"ORDER BY written_at DESC) AS latest FROM {table}) AS ranked WHERE latest = 1 "
        f"WINDOW days AS (PARTITION BY model_name, {customer} ORDER BY as_of)) AS moves "
        "WHERE from_segment <> segment"
    )


def _quoted(table: str) -> str:
    return ".".join(map(_quoted_name, table.split(".")))


def _quoted_name(name: object) -> str:
    return '"' + str(name).replace('"', '""') + '"'
