"""Where the rows of a table stand in its file: what a person sees beside them in an editor."""

from __future__ import annotations

import csv
from pathlib import Path

from segmentation.data.readers import csv_dialect

# The csv module's own limit is 131,072 characters; pandas, which read the file before, has none.
LONGEST_CELL = 2**31 - 1


def line_numbers(path: Path, rows: int) -> list[int]:
    """Return the line, counted from 1, on which each of the first data rows begins.

    Blank lines hold no row, and a quoted cell may run over several lines: so a row's number
    does not tell its line.

    Parameters
    ----------
    path
        A CSV file that was read before, so that it is one.
    rows
        How many data rows to find.
    """
    encoding, delimiter = csv_dialect(path)
    csv.field_size_limit(LONGEST_CELL)
    begins: list[int] = []
    with path.open(encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        line = 1
        for cells in reader:
            if any(cell.strip() for cell in cells[:1]) or len(cells) > 1:
                begins.append(line)
            if len(begins) > rows:
                break
            line = reader.line_num + 1
    return begins[1:]
