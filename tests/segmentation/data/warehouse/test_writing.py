"""Answers in a table: all of a day and version or nothing, and the same when written again."""

import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pytest

from segmentation.data.warehouse.address import address_of
from segmentation.data.warehouse.writing import table_writer
from segmentation.data.writers import scored_rows
from segmentation.errors import DataError
from segmentation.schema import Column, TableSchema
from tests.conftest import NewDatabase

ENGINES = ("duckdb", "postgresql")
SCHEMA = TableSchema("mine", "Mine", (Column("x", "X"),), identifier="customer")
FIRST, SECOND = date(2024, 7, 1), date(2024, 8, 1)
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path, postgresql: NewDatabase) -> str:
    """Return the address of a table that does not exist yet."""
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path}/bank.db?table=segments"
    name = "w" + str(abs(hash(request.node.name)))
    return f"{postgresql(name)}&table=segments"


def scored(customers: str, segment: int, version: str = "1") -> pd.DataFrame:
    """Return answers, one letter a customer."""
    n = len(customers)
    answers = pd.DataFrame(
        {
            "segment": segment,
            "segment_name": "Big spenders; DROP TABLE segments",
            "confidence": 0.9,
            "runner_up": 2,
            "runner_up_name": None,
            "unlike_training": [False] * n,
            "reasons": [["x", "y"]] * n,
            "model_version": version,
        }
    )
    return scored_rows(pd.DataFrame({"customer": list(customers)}), SCHEMA, 0, answers)


def write(
    target: str,
    *pieces: pd.DataFrame,
    day: date = FIRST,
    model: str = "m",
    identifier: str | None = "customer",
) -> None:
    """Write a batch in pieces."""
    with table_writer(target, identifier, model, day) as writer:
        for piece in pieces:
            writer.write(piece)


def rows(target: str, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    address = address_of(target)
    if address.scheme == "duckdb":
        with duckdb.connect(str(address.path)) as connection:
            return connection.execute(sql).fetchall()
    with psycopg.connect(address.connection) as session:
        return session.execute(sql).fetchall()  # type: ignore[arg-type]


CURRENT = "select customer, segment, as_of from segments_current order by 1"
ALL = "select customer, segment, as_of, model_version from segments order by 3, 4, 1"


@pytest.mark.parametrize("target", ENGINES, indirect=True)
def test_a_batch_written_again_replaces_itself(target: str) -> None:
    """No double rows, nor of customers who are gone; other days, versions and models stay."""
    write(target, scored("ab", 1), scored("c", 1))
    write(target, scored("ab", 3), day=FIRST)
    assert [row[:2] for row in rows(target, ALL)] == [("a", 3), ("b", 3)]
    write(target, scored("a", 5, "2"))
    write(target, scored("a", 6), day=SECOND)
    write(target, scored("z", 7), model="other")
    assert len(rows(target, ALL)) == 5
    (row,) = rows(target, "select reasons, segment_name, runner_up_name from segments limit 1")
    assert row == ("X, y", "Big spenders; DROP TABLE segments", None)


@pytest.mark.parametrize("target", ENGINES, indirect=True)
def test_the_current_segment_is_the_latest_days(target: str) -> None:
    """One row a customer: of the last day, and of that the answer written last."""
    write(target, scored("ab", 2), day=SECOND)
    write(target, scored("abc", 1), day=FIRST)
    assert rows(target, CURRENT) == [("a", 2, SECOND), ("b", 2, SECOND), ("c", 1, FIRST)]
    write(target, scored("a", 4, "2"), day=SECOND)
    assert rows(target, CURRENT)[0] == ("a", 4, SECOND)


@pytest.mark.parametrize("target", ENGINES, indirect=True)
def test_memberships_are_added_to_a_table_without_them(target: str) -> None:
    """Of the batches that have them, before and after one that has none; in the view too."""
    write(target, scored("ab", 1))
    shares = '{"1": 0.9, "2": 0.1}'
    write(target, scored("a", 1).assign(memberships=shares), day=SECOND)
    write(target, scored("c", 1), day=SECOND, model="other")
    current = "select customer, memberships from segments_current order by 1"
    assert rows(target, current) == [("a", shares), ("b", None), ("c", None)]
    text = "memberships::json" if target.startswith("postgres") else "memberships"
    sql = f"select cast({text} ->> '2' as double precision) from segments where customer = 'a'"
    assert sorted(rows(target, sql), key=str) == [(0.1,), (None,)]


CHANGES = (
    "select customer, from_segment, to_segment, since, from_version, to_version "
    "from segments_changes order by since, customer"
)


@pytest.mark.parametrize("target", ENGINES, indirect=True)
def test_who_moved_is_told_from_what_was_written(target: str) -> None:
    """Only real moves, each with its day and versions; a batch written again changes them."""
    third = SECOND + timedelta(days=31)
    write(target, scored("abc", 1), day=FIRST)
    write(target, scored("ab", 2), day=SECOND)
    write(target, scored("bd", 3, "2"), day=third)
    write(target, scored("a", 9), day=FIRST, model="other")
    moves = [("a", 1, 2, SECOND, "1", "1"), ("b", 1, 2, SECOND, "1", "1")]
    assert rows(target, CHANGES) == [*moves, ("b", 2, 3, third, "1", "2")]
    write(target, scored("ab", 1), day=SECOND)
    assert rows(target, CHANGES) == [("b", 1, 3, third, "1", "2")]


KILLED = """
import datetime, os, signal, sys
import pandas as pd
from segmentation.data.warehouse.writing import table_writer
piece = pd.read_pickle(sys.argv[2])
with table_writer(sys.argv[1], "customer", "m", datetime.date(2024, 7, 1)) as writer:
    writer.write(piece)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("target", ENGINES, indirect=True)
def test_a_process_killed_while_writing_leaves_the_batch_before(
    target: str, tmp_path: Path
) -> None:
    """The old rows, all of them; the next process writes as if nothing had been."""
    write(target, scored("ab", 1))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    scored("xyz", 9).to_pickle(tmp_path / "piece")
    command = [sys.executable, "-c", KILLED, target, str(tmp_path / "piece")]
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [row[:2] for row in rows(target, ALL)] == [("a", 1), ("b", 1)]
    write(target, scored("c", 2))
    assert [row[:2] for row in rows(target, ALL)] == [("c", 2)]


@pytest.mark.parametrize("target", ENGINES, indirect=True)
def test_what_fails_leaves_nothing(target: str) -> None:
    """Neither rows nor a table."""
    with pytest.raises(KeyError):
        write(target, scored("a", 1), scored("b", 1).drop(columns="reasons"))
    tables = "select table_name from information_schema.tables where table_name like 'segments%'"
    assert rows(target, tables) == []


@pytest.mark.parametrize("target", ENGINES, indirect=True)
def test_another_table_is_not_touched(target: str) -> None:
    """A table of that name which holds something else is refused and stays."""
    write(target.replace("table=segments", "table=other"), scored("a", 1))
    rows_before = rows(target, "select customer from other")
    wrong = target.replace("table=segments", "table=other_current")
    other = TableSchema("mine", "Mine", (Column("x", "X"),), identifier="client")
    answers = scored("a", 1).drop(columns="customer")
    piece = scored_rows(pd.DataFrame({"client": ["a"]}), other, 0, answers)
    with pytest.raises(DataError, match="expected a table of segments of client, found one with"):
        write(target.replace("table=segments", "table=other"), piece, identifier="client")
    assert rows(target, "select customer from other") == rows_before
    with pytest.raises(DataError):
        write(wrong, scored("a", 1))


@pytest.mark.parametrize("target", ["duckdb"], indirect=True)
def test_customers_without_an_identifier_are_refused(target: str) -> None:
    """A row's number recognises nobody in the next batch."""
    nameless = TableSchema("mine", "Mine", (Column("x", "X"),))
    piece = scored_rows(pd.DataFrame({"x": [1]}), nameless, 0, scored("a", 1).iloc[:, 1:])
    with pytest.raises(DataError, match="an identifier"):
        write(target, piece, identifier=None)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ("snowflake://account/db?table=t", "duckdb:///FILE\\?table=… or postgresql://"),
        ("duckdb:///x.db?query=select 1", "table=NAME, the table to write to"),
        ("duckdb:///nowhere/at/all.db?table=t", "nowhere"),
        ("postgresql://ada:s3cret@/x?host=/nowhere&table=t", "/nowhere"),
    ],
)
def test_a_target_that_cannot_be_written_is_a_sentence(wrong: str, match: str) -> None:
    """Without what opens a door."""
    with pytest.raises(DataError, match=match) as caught:
        write(wrong, scored("a", 1))
    assert "s3cret" not in str(caught.value)
