"""The cells of a file that must be corrected, by line."""

from __future__ import annotations

import csv
import heapq
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from segmentation.data.readers import PARQUET, csv_dialect, read_pieces
from segmentation.errors import Problem

MOST_SHOWN = 50
# The csv module's own limit is 131,072 characters; pandas, which read the file before, has none.
LONGEST_CELL = 2**31 - 1


@dataclass(frozen=True)
class Cell:
    """One cell to correct: its line in the file, column, value and what was expected."""

    line: int
    column: str
    value: str
    expected: str


def cells_to_correct(problems: list[Problem], table: Path, piece_rows: int) -> Iterator[Cell]:
    """Yield the first offending cells, by their line in the file."""
    every = ((row, number) for number, p in enumerate(problems) for row in p.rows)
    first = heapq.nsmallest(MOST_SHOWN, every)
    if table.suffix.lower() in PARQUET:
        lines = list(range(1, first[-1][0] + 2))
    else:
        lines = _line_numbers(table, first[-1][0] + 1)
    positions = sorted({row for row, _ in first})
    values = _values(table, positions, piece_rows)
    for row, number in first:
        problem = problems[number]
        value = str(values.loc[row, str(problem.column)])[:60]
        yield Cell(lines[row], str(problem.column), value, problem.expected)


def _values(table: Path, rows: list[int], piece_rows: int) -> pd.DataFrame:
    """Return some rows of a file, by their position."""
    selected, start = [], 0
    with closing(read_pieces(table, piece_rows)) as pieces:
        for piece in pieces:
            here = [row for row in rows if start <= row < start + len(piece)]
            selected.append(piece.iloc[[row - start for row in here]].set_axis(here).astype(object))
            start += len(piece)
            if rows[-1] < start:
                break
    return pd.concat(selected)


def _line_numbers(path: Path, rows: int) -> list[int]:
    """Return the line, counted from 1, on which each of the first data rows starts.

    Blank lines hold no row, and a quoted cell may run over several lines: so a row's number
    does not tell its line.

    The file was read before, so that it is known to be CSV.
    """
    encoding, delimiter = csv_dialect(path)
    csv.field_size_limit(LONGEST_CELL)
    starts: list[int] = []
    with path.open(encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        line = 1
        for cells in reader:
            if any(cell.strip() for cell in cells[:1]) or len(cells) > 1:
                starts.append(line)
            if len(starts) > rows:
                break
            line = reader.line_num + 1
    return starts[1:]
