"""Read the columns of a table that lies elsewhere: at once, or into a file of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segmentation.data.warehouse.address import Snapshot
from segmentation.data.warehouse.connection import OpenTable, opened_table

if TYPE_CHECKING:
    import ibis.expr.types as ir

PIECE_ROWS = 50_000


@dataclass(frozen=True)
class Needed:
    """What travels of a table: columns it must have, columns it may have, which of them as text.

    Where one of `required` is missing a single row of all columns travels, from which an error can
    tell which column was meant. With nothing required all columns travel.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def of(self, table: ir.Table) -> ir.Table:
        """Return these columns of a table, as types that a table in a file has too."""
        if self.required:
            names_needed = {*self.required, *self.optional}
            names = [name for name in table.columns if name in names_needed]
            table = table[names] if set(self.required) <= set(names) else table.limit(1)
        casts = {}
        for name, kind in table.schema().items():
            if kind.is_uuid() or (name in self.texts and not kind.is_string()):
                casts[name] = "string"
            elif kind.is_decimal():
                casts[name] = "float64"
            elif kind.is_date():
                casts[name] = "timestamp"
        return table.cast(casts) if casts else table


def read_elsewhere(source: str, needed: Needed) -> tuple[pd.DataFrame, Snapshot]:
    """Return what is needed of a table that is no single file, and when that was.

    `source` is as for :func:`segmentation.data.warehouse.connection.opened_table`.

    Raises
    ------
    DataError
        When there is no such table, or it cannot be read.
    """
    with opened_table(source, needed.texts) as opened:
        table = needed.of(opened.table)
        frame: pd.DataFrame = arrow_batches(table).read_all().to_pandas()
        return frame, Snapshot.now(source, len(frame), _sql(opened, table))


@contextmanager
def copied(source: str, needed: Needed) -> Iterator[Path]:
    """Yield a Parquet file with the rows of :func:`read_elsewhere`, in bounded memory.

    The file is this user's alone and goes away with the block. Scoring goes over the rows more
    than once, and a table that others write to would have changed in between.
    """
    with TemporaryDirectory() as folder, opened_table(source, needed.texts) as opened:
        path = Path(folder) / "table.parquet"
        batches = arrow_batches(needed.of(opened.table))
        with pq.ParquetWriter(path, batches.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        yield path


def arrow_batches(table: ir.Table, rows: int = PIECE_ROWS) -> pa.RecordBatchReader:
    """Return the rows of a table in pieces of at most so many."""
    return table.to_pyarrow_batches(chunk_size=rows)


def _sql(opened: OpenTable, table: ir.Table) -> str:
    return str(opened.connection.compile(table))
