"""A workbook with several sheets says which one was read; cells keep their types."""

import datetime
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest

from segmentation.data.files.table_file import TableFile
from segmentation.data.readers import iter_chunks, load_described, read_table
from segmentation.errors import DataError
from segmentation.schema import Column, TableSchema
from serve.jobs.inspection import about_rows

ROWS = [[place, 10.5 * place, place % 5] for place in range(1, 31)]
SHEETS = {
    "Cover": [["Customer report"], ["made by", "me"], [None], ["pages", 3]],
    "Codes": [["code", "meaning"], [1, "one"], [2, "two"]],
    "Customers": [["id", "spend", "visits"], *ROWS],
    "Old customers": [["id", "spend", "visits"], *ROWS[:5]],
}
SCHEMA = TableSchema(
    "shop",
    "Shop",
    (Column("spend", "Spend", decimal=","), Column("visits", "Visits")),
    identifier="id",
)


def book(path: Path, sheets: dict[str, list[list[object]]]) -> str:
    """Write a workbook and return its path."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return str(path)


SHEET = "xl/worksheets/sheet1.xml"
OPEN = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def with_sheet(path: Path, text: str) -> str:
    """Write a workbook whose only sheet is this XML, and return its path."""
    good = Path(book(path.with_name("good.xlsx"), {"Customers": [["id", "spend"], [1, 2]]}))
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, text if name == SHEET else source.read(name))
    return str(path)


HEADER = '<row r="1"><c r="A1" t="str"><v>id</v></c><c r="B1" t="str"><v>spend</v></c></row>'
CUSTOMER = '<row r="2"><c r="A2"><v>7</v></c><c r="B2"><v>3</v></c></row>'


@pytest.mark.parametrize("row", ["99999999999", "1e15"])
def test_a_workbook_with_a_row_far_below_is_refused_at_once(tmp_path: Path, row: str) -> None:
    """No row of a sheet is made up beyond those that a sheet can have."""
    far = f'<row r="{row}"><c><v>1</v></c><c><v>1</v></c></row>'
    path = with_sheet(
        tmp_path / "far.xlsx", f"{OPEN}<sheetData>{HEADER}{far}</sheetData></worksheet>"
    )
    start = time.monotonic()
    with pytest.raises(DataError, match="at most 1,048,576 rows in a sheet"):
        read_table(path)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("stated", ["A1:XFD1048576", "A1:B99999999999", "A1:A1", "B7:A1"])
def test_what_a_sheet_states_of_its_size_is_not_believed(tmp_path: Path, stated: str) -> None:
    """The cells count: no rows and columns are added, and none is left out."""
    path = with_sheet(
        tmp_path / "stated.xlsx",
        f'{OPEN}<dimension ref="{stated}"/><sheetData>{HEADER}{CUSTOMER}</sheetData></worksheet>',
    )
    assert read_table(path).frame.to_dict("list") == {"id": [7], "spend": [3]}
    assert about_rows(Path(path)) < 1_048_576


def test_the_sheet_that_looks_like_customers_is_read(tmp_path: Path) -> None:
    """Not the cover; the others are named, a second sheet of customers most of all."""
    table = read_table(book(tmp_path / "b.xlsx", SHEETS))
    assert table.frame.shape == (30, 3)
    first, second = table.remarks
    assert first == (
        "sheet 'Customers' is read, not 'Cover', 'Codes', 'Old customers'; name another one "
        "behind a # after the file's name"
    )
    assert second == (
        "sheet 'Old customers' with the same columns: not read; customers there are left out"
    )


def test_a_sheet_is_named_behind_the_file(tmp_path: Path) -> None:
    """The same spelling in every command; a wrong name lists the right ones."""
    path = book(tmp_path / "b.xlsx", SHEETS)
    assert len(read_table(f"{path}#Old customers").frame) == 5
    assert len(list(TableFile(Path(f"{path}#Old customers")).lines())) == 5
    validated, schema = load_described(f"{path}#Customers", "auto")
    assert (len(validated.customers), schema.column_names) == (30, ("spend", "visits"))
    assert validated.remarks
    with pytest.raises(DataError, match="called 'New', found 'Cover', 'Codes', 'Customers'"):
        read_table(f"{path}#New")


def test_cells_keep_their_types(tmp_path: Path) -> None:
    """A number is one whatever the column's decimal mark; dates and truths are none."""
    rows: list[list[object]] = [["id", "spend", "visits"], ["007", 1.5, 2], [8, "1.234,5", None]]
    (piece,) = iter_chunks(book(tmp_path / "b.xlsx", {"S": rows}), SCHEMA)
    assert list(piece.customers.index) == ["007", "8"]
    assert piece.customers["spend"].tolist() == [1.5, 1234.5]
    for value in (datetime.datetime(2026, 1, 1), True, datetime.time(1)):
        path = book(tmp_path / "b.xlsx", {"S": [*rows[:1], [1, 2, value], [2, 3, value]]})
        with pytest.raises(DataError, match="column visits: expected numbers"):
            list(iter_chunks(path, SCHEMA))


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", b"a,b\n1,2\n"])
def test_what_is_no_workbook_is_named(tmp_path: Path, content: bytes) -> None:
    """The error says what was expected."""
    (tmp_path / "b.xlsx").write_bytes(content)
    with pytest.raises(DataError, match="expected an Excel workbook"):
        read_table(str(tmp_path / "b.xlsx"))
    with pytest.raises(DataError, match="an existing file"):
        read_table(str(tmp_path / "none.xlsx"))
