"""Bad rows are set apart from good ones, and found again in their file."""

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segmentation.data.row_errors import BadRowsError, bad_rows_error, check_piece, kind_of
from segmentation.data.synthetic import generate
from segmentation.data.writers import ScoredWriter, scored_rows
from segmentation.errors import DataError, Problem, merged
from segmentation.schema import Column, TableSchema, free_name, load_schema

SCHEMA = load_schema("cc_general")


def bad_table() -> pd.DataFrame:
    """Return ten customers, two of them with bad cells."""
    frame = generate(10, seed=1).astype({"BALANCE": object})
    frame.loc[3, "BALANCE"] = "canary"
    frame.loc[7, "PAYMENTS"] = np.inf
    return frame


def test_bad_rows_are_set_apart() -> None:
    """Good rows by position, the problems of the others by row of the whole table."""
    piece = check_piece(bad_table(), SCHEMA, 100, "the file")
    assert piece.good.tolist() == [0, 1, 2, 4, 5, 6, 8, 9]
    assert piece.validated is not None
    assert len(piece.validated.customers) == 8
    rows = {problem.column: problem.rows for problem in piece.problems}
    assert rows == {"BALANCE": (103,), "PAYMENTS": (107,)}


def test_warnings_count_rows_of_the_table_too() -> None:
    """A bad row before does not shift the row of what merely stands out."""
    frame = bad_table()
    frame.loc[9, "CASH_ADVANCE_FREQUENCY"] = 1.5
    (warning,) = check_piece(frame, SCHEMA, 100, "the file").warnings
    assert (warning.column, warning.rows) == ("CASH_ADVANCE_FREQUENCY", (109,))


def test_what_is_wrong_with_the_whole_is_no_row() -> None:
    """A missing column is an error of the table, not of its rows."""
    with pytest.raises(DataError, match="column TENURE"):
        check_piece(bad_table().drop(columns="TENURE"), SCHEMA, 0, "the file")


@pytest.mark.parametrize(("decimal", "mark"), [(",", "."), (".", ",")])
def test_another_decimal_mark_is_one_mistake(decimal: str, mark: str) -> None:
    """A file in which all amounts have the other mark is told so once, not cell by cell."""
    schema = TableSchema("x", "x", (Column("spend", "Spend", "money", decimal=decimal),))
    frame = pd.DataFrame({"spend": [f"{n}{mark}5" for n in range(40)]})
    with pytest.raises(DataError, match="found them with a decimal") as caught:
        check_piece(frame, schema, 0, "the file")
    assert f"decimal: '{mark}'" in str(caught.value)
    frame.loc[:30, "spend"] = "12"
    assert check_piece(frame, schema, 0, "the file").n_bad == 9


def test_values_are_for_the_person_only(tmp_path: Path) -> None:
    """The message has the kind of value; with the values only where it is asked for."""
    bad_table().to_csv(tmp_path / "in.csv", index=False)
    problems = check_piece(bad_table(), SCHEMA, 0, "the file").problems
    error = bad_rows_error(problems, tmp_path / "in.csv", 4, 8)
    assert isinstance(error, BadRowsError)
    assert (error.n_rows, error.n_good) == (2, 8)
    assert "line 5, column BALANCE: expected numbers" in str(error)
    assert "found a text." in str(error)
    assert "canary" not in str(error)
    assert "found a text, 'canary'" in error.lines(values=True)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("lots", "a text"),
        (True, "yes or no"),
        (np.inf, "an infinite number"),
        ("-inf", "an infinite number"),
        (datetime.date(2020, 1, 1), "a date"),
        (pd.Timestamp("2020-01-01"), "a date"),
        (pd.Timedelta("3 days"), "a length of time"),
        (3, "a number"),
    ],
)
def test_a_kind_of_value_is_words(value: object, kind: str) -> None:
    """What is said of a value that must not be shown."""
    assert kind_of(value) == kind


def test_problems_of_pieces_become_one() -> None:
    """Rows and different levels are counted over all of them; three levels are examples."""
    pieces = [
        Problem("x", "unseen_level", "one of a", "", 2, ("b",), frozenset({"b"}), (0, 1)),
        Problem("x", "unseen_level", "one of a", "", 3, ("c", "b"), frozenset({"b", "c"}), (5,)),
    ]
    whole = merged(pieces)
    assert (whole.count, whole.examples, whole.rows) == (5, ("b", "c"), ())
    assert "found 2 unseen levels ('b', 'c') in 5 rows" in whole.without_amounts()
    assert "'b'" not in whole.without_values()


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".xlsx"])
def test_an_identifier_called_like_an_answer_gives_way(tmp_path: Path, ending: str) -> None:
    """A table may name its customers in a column `segment`; the answer's keeps its name."""
    schema = replace(SCHEMA, identifier="segment")
    rows = pd.DataFrame({"segment": ["007", "008"]})
    answer = pd.DataFrame({"segment": [2, 1], "segment_name": "x", "reasons": [["a"], []]})
    with ScoredWriter(tmp_path / f"out{ending}", schema) as writer:
        writer.write(scored_rows(rows, schema, 0, answer))
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".xlsx": pd.read_excel}[ending]
    frame = read(tmp_path / f"out{ending}")
    assert list(frame) == ["segment_", "segment", "segment_name", "reasons"]
    assert frame["segment"].tolist() == [2, 1]


def test_a_free_name_is_free() -> None:
    """However many of its kind are taken."""
    assert free_name("line", {"line", "line_"}) == "line__"
    assert free_name("line", {"LINE"}) == "line"
