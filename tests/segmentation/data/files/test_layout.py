"""Wherever a table stands in its file, its customers are read, and nothing else is one."""

import csv
import io
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pandas._libs.parsers
import pytest

from segmentation.data.files.layout import PANDAS_MISSING
from segmentation.data.files.table_file import TableFile
from segmentation.data.readers import iter_chunks, read_table
from segmentation.errors import DataError
from segmentation.schema.inference import infer_schema

Cells = list[list[object]]
HEADER = ["customer", "city", "spend", "visits", "since"]
RANDOM = np.random.default_rng(1)
CUSTOMERS: Cells = [
    [
        f"C{place:03d}",
        ["Lyon", "Paris", "Nice"][place % 3],
        float(RANDOM.integers(10, 9_000)) + 0.5,
        int(RANDOM.integers(0, 40)),
        f"20{place % 20:02d}-03-07",
    ]
    for place in range(40)
]
BLANK: list[object] = [None] * 5
CODES: list[object] = [None, "X1", "X2", "X3", "X4"]
INDEXED: Cells = [[place, *row] for place, row in enumerate(CUSTOMERS)]


def side(notes: int) -> Cells:
    return [[*row, None, "see mail" if p < notes else None] for p, row in enumerate(CUSTOMERS)]


# What stands in the file, and what is said of it.
FILES: dict[str, tuple[Cells, list[str]]] = {
    "plain": ([HEADER, *CUSTOMERS], []),
    "a title": (
        [["Customers of the year", None, None, None, None], HEADER, *CUSTOMERS],
        ["the header is on line 2", "line 1: above the table, left out"],
    ),
    "a short title": (
        [["Customers of the year"], HEADER, *CUSTOMERS],
        ["the header is on line 2", "line 1: above the table, left out"],
    ),
    "a title block": (
        [["Report"], ["Printed:", "2026-01-01"], BLANK, ["Region", "West"], HEADER, *CUSTOMERS],
        ["the header is on line 5", "lines 1, 2 and 4: above the table, left out"],
    ),
    "codes above the names": (
        [CODES, HEADER, *CUSTOMERS],
        ["the header is on line 2", "line 1: another header, left out"],
    ),
    "codes below the names": ([HEADER, CODES, *CUSTOMERS], ["line 2: another header, left out"]),
    "units below the names": (
        [HEADER, [None, None, "(EUR)", "count", "date"], *CUSTOMERS],
        ["line 2: another header, left out"],
    ),
    "groups above the names": (
        [["Who", None, "What", "How often", None], HEADER, *CUSTOMERS],
        ["the header is on line 2", "line 1: another header, left out"],
    ),
    "a title, codes and types": (
        [["Report"], CODES, HEADER, ["text", "text", "float", "int", "date"], *CUSTOMERS],
        [
            "the header is on line 3",
            "line 1: above the table, left out",
            "lines 2 and 4: another header, left out",
        ],
    ),
    "a total": (
        [HEADER, *CUSTOMERS, ["Total", None, 123_456.5, 789, None]],
        ["line 42: a total, left out"],
    ),
    "totals in German below a blank line": (
        [HEADER, *CUSTOMERS, BLANK, ["Summe:", None, 12, 3, None], ["Mittelwert", "", 1, 2, ""]],
        ["lines 43 and 44: totals, left out"],
    ),
    "a total in the second column": (
        [HEADER, *CUSTOMERS, [None, "Grand total", 123_456.5, 789, None]],
        ["line 42: a total, left out"],
    ),
    "a total above the customers": (
        [HEADER, ["Gesamt", None, 123_456.5, 789, None], *CUSTOMERS],
        ["line 2: a total, left out"],
    ),
    "notes below": (
        [HEADER, *CUSTOMERS, BLANK, ["Source: the shop"], ["Without the customers of March."]],
        ["lines 43 and 44: notes below the table, left out"],
    ),
    "notes and a total": (
        [HEADER, *CUSTOMERS, ["Total", None, 9, 9, None], BLANK, ["* estimated"]],
        ["line 42: a total, left out", "line 44: notes below the table, left out"],
    ),
    "blank lines between": ([HEADER, *CUSTOMERS[:9], BLANK, [], BLANK, *CUSTOMERS[9:]], []),
    "notes beside": (
        [[*HEADER, None, None], *side(3)],
        [
            "column 6 without a name: no values, left out",
            "column 7 without a name: a few notes, left out",
        ],
    ),
    "row numbers without a name": (
        [[None, *HEADER], *INDEXED],
        ["column 1 without a name: row numbers, left out"],
    ),
    "a separator behind each row": (
        [HEADER, *[[*row, None] for row in CUSTOMERS]],
        ["column 6 without a name: no values, left out"],
    ),
    "another column of blanks": (
        [[*HEADER, " "], *[[*row, None] for row in CUSTOMERS]],
        ["column 6 without a name: no values, left out"],
    ),
}


def write(path: Path, cells: Cells, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """Write cells as a CSV file or workbook, by the ending."""
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in cells:
            book.active.append(row)
        book.save(path)
    else:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter).writerows(cells)
        path.write_bytes(text.getvalue().encode(encoding))
    return path


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize(
    ("ending", "delimiter", "encoding"),
    [("csv", ",", "utf-8"), ("csv", ";", "utf-16"), ("csv", "\t", "cp1252"), ("xlsx", "", "")],
)
def test_the_customers_are_read_and_nothing_else(
    tmp_path: Path, case: str, ending: str, delimiter: str, encoding: str
) -> None:
    """At once and in pieces alike, with what was left out and the lines of the rest."""
    cells, remarks = FILES[case]
    if ending == "xlsx" and case == "a separator behind each row":
        remarks = []  # a sheet ends with its last cell
    file = TableFile(write(tmp_path / f"t.{ending}", cells, delimiter, encoding))
    expected = pd.DataFrame(CUSTOMERS, columns=HEADER)
    pd.testing.assert_frame_equal(file.whole(), expected)
    assert file.remarks == remarks
    pieces = list(file.pieces(7))
    assert file.remarks == remarks
    assert [len(piece) for piece in pieces] == [7, 7, 7, 7, 7, 5]
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), expected)
    lines = [
        place for place, row in enumerate(cells, 1) if row[:1] in names() or row[1:2] in names()
    ]
    assert list(file.lines()) == lines


def names() -> Cells:
    return [[row[0]] for row in CUSTOMERS]


def test_names_of_rows_as_r_writes_them_are_a_column_of_their_own(tmp_path: Path) -> None:
    """A header that is one name short begins with the second column."""
    table = read_table(str(write(tmp_path / "t.csv", [HEADER, *INDEXED])))
    pd.testing.assert_frame_equal(table.frame, pd.DataFrame(CUSTOMERS, columns=HEADER))
    assert table.remarks == (
        "the header has a name less than the rows have cells: the first has none",
        "column 1 without a name: row numbers, left out",
    )


# Rows that look a little like a title, a header, a total or a note, and are customers.
LOOKALIKES: dict[str, Cells] = {
    "an unknown first customer": [["C900", "Lyon", "unknown", "n/a", "-"]],
    "texts in the first customer": [["C900", "Lyon", "much", "7", "2020-01-02"]],
    "nothing known but the name": [["C900", None, None, None, None]],
    "a city called Total": [["C900", "Total", 12, 3, "2020-01-02"]],
}


@pytest.mark.parametrize("case", LOOKALIKES)
@pytest.mark.parametrize("place", [0, 20, 40])
def test_a_customer_is_no_title_header_or_note(tmp_path: Path, case: str, place: int) -> None:
    """At the beginning, in the middle and at the end of the table."""
    rows = [*CUSTOMERS[:place], *LOOKALIKES[case], *CUSTOMERS[place:]]
    table = read_table(str(write(tmp_path / "t.csv", [HEADER, *rows])))
    assert table.remarks == ()
    assert table.frame["customer"].tolist() == [row[0] for row in rows]


def test_a_sparse_narrow_table_is_read_whole(tmp_path: Path) -> None:
    """Two columns, one without a name, and rows with one value: no title, no note."""
    cells: Cells = [[None, "amount"], ["a", 1], ["b", None], ["c", 3], ["d", None]]
    assert len(read_table(str(write(tmp_path / "t.csv", cells))).frame) == 4


def test_the_line_that_names_the_separator_is_understood(tmp_path: Path) -> None:
    """Spreadsheets write it, and read it."""
    file = tmp_path / "t.csv"
    file.write_text("sep=;\nname;spend, total\na;1,5\nb;2,5\n", encoding="utf-8")
    table = read_table(str(file))
    assert table.frame.columns.tolist() == ["name", "spend, total"]
    assert table.remarks == ("line 1: names the separator, left out",)
    assert list(TableFile(file).lines()) == [3, 4]


def test_a_comma_in_the_title_is_no_separator(tmp_path: Path) -> None:
    """The lines of the table decide, not the first one; nor do decimal commas."""
    cells: Cells = [
        ["Customers, shops, cities"],
        ["a", "b", "c"],
        *[[p, "1,5", "2,7"] for p in "xyz"],
    ]
    table = read_table(str(write(tmp_path / "t.csv", cells, ";")))
    assert table.frame.columns.tolist() == ["a", "b", "c"]


def test_a_long_file_ends_where_its_total_stands(tmp_path: Path) -> None:
    """The end is looked at too, also where quoted cells run over lines."""
    rows: Cells = [[f"C{place:06d}", "two\nlines", place, place % 7] for place in range(20_000)]
    cells = [["name", "text", "spend", "visits"], *rows, ["Total", None, 1, 2], ["Source: shop"]]
    file = TableFile(write(tmp_path / "t.csv", cells))
    frame = file.whole()
    assert (len(frame), frame["spend"].dtype) == (20_000, np.int64)
    assert file.remarks == [
        "line 40002: a total, left out",
        "line 40003: notes below the table, left out",
    ]
    assert list(file.lines())[-1] == 40_000
    assert sum(map(len, file.pieces(3_000))) == 20_000


def test_points_before_three_digits_follow_the_other_columns(tmp_path: Path) -> None:
    """``1.234`` is a thousand beside decimal commas, and a little more than one elsewhere."""
    commas: Cells = [["a", "b"], ["1.234", "1,5"], ["2.500", "2,25"]]
    points: Cells = [["a", "b"], ["1.234", "1.5"], ["2.500", "2.25"]]
    table = read_table(str(write(tmp_path / "commas.csv", commas, ";"))).frame
    assert table["a"].tolist() == ["1.234", "2.500"]
    table = read_table(str(write(tmp_path / "points.csv", points, ";"))).frame
    assert table["a"].tolist() == [1.234, 2.5]


def test_too_many_columns_are_refused_before_doubled_ones(tmp_path: Path) -> None:
    """A line of a million equal names is about their number."""
    file = tmp_path / "t.csv"
    file.write_text(",".join(["x"] * 1_000_000) + "\n" + ",".join("1" * 1_000_000) + "\n")
    with pytest.raises(DataError, match="at most 5,000 columns"):
        read_table(str(file))


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    """The error names the file, not rows 1 to 0."""
    file = tmp_path / "t.csv"
    schema = infer_schema(pd.DataFrame({"a": [1, 2, 4], "b": [2.5, 3, 1]}))
    for ending in ("csv", "xlsx"):
        file = write(tmp_path / f"t.{ending}", [["a", "b"]])
        with pytest.raises(DataError, match="at least one row") as caught:
            list(iter_chunks(str(file), schema))
        assert "rows 1 to 0" not in str(caught.value)
        assert read_table(str(file)).frame.columns.tolist() == ["a", "b"]


def test_what_pandas_takes_for_missing_is_missing_in_a_workbook_too() -> None:
    """The same texts mean nothing in every format."""
    assert set(PANDAS_MISSING) == set(pandas._libs.parsers.STR_NA_VALUES)
