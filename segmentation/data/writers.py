"""Write a scored table piece by piece: CSV, Parquet or an Excel workbook."""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from segmentation.data.files.table_file import PARQUET
from segmentation.data.files.workbook import MOST_SHEET_ROWS
from segmentation.errors import DataError, Problem
from segmentation.interpretation.formatting import percent
from segmentation.schema import TableSchema, free_name
from segmentation.schema.numbers import read_numbers

WORKBOOK = frozenset({".xlsx"})
# The columns of a scored file after the table's own, in their order. The challenger's are there
# where it was asked too, the problem where rows stay in the file that could not be scored.
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
# Where the table has no identifier: the row's number, from 1, before the answer.
ROW = "row"
# What to do for the customer's segment; there where something is to be done for any.
ACTION = "action"
# The probability of every segment, where it was requested: JSON by number.
MEMBERSHIPS = "memberships"
TYPES = {
    **ANSWER,
    MEMBERSHIPS: pa.string(),
    ACTION: pa.string(),
    **CHALLENGER,
    PROBLEM: pa.string(),
}
MEANINGS = MappingProxyType(
    {
        ROW: "Number of the row in the file that was sent, from 1.",
        "segment": "Number of the segment; it stays when the model is trained again.",
        "segment_name": "What the segment is called.",
        "confidence": "Probability of the segment, 0 to 1, as far as segments overlap, the model "
        "may be trained again and a month may change the customer.",
        MEMBERSHIPS: "Probability of every segment, by its number.",
        "runner_up": "Number of the segment that fits next best.",
        "runner_up_name": "What that segment is called.",
        "unlike_training": "TRUE for a customer unlike any in the training data: use the answer "
        "with care.",
        "reasons": "What speaks most for the segment and against the runner-up.",
        "model_version": "Version of the model that answered.",
        ACTION: "What to do for the customers of the segment.",
        "challenger_segment": "Number of the segment that the challenger answers.",
        "challenger_name": "What the challenger calls that segment.",
        PROBLEM: "Why the row was not scored; empty where it was.",
    }
)
NUMBERS = ["segment", "runner_up", "challenger_segment"]
# A formula starts with one of these, also in their full-width form, or with what a spreadsheet
# drops before them: blanks, control characters, marks without width.
DROPPED = r"\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff"
STARTS = r"=+\-@|＝＋－＠｜"
FORMULA = re.compile(rf"^[{DROPPED}]*[{STARTS}]|^[\t\r\n]")
# A signed number alone is none.
SIGNED = r"[+-]\d[\d.,]*%?"
NUMBER = re.compile(SIGNED)
# Where a spreadsheet may cut a cell of a CSV file: it has a separator of its own, and takes quotes
# in the middle of what it cut for text.
CUTS = r";,|\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029"
LATER_FORMULA = re.compile(rf"([{CUTS}])(?!{SIGNED}(?:[{CUTS}]|$))(?=[{DROPPED}\"]*[{STARTS}])")


def harmless(value: object) -> object:
    """Return a cell with an apostrophe before what a spreadsheet would run; numbers stay.

    A spreadsheet that separates by semicolons, tabs or bars cuts a text at them: formulas are
    looked for after each of them too.
    """
    if not isinstance(value, str):
        return value
    text = LATER_FORMULA.sub(r"\1'", value)
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def scored_rows(
    rows: pd.DataFrame, schema: TableSchema, start: int, answers: pd.DataFrame
) -> pd.DataFrame:
    """Return what a scored file says of rows: the table's own columns, then the model's answers.

    An answer's column keeps its name; one of the table's own of that name gets ``_`` behind it.

    Parameters
    ----------
    rows
        As read, counted from 0.
    schema
        The model's.
    start
        Rows before these: without an identifier a row is called by its number, from 1.
    answers
        By position in `rows`; a row without an answer gets empty cells. The memberships, where
        there are some, become one text a customer, such as ``{"1": 0.9, "2": 0.1}``.
    """
    names = own_names(list(rows.columns), schema)
    own = rows.rename(columns=names)
    if schema.identifier in names:
        own[names[schema.identifier]] = rows[schema.identifier].astype(str)
    else:
        own[ROW] = range(start + 1, start + len(rows) + 1)
    columns = answers[[column for column in TYPES if column in answers]]
    if "reasons" in columns:
        labels = labels_of(schema)
        reasons = columns["reasons"].map(lambda names: _labelled(names, labels))
        columns = columns.assign(reasons=reasons)
    if MEMBERSHIPS in columns:
        columns = columns.assign(**{MEMBERSHIPS: columns[MEMBERSHIPS].map(json.dumps)})
    if len(columns) == len(own):
        return pd.concat([own, columns.set_axis(own.index)], axis=1)
    joined = own.join(columns)
    return joined.astype({number: "Int64" for number in NUMBERS if number in joined})


def own_names(columns: Sequence[str], schema: TableSchema) -> dict[str, str]:
    """Return what the columns of a table are called in its scored file."""
    taken = {*TYPES} if schema.identifier in columns else {*TYPES, ROW}
    return {
        name: free_name(name, {*taken, *columns}) if name in taken else name for name in columns
    }


def own_types(table: Path, schema: TableSchema) -> dict[str, pa.DataType]:
    """Return the types of a Parquet file's columns, by their names in its scored file."""
    if table.suffix.lower() not in PARQUET:
        return {}
    try:
        fields = pq.read_schema(table)
    except (OSError, ValueError):  # a damaged file: whoever reads it says so
        return {}
    names = own_names(fields.names, schema)
    types = {names[field.name]: field.type for field in fields}
    if schema.identifier in names:
        types[names[schema.identifier]] = pa.string()
    return types


def labels_of(schema: TableSchema) -> dict[str, str]:
    """Return what the columns of a model are called in reasons."""
    return {column.name: column.label for column in schema.columns}


def _labelled(names: object, labels: Mapping[str, str]) -> object:
    return [labels.get(name, name) for name in names] if isinstance(names, list) else names


class ScoredWriter:
    """Writes scored customers by the ending of the path; use it as a context manager.

    Texts that a spreadsheet would run as a formula get an apostrophe: cells and headers come from
    the customers' file, names of segments from users. A workbook gets a second sheet with the
    segments' sizes and what each column means.

    Parameters
    ----------
    path
        Where to write.
    schema
        The model's.
    kind
        The ending that decides the format; by default that of `path`.
    types
        Of the table's own columns, see :func:`own_types`.
    facts
        What else to say of a segment on the second sheet, by number: title to text.
    """

    def __init__(
        self,
        path: Path,
        schema: TableSchema,
        kind: str = "",
        *,
        types: Mapping[str, pa.DataType] | None = None,
        facts: Mapping[int, Mapping[str, str]] | None = None,
    ) -> None:
        self.path, self.schema = path, schema
        self.kind = (kind or path.suffix).lower()
        self.types = {**(types or {}), **TYPES}
        self.facts = facts or {}
        self._parquet: pq.ParquetWriter | None = None
        self._book: Any = Workbook(write_only=True) if self.kind in WORKBOOK else None
        self._sheet: Any = self._book.create_sheet("Scored") if self._book else None
        self._rows = 0
        self._columns: list[str] = []
        self._counts: Counter[tuple[int, str]] = Counter()

    def write(self, scored: pd.DataFrame) -> None:
        """Append the rows of one piece.

        Raises
        ------
        DataError
            When a sheet cannot hold that many rows.
        """
        if self.kind in PARQUET:
            table = self._typed(scored)
            self._parquet = self._parquet or pq.ParquetWriter(self.path, table.schema)
            self._parquet.write_table(table)
        else:
            text = scored.assign(reasons=scored["reasons"].map(joined_reasons))
            for name in text.select_dtypes(["object", "string"]):
                text[name] = _harmless(text[name])
            text.columns = pd.Index([harmless(name) for name in text.columns])
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
            self._columns = list(text.columns)
            self._sheet.freeze_panes = "A2"
            self._sheet.append(_bold(self._sheet, self._columns))
        scored = text[text["segment"].notna()]
        self._counts.update(zip(scored["segment"], scored["segment_name"], strict=True))
        plain = text.astype(object).where(text.notna(), None)
        for row in plain.itertuples(index=False, name=None):
            self._sheet.append([_cell(value) for value in row])

    def _typed(self, scored: pd.DataFrame) -> pa.Table:
        """Return rows whose columns have one type in all pieces; numbers as the model reads them.

        A column of a CSV file or a workbook that is no number of the schema is text.
        """
        numbers = {c.name: c for c in self.schema.columns if not c.categorical}
        fields = []
        for name in scored.columns:
            if name in self.types:
                fields.append(pa.field(name, self.types[name]))
                if pa.types.is_nested(self.types[name]):
                    cells = scored[name].astype(object)
                    scored = scored.assign(**{name: cells.where(cells.notna(), None)})
            elif name in numbers:
                fields.append(pa.field(name, pa.float64()))
                read = read_numbers(scored[name], numbers[name].decimal)
                scored = scored.assign(**{name: read})
            elif name == ROW:
                fields.append(pa.field(name, pa.int64()))
            else:
                fields.append(pa.field(name, pa.string()))
                cells = scored[name].astype(object)
                scored = scored.assign(**{name: cells.map(str, na_action="ignore")})
        return pa.Table.from_pandas(scored, schema=pa.schema(fields), preserve_index=False)

    def _describe(self) -> None:
        """Write the second sheet: how many customers each segment has, what each column means."""
        sheet = self._book.create_sheet("Summary")
        sheet.column_dimensions["A"].width = sheet.column_dimensions["B"].width = 34
        titles = list(dict.fromkeys(title for facts in self.facts.values() for title in facts))
        header = ["Segment", "Name", "Customers", "Share", *titles]
        sheet.append(_bold(sheet, [harmless(title) for title in header]))
        total = sum(self._counts.values())
        for (number, name), count in sorted(self._counts.items()):
            facts = self.facts.get(number, {})
            texts = [harmless(facts.get(title, "")) for title in titles]
            sheet.append([number, name, count, percent(count / total), *texts])
        sheet.append([])
        sheet.append(_bold(sheet, ["Column", "Meaning"]))
        own = {column.name: column for column in (*self.schema.columns, *self.schema.outcomes)}
        for name in self._columns:
            meaning = MEANINGS.get(name, "")
            if name in own and name not in TYPES:
                unit = f" ({own[name].unit})" if own[name].unit else ""
                meaning = f"{own[name].label}{unit}. {own[name].help}".strip()
            elif name == self.schema.identifier:
                meaning = "Identifies the customer."
            sheet.append([name, harmless(meaning or "From the file that was sent.")])

    def close(self) -> None:
        """Finish the file."""
        if self._parquet is not None:
            self._parquet.close()
        if self._book is not None:
            if self._rows:
                self._describe()
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


def _bold(sheet: Any, texts: Iterable[object]) -> list[Any]:
    """Return the cells of a header."""
    cells = [WriteOnlyCell(sheet, text) for text in texts]
    for cell in cells:
        cell.font = Font(bold=True)
    return cells


def _cell(value: object) -> object:
    """Return a value that a sheet can hold: what it has no form for is text."""
    if isinstance(value, str):
        return ILLEGAL_CHARACTERS_RE.sub("", value)
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.isoformat()
    fitting = (int, float, bool, datetime.date, datetime.time, datetime.timedelta)
    return value if value is None or isinstance(value, fitting) else str(value)


def _harmless(texts: pd.Series[str]) -> pd.Series[str]:
    """Return texts that no spreadsheet runs; most columns repeat a few."""
    try:
        return texts.map({text: harmless(text) for text in texts.dropna().unique()})
    except TypeError:  # lists and the like, which Parquet has
        return texts.map(harmless)


def joined_reasons(reasons: object) -> str:
    """Return the reasons of an answer as one text."""
    return ", ".join(reasons) if isinstance(reasons, list) else ""
