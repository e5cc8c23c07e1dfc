"""Rows of an Excel workbook's sheet, without opening a trap; the sheet that holds the table."""

from __future__ import annotations

import zipfile
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from segmentation.data.files.layout import (
    HEAD_RECORDS,
    PANDAS_MISSING,
    TAIL_RECORDS,
    Layout,
    Record,
    ending_of,
    layout_of,
)
from segmentation.errors import DataError, Problem
from segmentation.schema.levels import as_text

WORKBOOKS = frozenset({".xlsx", ".xlsm"})
MOST_UNPACKED = 1024**3
MOST_COLUMNS = 5_000
# A sheet of Excel has no more.
MOST_SHEET_ROWS = 1_048_576
# Rows of a sheet that are looked at to tell tables from covers and legends.
SAMPLE = 60

Row = tuple[Any, ...]


@contextmanager
def opened(workbook: Path) -> Iterator[Any]:
    """Open a workbook for reading; formulas count with their last result.

    Raises
    ------
    DataError
        When it is no workbook, or is far larger unpacked than any table of customers.
    """
    try:
        with zipfile.ZipFile(workbook) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > MOST_UNPACKED:
            raise _refused(f"less than {MOST_UNPACKED >> 20:,} MB unpacked", "Export it as CSV.")
        book = load_workbook(workbook, read_only=True, data_only=True)
        try:
            yield book
        finally:
            book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, SyntaxError) as error:
        # SyntaxError: XML that is none, under the name the library gives it.
        raise _refused(
            "an Excel workbook, found a damaged one or another archive", "Save it again as .xlsx."
        ) from error


def table_sheet(book: Any, name: str = "") -> tuple[Any, list[str]]:
    """Return the sheet of a workbook that holds the table, and what is said of the others.

    Parameters
    ----------
    book
        An open workbook.
    name
        The sheet that is meant; empty for the one that looks most like a table of customers.

    Raises
    ------
    DataError
        When there is no such sheet, or no sheet at all.
    """
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    names = ", ".join(map(repr, sheets))
    if not sheets:
        raise _refused("a sheet of cells, found none", "Save the table as a sheet of its own.")
    if name and name not in sheets:
        raise _refused(f"a sheet called {name!r}, found {names}", "Name one of these.")
    if len(sheets) == 1:
        return next(iter(sheets.values())), []
    layouts = {title: _sample(sheet) for title, sheet in sheets.items()}
    visible = [t for t, sheet in sheets.items() if sheet.sheet_state == "visible"] or list(sheets)
    chosen = name or max(visible, key=lambda title: _size(layouts[title]))
    others = [title for title in sheets if title != chosen]
    remarks = [
        f"sheet {chosen!r} is read, not {', '.join(map(repr, others))}; name another one behind "
        "a # after the file's name"
    ]
    header = _names(layouts[chosen])
    alike = [t for t in others if header and _names(layouts[t]) == header]
    if alike:
        remarks.append(
            f"sheet{'s' * (len(alike) > 1)} {', '.join(map(repr, alike))} with the same columns: "
            "not read; customers there are left out"
        )
    return sheets[chosen], remarks


def _sample(sheet: Any) -> Layout:
    return layout_of([_record(*item) for item in enumerate(islice(rows_of(sheet), SAMPLE))])


def _names(layout: Layout) -> tuple[str, ...]:
    return tuple(layout.names[place] for place in layout.columns)


def _size(layout: Layout) -> tuple[int, int]:
    """Return how much of a table a sheet shows: filled cells, and columns with names."""
    named = [p for p in layout.columns if not layout.names[p].startswith("Unnamed:")]
    width = len(named)
    rows = [record for record in layout.body if record.filled > width / 2]
    return (len(rows) * width if width > 1 else 0), width


def rows_of(sheet: Any) -> Generator[Row, None, None]:
    """Yield the values of a sheet's rows, blank ones too, as wide as the widest at its top.

    Raises
    ------
    DataError
        When a row has far more cells than any table of customers, or there are more rows than a
        sheet can have.
    """
    # The size that a file states would be filled up with empty cells, whatever it is.
    sheet.reset_dimensions()
    rows = sheet.iter_rows(values_only=True)
    top = list(islice(rows, SAMPLE))
    width = max(map(len, top), default=0)
    for number, row in enumerate(chain(top, rows)):
        if number >= MOST_SHEET_ROWS:
            raise _refused(
                f"at most {MOST_SHEET_ROWS:,} rows in a sheet", "Save it again as .xlsx."
            )
        if len(row) > MOST_COLUMNS:
            raise _refused(f"at most {MOST_COLUMNS:,} columns", "Remove the others.")
        yield (*row, *[None] * (width - len(row)))


class SheetRow(NamedTuple):
    """One customer of a sheet: the row in which it stands, and its values."""

    line: int
    values: list[Any]


class SheetReader:
    """The customers of one sheet, one after the other.

    `remarks` are complete when all rows were read.
    """

    def __init__(self, sheet: Any) -> None:
        self._rows = enumerate(rows_of(sheet))
        self._head = list(islice(self._rows, HEAD_RECORDS))
        self.layout = layout_of([_record(number, row) for number, row in self._head])
        self.remarks = list(self.layout.remarks)

    def __iter__(self) -> Iterator[SheetRow]:
        """Yield the customers; the last rows only when it is clear that they are no notes."""
        waiting: deque[tuple[int, Row]] = deque()
        for number, row in chain(self._head, self._rows):
            if self._may_be_customer(number, row):
                waiting.append((number, row))
            if len(waiting) > TAIL_RECORDS:
                yield self._customer(*waiting.popleft())
        ending, remarks = ending_of([_record(*item) for item in waiting], self.layout)
        self.remarks += remarks
        skipped = {record.number for record in ending}
        yield from (self._customer(n, row) for n, row in waiting if n not in skipped)

    def _may_be_customer(self, number: int, row: Row) -> bool:
        header = self.layout.header
        if header is None or number <= header.number or number in self.layout.skipped:
            return False
        return any(value is not None for value in self._values(row))

    def _customer(self, number: int, row: Row) -> SheetRow:
        return SheetRow(number + 1, self._values(row))

    def _values(self, row: Row) -> list[Any]:
        """Return the values of the table's columns, None for what pandas reads as missing."""
        cells = [row[place] if place < len(row) else None for place in self.layout.columns]
        return [None if isinstance(v, str) and v in PANDAS_MISSING else v for v in cells]

    def frame(self, customers: Sequence[SheetRow], texts: Sequence[str]) -> pd.DataFrame:
        """Return customers as a table; in the columns `texts` whole numbers become texts."""
        names = [self.layout.names[place] for place in self.layout.columns]
        frame = pd.DataFrame([customer.values for customer in customers], columns=names)
        for name in {*texts} & {*names}:
            frame[name] = frame[name].astype(object).map(_as_identifier)
        return frame


def _as_identifier(value: object) -> object:
    """Return a whole number as the text it is in a CSV file; all else, as amounts, as it is."""
    if value is None or (isinstance(value, float) and not value.is_integer()):
        return value
    return as_text(value) if isinstance(value, int | float) else value


def _record(number: int, row: Row) -> Record:
    return Record(number, number + 1, tuple("" if cell is None else str(cell) for cell in row))


def _refused(expected: str, remedy: str) -> DataError:
    return DataError([Problem(None, "not_a_table", expected, remedy)])
