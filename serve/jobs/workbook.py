"""Turn the first sheet of an Excel workbook into a CSV file, without opening a trap."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from segmentation.errors import DataError, Problem
from serve.jobs.inspection import MOST_COLUMNS

MOST_UNPACKED = 1024**3


def sheet_to_csv(workbook: Path, target: Path) -> None:
    """Write the first sheet's values as CSV; formulas count with their last result.

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
        _write(load_workbook(workbook, read_only=True, data_only=True), target)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, SyntaxError) as error:
        # SyntaxError: XML that is none, under the name the library gives it.
        raise _refused(
            "an Excel workbook, found a damaged one or another archive", "Save it again as .xlsx."
        ) from error


def _write(book: Any, target: Path) -> None:
    try:
        with target.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            for row in book.worksheets[0].iter_rows(values_only=True):
                if len(row) > MOST_COLUMNS:
                    raise _refused(f"at most {MOST_COLUMNS:,} columns", "Remove the others.")
                if any(cell is not None for cell in row):
                    writer.writerow(["" if cell is None else cell for cell in row])
    finally:
        book.close()


def _refused(expected: str, remedy: str) -> DataError:
    return DataError([Problem(None, "not_a_table", expected, remedy)])
