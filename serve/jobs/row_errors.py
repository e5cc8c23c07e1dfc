"""The cells of a file that must be corrected, by line."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from segmentation.data.readers import PARQUET, read_pieces
from segmentation.errors import Problem
from serve.jobs.line_numbers import line_numbers

MOST_SHOWN = 50


@dataclass(frozen=True)
class Cell:
    """One cell to correct: its line in the file, column, value and what was expected."""

    line: int
    column: str
    found: str
    expected: str


def cells_to_correct(problems: list[Problem], table: Path, piece_rows: int) -> Iterator[Cell]:
    """Yield the first offending cells, by their line in the file.

    Parameters
    ----------
    problems
        With the positions of their rows in the file.
    table
        A CSV or Parquet file that was read before.
    piece_rows
        In how many rows at a time.
    """
    every = ((row, number) for number, p in enumerate(problems) for row in p.rows)
    first = heapq.nsmallest(MOST_SHOWN, every)
    if table.suffix.lower() in PARQUET:
        lines = list(range(1, first[-1][0] + 2))
    else:
        lines = line_numbers(table, first[-1][0] + 1)
    wanted = sorted({row for row, _ in first})
    values = _values(table, wanted, piece_rows)
    for row, number in first:
        problem = problems[number]
        found = str(values.loc[row, str(problem.column)])[:60]
        yield Cell(lines[row], str(problem.column), found, problem.expected)


def _values(table: Path, rows: list[int], piece_rows: int) -> pd.DataFrame:
    """Return some rows of a file, by their position."""
    kept, start = [], 0
    with closing(read_pieces(table, piece_rows)) as pieces:
        for piece in pieces:
            here = [row for row in rows if start <= row < start + len(piece)]
            kept.append(piece.iloc[[row - start for row in here]].set_axis(here).astype(object))
            start += len(piece)
            if rows[-1] < start:
                break
    return pd.concat(kept)
