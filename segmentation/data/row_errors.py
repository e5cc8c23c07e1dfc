"""Rows that cannot be scored: set apart from the others, named by line, written beside them."""

from __future__ import annotations

import datetime
import heapq
import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segmentation.data.files.table_file import TableFile, read_pieces
from segmentation.data.validation import Validated, validate
from segmentation.data.writers import PROBLEM, harmless
from segmentation.errors import DataError, Problem, SegmentationError
from segmentation.schema import TableSchema, free_name

MOST_SHOWN = 50
LONGEST_VALUE = 60
LINE = "line"


@dataclass(frozen=True)
class Cell:
    """One cell to correct: its line in the file, column, value and what was expected."""

    line: int
    column: str
    value: str
    kind: str  # what the value is, without the value: "a text"
    expected: str
    remedy: str

    def __str__(self) -> str:
        """Return the cell as a sentence without its value, which may be a customer's."""
        return self._sentence(self.kind)

    def with_value(self) -> str:
        """Return the cell as a sentence with its value, for the person whose file it is."""
        return self._sentence(f"{self.kind}, {self.value!r}")

    def _sentence(self, content: str) -> str:
        remedy = f" {self.remedy}" if self.remedy else ""
        return (
            f"line {self.line:,}, column {self.column}: expected {self.expected}; found {content}."
            f"{remedy}"
        )


@dataclass(frozen=True)
class CheckedPiece:
    """Rows of a table, and which of them can be scored.

    `rows` are as read, counted from 0; `good` are positions in them, and `validated` the customers
    there, None where no row is good. `problems` are those of the others, with rows counted from the
    beginning of the table.
    """

    rows: pd.DataFrame
    start: int
    good: NDArray[np.int64]
    validated: Validated | None
    problems: tuple[Problem, ...] = ()

    @property
    def n_bad(self) -> int:
        """Rows that cannot be scored."""
        return len(self.rows) - len(self.good)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What stands out in the good rows, with rows counted from the beginning of the table."""
        return self.validated.warnings if self.validated else ()


class BadRowsError(SegmentationError):
    """Rows of a table cannot be scored; the message names the first of their cells by line."""

    def __init__(
        self, source: str, cells: Sequence[Cell], n_rows: int, n_cells: int, n_good: int
    ) -> None:
        self.source, self.cells = source, tuple(cells)
        self.n_rows, self.n_cells, self.n_good = n_rows, n_cells, n_good
        super().__init__(self.lines(values=False))

    def lines(self, *, values: bool) -> str:
        """Return one line a cell, with its value only if the person at a terminal may see it."""
        rows = f"{self.n_rows:,} row{'' if self.n_rows == 1 else 's'}"
        head = f"{self.source}: {rows} cannot be scored:"
        more = self.n_cells - len(self.cells)
        return "\n".join(
            [
                head,
                *(f"  {cell.with_value() if values else cell}" for cell in self.cells),
                *([f"  … and {more:,} more cell{'' if more == 1 else 's'}."] if more else []),
            ]
        )


def check_piece(rows: pd.DataFrame, schema: TableSchema, start: int, source: str) -> CheckedPiece:
    """Return rows of a table with those set apart that cannot be scored.

    `start` is the number of rows before these.

    Raises
    ------
    DataError
        When the table as a whole does not fit the schema.
    """
    rows = rows.reset_index(drop=True)
    every = np.arange(len(rows))
    try:
        return CheckedPiece(rows, start, every, _shifted(validate(rows, schema, source), start))
    except DataError as error:
        if whole := [problem for problem in error.problems if not problem.rows]:
            raise DataError(whole, source) from None
        problems = error.problems
    bad = sorted({row for problem in problems for row in problem.rows})
    good = np.setdiff1d(every, bad)
    validated = None
    if len(good):
        validated = _shifted(validate(rows.iloc[good].reset_index(drop=True), schema), start, good)
    return CheckedPiece(rows, start, good, validated, tuple(_moved(p, start) for p in problems))


def _shifted(validated: Validated, start: int, good: NDArray[np.int64] | None = None) -> Validated:
    warnings = tuple(_moved(warning, start, good) for warning in validated.warnings)
    return replace(validated, warnings=warnings)


def _moved(problem: Problem, start: int, positions: NDArray[np.int64] | None = None) -> Problem:
    """Return a problem with its rows counted from the beginning of the table."""
    rows = np.asarray(problem.rows, dtype=np.int64)
    rows = rows if positions is None else positions[rows]
    return replace(problem, rows=tuple((rows + start).tolist()))


def bad_rows_error(
    problems: Sequence[Problem], table: Path, piece_rows: int, n_good: int
) -> BadRowsError:
    """Return the error that names the first cells of rows which cannot be scored."""
    n_rows = len({row for problem in problems for row in problem.rows})
    n_cells = sum(len(problem.rows) for problem in problems)
    cells = list(cells_to_correct(problems, table, piece_rows))
    return BadRowsError(str(table), cells, n_rows, n_cells, n_good)


def cells_to_correct(problems: Sequence[Problem], table: Path, piece_rows: int) -> Iterator[Cell]:
    """Yield the first offending cells, by their line in the file."""
    every = ((row, number) for number, p in enumerate(problems) for row in p.rows)
    first = heapq.nsmallest(MOST_SHOWN, every)
    positions = sorted({row for row, _ in first})
    lines = dict(zip(positions, _lines_at(table, positions), strict=True))
    values = pd.concat(list(_rows_at(table, positions, piece_rows)))
    for row, number in first:
        value = values.at[row, str(problems[number].column)]
        yield _cell(problems[number], lines[row], value)


def write_bad_rows(
    target: Path,
    problems: Sequence[Problem],
    table: Path,
    piece_rows: int,
    texts: Sequence[str] = (),
) -> None:
    """Write the rows that cannot be scored as CSV: line, what to correct, and the row as it is.

    Corrected there, they are a table that can be scored. `texts` are as in
    :func:`segmentation.data.files.table_file.read_pieces`.
    """
    by_row: dict[int, list[Problem]] = {}
    for problem in problems:
        for row in problem.rows:
            by_row.setdefault(row, []).append(problem)
    positions = sorted(by_row)
    lines = _lines_at(table, positions)
    with target.open("w", encoding="utf-8", newline="") as stream:
        header = True
        for rows in _rows_at(table, positions, piece_rows, texts):
            here = list(islice(lines, len(rows)))
            cells = [
                [_cell(p, line, rows.at[row, str(p.column)]) for p in by_row[row]]
                for row, line in zip(rows.index, here, strict=True)
            ]
            sentences = [
                " ".join(f"{c.column}: expected {c.expected}; found {c.kind}." for c in row)
                for row in cells
            ]
            names = set(rows.columns)
            rows.insert(0, free_name(PROBLEM, names), sentences)
            rows.insert(0, free_name(LINE, names), here)
            rows.map(harmless).to_csv(stream, index=False, header=header)
            header = False


def _cell(problem: Problem, line: int, value: object) -> Cell:
    text = str(value)[:LONGEST_VALUE]
    return Cell(line, str(problem.column), text, kind_of(value), problem.expected, problem.remedy)


def kind_of(value: object) -> str:
    """Return in words what a value is, without the value."""
    if isinstance(value, bool | np.bool_):
        return "yes or no"
    if isinstance(value, datetime.date | np.datetime64):
        return "a date"
    if isinstance(value, datetime.timedelta | np.timedelta64):
        return "a length of time"
    try:
        number = float(str(value))
    except ValueError:
        return "a text"
    return "a number" if math.isfinite(number) else "an infinite number"


def _rows_at(
    table: Path, positions: Sequence[int], piece_rows: int, texts: Sequence[str] = ()
) -> Iterator[pd.DataFrame]:
    """Yield rows of a file by their positions, which ascend, a piece at a time."""
    start = 0
    ascending = np.asarray(positions, dtype=np.int64)
    with closing(read_pieces(table, piece_rows, texts)) as pieces:
        for piece in pieces:
            here = ascending[(ascending >= start) & (ascending < start + len(piece))]
            if len(here):
                yield piece.iloc[here - start].set_axis(here).astype(object)
            start += len(piece)
            if positions[-1] < start:
                break


def _lines_at(table: Path, positions: Sequence[int]) -> Iterator[int]:
    """Yield the line of each position, which ascend; of Parquet the row, counted from 1."""
    lines = enumerate(TableFile(table).lines())
    for position in positions:
        yield next(line for row, line in lines if row == position)
