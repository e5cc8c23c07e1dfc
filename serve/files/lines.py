"""Where the rows of a table stand in its file: what a person sees beside them in an editor."""

from __future__ import annotations

import codecs
import csv
from pathlib import Path

DELIMITERS = ",;\t|"


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
    with path.open("rb") as stream:
        wide = stream.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    begins: list[int] = []
    with path.open(encoding="utf-16" if wide else "utf-8-sig", newline="") as text:
        header = text.readline()
        text.seek(0)
        reader = csv.reader(text, delimiter=max(DELIMITERS, key=header.count))
        line = 1
        for cells in reader:
            if any(cell.strip() for cell in cells[:1]) or len(cells) > 1:
                begins.append(line)
            if len(begins) > rows:
                break
            line = reader.line_num + 1
    return begins[1:]
