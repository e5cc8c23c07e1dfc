"""How large a table is, before it is read: rows for the progress, columns for the memory."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from segmentation.data.files.table_file import LONGEST_HEADER, PARQUET, csv_dialect
from segmentation.data.files.workbook import (
    MOST_COLUMNS,
    MOST_SHEET_ROWS,
    WORKBOOKS,
    SheetReader,
    opened,
    table_sheet,
)
from segmentation.errors import DataError, Problem

PIECE_ROWS, PIECE_CELLS = 10_000, 1_000_000
# A file says little of it: equal rows take next to no room in Parquet.
MOST_ROWS = 3_000_000


def about_rows(table: Path) -> int:
    """Return about how many rows a file has, quickly."""
    if table.suffix.lower() in PARQUET:
        metadata = _parquet(table)
        return max(0, int(metadata.num_rows)) if metadata else 0
    if table.suffix.lower() in WORKBOOKS:
        with opened(table) as book:
            # As the file states it; reading the sheets forgets it.
            stated = {sheet.title: sheet.max_row or 1 for sheet in book.worksheets}
            return max(0, min(stated[table_sheet(book)[0].title], MOST_SHEET_ROWS) - 1)
    with table.open("rb") as stream:
        return max(
            0, sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b"")) - 1
        )


def check_rows(rows: int) -> None:
    """Refuse a file with more customers than the pages score.

    Raises
    ------
    DataError
        When it has more.
    """
    if rows > MOST_ROWS:
        expected = f"at most {MOST_ROWS:,} customers"
        remedy = "Split the file, or score it with the score command."
        raise DataError([Problem(None, "too_many_rows", expected, remedy)])


def piece_rows(table: Path) -> int:
    """Return how many rows to read at a time: the wider a table is, the fewer.

    Raises
    ------
    DataError
        When it has far more columns than any table of customers.
    """
    if table.suffix.lower() in PARQUET:
        metadata = _parquet(table)
        columns = int(metadata.num_columns) if metadata else 1
    elif table.suffix.lower() in WORKBOOKS:
        with opened(table) as book:
            columns = len(SheetReader(table_sheet(book)[0]).layout.names)
    else:
        encoding, delimiter = csv_dialect(table)
        with table.open(encoding=encoding, newline="", errors="replace") as text:
            columns = text.readline(LONGEST_HEADER).count(delimiter) + 1
    if columns > MOST_COLUMNS:
        expected = f"at most {MOST_COLUMNS:,} columns, found {columns:,}"
        remedy = "Remove those that no customer needs."
        raise DataError([Problem(None, "not_a_table", expected, remedy)])
    return max(1, min(PIECE_ROWS, PIECE_CELLS // max(columns, 1)))


def _parquet(table: Path) -> pq.FileMetaData | None:
    """Return what a Parquet file says of itself; None for a damaged one."""
    try:
        return pq.read_metadata(table)
    except (OSError, ValueError):
        return None
