"""What runs inside Spark's tasks: pieces of a table, read and checked as in one process.

Spark sends these functions by value (see :mod:`experiments.spark.scoring`): a process that has
loaded a model uses the model's copy of the code, which lacks this module.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from io import StringIO
from typing import NamedTuple, cast

import pandas as pd

from segmentation.data.validation import Validated, validate
from segmentation.errors import DataError, Problem
from segmentation.schema import TableSchema
from segmentation.schema.levels import decode

LINE, PATH, START = "line", "path", "start"
UNDECODABLE, BOM = "\ufffd", "\ufeff"
Batches = Iterator[pd.DataFrame]


@dataclass(frozen=True)
class Contract:
    """How the pieces of a table are read."""

    schema: TableSchema
    header: str = ""  # first line of every CSV file; empty for Parquet
    delimiter: str = ""


class _Piece(NamedTuple):
    """Rows of one part of a file: a table, or the lines and the header of a CSV file."""

    path: str
    start: int
    rows: pd.DataFrame | list[str]
    header: str = ""


def check(contract: Contract) -> Callable[[Batches], Batches]:
    """Return a function that counts the rows of pieces and lists their problems.

    Its output has, for every piece, ``path`` and ``start``, the number of ``rows``, and
    ``failures`` and ``warnings`` as JSON for :func:`problems_from`.
    """

    def checked(batches: Batches) -> Batches:
        for piece in _pieces(batches, contract):
            failures: tuple[Problem, ...] = ()
            warnings: tuple[Problem, ...] = ()
            try:
                warnings = _validated(piece, contract).warnings
            except DataError as error:
                failures = error.problems
            yield pd.DataFrame(
                {
                    PATH: [piece.path],
                    START: [piece.start],
                    "rows": [len(piece.rows)],
                    "failures": [_as_json(failures)],
                    "warnings": [_as_json(warnings)],
                }
            )

    return checked


def customers(
    contract: Contract, key: str, offsets: dict[tuple[str, int], int]
) -> Callable[[Batches], Batches]:
    """Return a function that makes pieces ready for the model, levels as texts.

    `key` names the first column: the identifier, or the row's number. For row numbers, `offsets`
    has the number of the first row of every part of a file.
    """

    def ready(batches: Batches) -> Batches:
        following = dict(offsets)
        for piece in _pieces(batches, contract):
            table = _validated(piece, contract).customers
            if offsets:
                first = following[piece.path, piece.start]
                following[piece.path, piece.start] = first + len(table)
                table = table.set_axis(pd.RangeIndex(first, first + len(table)))
            yield decode(table, contract.schema).rename_axis(key).reset_index()

    return ready


def problems_from(text: str) -> list[Problem]:
    """Return the problems in JSON that :func:`check` wrote."""
    return [
        Problem(
            **{
                **p,
                "examples": tuple(p["examples"]),
                "levels": frozenset(p.get("levels", ())),  # none from a model of an earlier release
                "rows": (),
            }
        )
        for p in json.loads(text)
    ]


def _as_json(problems: tuple[Problem, ...]) -> str:
    # Positions within a piece mean nothing to a reader, and there can be one for every row.
    return json.dumps([asdict(replace(p, rows=())) for p in problems], default=sorted)


def _pieces(batches: Batches, contract: Contract) -> Iterator[_Piece]:
    """Yield the rows of batches by part of a file; of a CSV file, those below its header."""
    begun = set()
    for batch in batches:
        for key, rows in batch.groupby([PATH, START], sort=False):
            path, start = cast(tuple[str, int], key)
            if not contract.header:
                table = rows.drop(columns=[PATH, START]).reset_index(drop=True)
                yield _Piece(path, int(start), table)
                continue
            lines, header = rows[LINE].tolist(), contract.header
            if start == 0 and path not in begun:
                begun.add(path)
                header = lines.pop(0).removeprefix(BOM)
            if lines := [line for line in lines if line.strip(" ")]:
                yield _Piece(path, int(start), lines, header)


def _validated(piece: _Piece, contract: Contract) -> Validated:
    rows = piece.rows
    table = rows if isinstance(rows, pd.DataFrame) else _parsed(rows, piece, contract)
    return validate(table, contract.schema, piece.path)


def _parsed(lines: list[str], piece: _Piece, contract: Contract) -> pd.DataFrame:
    """Return lines as the table that reading the file in one process gives."""
    if piece.header != contract.header:
        raise _not_a_table(piece, "the same header in every file", "Score it on its own.")
    if any(UNDECODABLE in line for line in lines):
        raise _not_a_table(piece, "UTF-8 text", "Save it as CSV UTF-8, or use engine=process.")
    if any(line.count('"') % 2 for line in lines):
        expected = "a line for every customer, found a quoted cell that goes on in the next line"
        raise _not_a_table(piece, expected, "Use Parquet, or engine=process.")
    text = StringIO("\n".join([contract.header, *lines]))
    texts = {contract.schema.identifier: str} if contract.schema.identifier else None
    try:
        return pd.read_csv(text, sep=contract.delimiter, header=0, low_memory=False, dtype=texts)
    except pd.errors.ParserError as error:
        raise _not_a_table(piece, f"rows of equal length ({error})", "Check the export.") from error


def _not_a_table(piece: _Piece, expected: str, remedy: str) -> DataError:
    return DataError([Problem(None, "not_a_table", f"{expected} ({piece.path})", remedy)])
