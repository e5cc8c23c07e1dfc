"""Customers of a scored table: counted, looked up and taken out where the table lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from segmentation.data.files.table_file import not_a_table
from segmentation.data.warehouse.address import public_name
from segmentation.data.warehouse.connection import OpenTable, opened_table, speaking_of
from segmentation.data.warehouse.reading import arrow_batches
from segmentation.data.writers import ANSWER, ROW, ScoredWriter
from segmentation.schema import TableSchema, free_name

if TYPE_CHECKING:
    import ibis.expr.types as ir

SEGMENT, NAME, CONFIDENCE, REASONS = "segment", "segment_name", "confidence", "reasons"
# Columns of an answer, and of a batch, by which nobody looks for customers.
NO_RANGE = frozenset({*ANSWER, "as_of", "written_at", ROW})
CONTROL = "control"
MOST_ALIKE = 20
# Of an export in memory at a time.
PIECE_ROWS = 10_000


@dataclass(frozen=True)
class Range:
    """Values of a column, both ends included; None for an open end."""

    column: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Selection:
    """Customers in one of these segments, none for all, with confidence and columns in ranges."""

    segments: tuple[int, ...] = ()
    least_sure: float = 0.0
    most_sure: float = 1.0
    ranges: tuple[Range, ...] = ()

    def of(self, table: ir.Table) -> ir.Table:
        """Return these customers of a scored table."""
        conditions = self.conditions(table)
        return table.filter(conditions) if conditions else table

    def conditions(self, table: ir.Table) -> list[ir.BooleanValue]:
        """Return what is true of these customers of a scored table."""
        conditions = []
        if self.segments:
            conditions.append(table[SEGMENT].isin(self.segments))
        limits = [Range(CONFIDENCE, self.least_sure or None, self.most_sure)]
        if self.most_sure >= 1:
            limits = [Range(CONFIDENCE, self.least_sure or None, None)]
        for limit in (*limits, *self.ranges):
            if limit.low is not None:
                conditions.append(table[limit.column] >= limit.low)
            if limit.high is not None:
                conditions.append(table[limit.column] <= limit.high)
        return conditions


@dataclass(frozen=True)
class ControlGroup:
    """Customers to leave alone for comparison: this share of every segment, chosen by a seed.

    The same customers for the same seed as long as their segment has the same customers; whoever
    joins or leaves it moves few others.
    """

    share: float
    seed: int

    def hashes(self, identifiers: pd.Series[str]) -> np.ndarray:
        """Return a number for each customer, shape (n,), by which they are drawn."""
        key = f"{self.seed:016d}"[-16:]
        texts = identifiers.astype(str).to_numpy(object)
        return pd.util.hash_array(texts, hash_key=key, categorize=False)


@dataclass(frozen=True)
class Count:
    """How many customers are in a segment, and how many of them are chosen."""

    number: int
    name: str
    customers: int
    chosen: int


class ScoredTable:
    """A table of scored customers, open where it lies.

    Parameters
    ----------
    opened
        The table.
    source
        Where it is, for messages.
    identifier
        What identifies customers in the model's schema; without one their row does.

    Raises
    ------
    DataError
        When it is no scored table, or nothing identifies customers.
    """

    def __init__(self, opened: OpenTable, source: str, identifier: str | None) -> None:
        self.source = source
        columns = set(opened.table.columns)
        missing = sorted({SEGMENT, NAME, CONFIDENCE} - columns)
        if missing:
            raise not_a_table(
                public_name(source),
                f"a scored table; {', '.join(missing)} is missing",
                "Write it with the command score.",
            )
        kinds = [opened.table[name].type() for name in (SEGMENT, CONFIDENCE)]
        if not all(kind.is_numeric() for kind in kinds):
            raise not_a_table(
                public_name(source),
                f"numbers in {SEGMENT} and {CONFIDENCE}",
                "Write it with the command score.",
            )
        # A row that could not be scored may stay in a file, without an answer.
        self.table = opened.table.filter(opened.table[SEGMENT].notnull())
        names = [free_name(identifier, {*ANSWER}), identifier] if identifier else []
        self.identifier = next((name for name in [*names, ROW] if name in columns), "")
        if not self.identifier:
            raise not_a_table(
                public_name(source),
                f"a column that identifies customers, {' or '.join([*names, ROW])}",
                "Name it in the schema and score the customers again.",
            )

    @property
    def numbers(self) -> tuple[str, ...]:
        """The table's own columns with numbers."""
        return tuple(
            name
            for name, kind in self.table.schema().items()
            if kind.is_numeric() and name not in NO_RANGE and name != self.identifier
        )

    def counts(self, selection: Selection) -> list[Count]:
        """Return the size of every segment and of the chosen part of it, by its number.

        The table is read once.
        """
        chosen = True
        for condition in selection.conditions(self.table):
            chosen = condition & chosen
        grouped = self.table.group_by([SEGMENT, NAME]).aggregate(
            customers=self.table.count(), chosen=self.table.count(where=chosen)
        )
        frame = grouped.order_by([SEGMENT, NAME]).execute()
        return [Count(int(n), str(t), *map(int, c)) for n, t, *c in frame.itertuples(index=False)]

    def first(self, selection: Selection, most: int) -> pd.DataFrame:
        """Return some of the customers."""
        frame: pd.DataFrame = selection.of(self.table).limit(most).execute()
        return frame

    def customer(self, identifier: str) -> pd.DataFrame:
        """Return the rows of a customer, most recent first where they have a day; at most 20."""
        column = self.table[self.identifier]
        if column.type().is_integer():
            digits = identifier.strip().lstrip("-").isdecimal()
            rows = self.table.filter(column == int(identifier)) if digits else self.table.limit(0)
        elif column.type().is_string():
            rows = self.table.filter(column == identifier)
        else:
            rows = self.table.filter(column.cast("string") == identifier)
        if "as_of" in self.table.columns:
            rows = rows.order_by(rows["as_of"].desc())
        frame: pd.DataFrame = rows.limit(MOST_ALIKE).execute()
        return frame

    def export(
        self,
        selection: Selection,
        path: Path,
        schema: TableSchema,
        control: ControlGroup | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Write the chosen customers into a CSV, Parquet or Excel file; return how many.

        At most 10,000 customers are in memory at a time, and eight bytes of each of the others
        where a control group is drawn: the file has a column `control` then. `progress` is called
        with how many are written so far.

        Raises
        ------
        DataError
            When a workbook cannot hold that many.
        """
        chosen = selection.of(self.table)
        highest = self._highest(chosen, control) if control else {}
        types = {**_types(chosen), CONTROL: pa.bool_()}
        total = 0
        with ScoredWriter(path, schema, types=types) as writer:
            for frame in _frames(chosen):
                if REASONS not in frame:
                    frame[REASONS] = ""
                if control:
                    drawn = control.hashes(frame[self.identifier])
                    limits = frame[SEGMENT].map(highest).to_numpy(np.uint64)
                    frame.insert(0, CONTROL, (drawn <= limits) & (limits > 0))
                writer.write(frame)
                total += len(frame)
                progress(total)
        return total

    def _highest(self, chosen: ir.Table, control: ControlGroup) -> dict[int, int]:
        """Return the highest number that is drawn in each segment, 0 where none is."""
        parts: dict[int, list[np.ndarray]] = {}
        for frame in _frames(chosen[[self.identifier, SEGMENT]]):
            for segment, rows in frame.groupby(SEGMENT):
                parts.setdefault(int(str(segment)), []).append(
                    control.hashes(rows[self.identifier])
                )
        highest = {}
        for segment, pieces in parts.items():
            drawn = np.sort(np.concatenate(pieces))
            count = round(control.share * len(drawn))
            highest[segment] = int(drawn[count - 1]) if count else 0
        return highest


@contextmanager
def scored_table(source: str, identifier: str | None) -> Iterator[ScoredTable]:
    """Yield a scored table in a database, file, folder or bucket.

    The parameters are those of :class:`ScoredTable`.

    Raises
    ------
    DataError
        When there is no such table, or it is none of scored customers; also from within the block.
    """
    texts = (identifier,) if identifier else ()
    with opened_table(source, texts) as opened, speaking_of(source):
        yield ScoredTable(opened, source, identifier)


def _frames(table: ir.Table) -> Iterator[pd.DataFrame]:
    for batch in arrow_batches(table, PIECE_ROWS):
        yield batch.to_pandas()


def _types(table: ir.Table) -> dict[str, pa.DataType]:
    """Return the types of a table's own columns; an answer's are those of every scored file."""
    schema = table.schema().to_pyarrow()
    return {field.name: field.type for field in schema if field.name not in ANSWER}
