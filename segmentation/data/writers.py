"""Write a scored table piece by piece: CSV, Parquet or an Excel workbook."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook

from segmentation.data.files.table_file import PARQUET
from segmentation.data.files.workbook import MOST_SHEET_ROWS
from segmentation.errors import DataError, Problem
from segmentation.schema import TableSchema, free_name

WORKBOOK = frozenset({".xlsx"})
# The columns of a scored file after the customer, in their order. The challenger's are there where
# it was asked too, the problem where rows stay in the file that could not be scored.
ANSWER = MappingProxyType(
    {
        "segment": pa.int64(),
        "segment_name": pa.string(),
        "confidence": pa.float64(),
        "runner_up": pa.int64(),
        "runner_up_name": pa.string(),
        "unlike_training": pa.bool_(),
        "reasons": pa.list_(pa.string()),
        "model_version": pa.string(),
    }
)
CHALLENGER = MappingProxyType({"challenger_segment": pa.int64(), "challenger_name": pa.string()})
PROBLEM = "problem"
TYPES = {**ANSWER, **CHALLENGER, PROBLEM: pa.string()}
NUMBERS = ["segment", "runner_up", "challenger_segment"]
# A formula starts with one of these, also in their full-width form, or with what a spreadsheet
# drops before them: blanks, control characters, marks without width.
DROPPED = r"\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff"
FORMULA = re.compile(rf"^[{DROPPED}]*[=+\-@|＝＋－＠｜]|^[\t\r\n]")


def harmless(value: object) -> object:
    """Return a cell with an apostrophe before what a spreadsheet would run; numbers stay."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def scored_rows(
    rows: pd.DataFrame, schema: TableSchema, start: int, answers: pd.DataFrame
) -> pd.DataFrame:
    """Return what a scored file says of rows: who they are, then the model's answers.

    Parameters
    ----------
    rows
        As read, with the identifier where the table has it, counted from 0.
    schema
        The model's.
    start
        Rows before these: without an identifier a row is called by its number, from 1.
    answers
        By position in `rows`; a row without an answer gets empty cells.
    """
    name = schema.identifier
    if name and name in rows:
        # An answer's column keeps its name; an identifier of that name gives way.
        who = pd.DataFrame({free_name(name, TYPES): rows[name].astype(str)})
    else:
        who = pd.DataFrame({"row": range(start + 1, start + len(rows) + 1)})
    columns = answers[[column for column in TYPES if column in answers]]
    if len(columns) == len(who):
        return pd.concat([who, columns.set_axis(who.index)], axis=1)
    joined = who.join(columns)
    return joined.astype({number: "Int64" for number in NUMBERS if number in joined})


class ScoredWriter:
    """Writes scored customers by the ending of the path; use it as a context manager.

    Texts that a spreadsheet would run as a formula get an apostrophe: identifiers come from the
    customers' file, names of segments from users. The ending `kind` decides the format; by
    default it is that of `path`.
    """

    def __init__(self, path: Path, kind: str = "") -> None:
        self.path = path
        self.kind = (kind or path.suffix).lower()
        self._parquet: pq.ParquetWriter | None = None
        self._book: Any = Workbook(write_only=True) if self.kind in WORKBOOK else None
        self._sheet: Any = self._book.create_sheet("Scored") if self._book else None
        self._rows = 0

    def write(self, scored: pd.DataFrame) -> None:
        """Append the rows of one piece.

        Raises
        ------
        DataError
            When a sheet cannot hold that many rows.
        """
        if self.kind in PARQUET:
            table = _typed(pa.Table.from_pandas(scored, preserve_index=False))
            self._parquet = self._parquet or pq.ParquetWriter(self.path, table.schema)
            self._parquet.write_table(table)
        else:
            text = scored.assign(reasons=scored["reasons"].map(_joined))
            for name in text.select_dtypes(["object", "string"]):
                text[name] = _harmless(text[name])
            if self._sheet is None:
                text.to_csv(self.path, mode="a", header=self._rows == 0, index=False)
            else:
                self._append(text)
        self._rows += len(scored)

    def _append(self, text: pd.DataFrame) -> None:
        """Append rows to the sheet."""
        if self._rows + len(text) >= MOST_SHEET_ROWS:
            expected = f"at most {MOST_SHEET_ROWS - 1:,} customers in a workbook"
            raise DataError([Problem(None, "too_many_rows", expected, "Use CSV or Parquet.")])
        if self._rows == 0:
            self._sheet.append(list(text.columns))
        plain = text.astype(object).where(text.notna(), None)
        for row in plain.itertuples(index=False):
            self._sheet.append(list(row))

    def close(self) -> None:
        """Finish the file."""
        if self._parquet is not None:
            self._parquet.close()
        if self._book is not None:
            self._book.save(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _typed(table: pa.Table) -> pa.Table:
    """Return a table whose columns have the type of an answer, also where a piece has none."""
    fields = [pa.field(f.name, TYPES.get(f.name, f.type)) for f in table.schema]
    return table.cast(pa.schema(fields))


def _harmless(texts: pd.Series[str]) -> pd.Series[str]:
    """Return texts that no spreadsheet runs; most columns repeat a few."""
    return texts.map({text: harmless(text) for text in texts.dropna().unique()})


def _joined(reasons: object) -> str:
    return ", ".join(reasons) if isinstance(reasons, list) else ""
