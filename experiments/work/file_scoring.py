"""Write a scored file for a file of customers, in pieces, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol, cast

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.pyfunc import PyFuncModel
from tqdm import tqdm

from experiments.collect import OtherTables, collected_file
from experiments.registry.client import ModelInfo, describe, put_actions, put_names
from experiments.registry.verification import verified
from segmentation.data.atomic import appearing_whole
from segmentation.data.files.table_file import PARQUET
from segmentation.data.readers import as_file, file_to_score, text_columns
from segmentation.data.row_errors import (
    CheckedPiece,
    bad_rows_error,
    check_piece,
    write_bad_rows,
)
from segmentation.data.warehouse.address import address_of, is_database, public_name
from segmentation.data.warehouse.writing import table_writer
from segmentation.data.writers import (
    MEMBERSHIPS,
    WORKBOOK,
    ScoredWriter,
    own_types,
    scored_rows,
)
from segmentation.errors import DataError, Problem, merged
from segmentation.schema.levels import decode

CHUNK_ROWS = 50_000
ENDINGS = (".csv", *sorted({*PARQUET, *WORKBOOK}))
BAD_ROWS = ".bad_rows.csv"
CHECK_EXPORT = "Check the export."


class Writer(Protocol):
    """What scored customers are written with."""

    def write(self, scored: pd.DataFrame) -> None:
        """Append the rows of one piece."""


@dataclass
class Scoring:
    """One pass over a table: what scores it, and what it came to."""

    name: str  # of the table, for people
    source: Path
    model: PyFuncModel
    info: ModelInfo
    chunk_rows: int
    skip_bad_rows: bool
    memberships: bool = False  # whether the probability of every segment is written
    rows: int = 0  # read
    customers: int = 0  # scored
    n_bad: int = 0
    problems: list[Problem] = field(default_factory=list)  # of bad rows
    remarks: tuple[str, ...] = ()
    warnings: dict[tuple[str | None, str], Problem] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns to be read as text."""
        return text_columns(self.info.schema)

    def write(self, writer: Writer) -> None:
        """Check the file to its end; write the scores, those before a bad row or of all others."""
        file = file_to_score(self.source, self.info.schema)
        with (
            closing(file.pieces(self.chunk_rows)) as pieces,
            tqdm(unit=" customers", disable=None) as bar,
        ):
            for rows in pieces:
                piece = check_piece(rows, self.info.schema, self.rows, self.name)
                self._count(piece)
                if self.skip_bad_rows or not self.problems:
                    self._score(piece, writer)
                bar.update(len(rows))
        self.remarks = tuple(file.remarks)

    def _count(self, piece: CheckedPiece) -> None:
        self.rows += len(piece.rows)
        self.n_bad += piece.n_bad
        self.problems += piece.problems
        for warning in piece.warnings:
            key = warning.column, warning.check
            before = [self.warnings[key]] if key in self.warnings else []
            self.warnings[key] = merged([*before, warning])

    def _score(self, piece: CheckedPiece, writer: Writer) -> None:
        if piece.validated is None:
            return
        schema = self.info.schema
        customers = decode(piece.validated.customers, schema)
        answer = cast(pd.DataFrame, self.model.predict(customers))
        put_names(answer, self.info.given_names)
        if not self.memberships:
            answer = answer.drop(columns=MEMBERSHIPS, errors="ignore")
        put_actions(answer, {number: action.text for number, action in self.info.actions.items()})
        scored = scored_rows(piece.rows, schema, piece.start, answer.set_axis(piece.good))
        writer.write(scored.iloc[piece.good])
        self.customers += len(answer)

    def check(self) -> None:
        """Refuse a file of which nothing is to be written.

        Raises
        ------
        DataError
            When it has no rows, or bad ones that are not to be skipped, or no others.
        """
        if not self.rows:
            problem = Problem(None, "no_rows", "at least one row below the header", CHECK_EXPORT)
            raise DataError([problem], self.name)
        if self.problems and not (self.skip_bad_rows and self.customers):
            if self.name != str(self.source):  # copied: its rows have no lines
                raise DataError(self.problems, self.name)
            raise bad_rows_error(
                self.problems, self.source, self.chunk_rows, self.rows - self.n_bad
            )

    def write_bad_rows(self, file: Path) -> None:
        """Write the bad rows, or remove those of another time."""
        if self.problems:
            with appearing_whole(file) as draft:
                write_bad_rows(draft, self.problems, self.source, self.chunk_rows, self.texts)
        else:
            file.unlink(missing_ok=True)


def bad_rows_path(target: str | Path) -> Path:
    """Return where the rows are that could not be scored: beside a file, or in this folder."""
    database = is_database(str(target))
    path = Path(address_of(str(target)).table) if database else Path(target)
    return path.with_name(f"{path.name}{BAD_ROWS}")


def score_file(
    source: str,
    target: str | Path,
    model_name: str,
    alias: str,
    chunk_rows: int = CHUNK_ROWS,
    *,
    skip_bad_rows: bool = False,
    memberships: bool = False,
    collecting: OtherTables | None = None,
    as_of: date | None = None,
) -> Scoring:
    """Score a table, in a file or elsewhere, into a file or a table; return what it came to.

    A file appears only when all of it is written, and so does a batch in a table; at most
    `chunk_rows` customers are in memory. With `skip_bad_rows` the rows that cannot be scored are
    in a file beside it, its name followed by ``.bad_rows.csv``. With `memberships` the
    probability of every segment is written too. With `collecting` the source holds
    transactions, of which the model's own recipe makes customers as of `as_of`; otherwise that day
    only names the batch in a table, and is today where it is not given.

    Raises
    ------
    DataError
        When the table does not fit the model's schema, or a row cannot be scored and is not
        skipped.
    SpecError
        When customers are to be collected for a model without a recipe.
    RegistryError
        When there is no such version.
    """
    info = describe(model_name, alias)
    with verified(MlflowClient(), model_name, info.version) as folder:
        # MLflow would look at every installed package for a warning that commands do not print.
        model = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)
    with ExitStack() as stack:
        day = as_of or datetime.now(UTC).date()
        if collecting:
            file, day = stack.enter_context(collected_file(source, info.schema, as_of, collecting))
        else:
            file = stack.enter_context(as_file(source, info.schema))
        name = public_name(source)
        scoring = Scoring(name, file, model, info, chunk_rows, skip_bad_rows, memberships)
        with writing(target, model_name, day, scoring) as writer:
            scoring.write(writer)
            scoring.check()
        if skip_bad_rows:
            scoring.write_bad_rows(bad_rows_path(target))
    return scoring


@contextmanager
def writing(target: str | Path, model_name: str, as_of: date, scoring: Scoring) -> Iterator[Writer]:
    """Yield what writes scored customers into a file, or a table in a database."""
    schema = scoring.info.schema
    if is_database(str(target)):
        with table_writer(str(target), schema.identifier, model_name, as_of) as table:
            yield table
        return
    types, facts = own_types(scoring.source, schema), scoring.info.segment_facts
    with (
        appearing_whole(Path(target)) as draft,
        ScoredWriter(draft, schema, types=types, facts=facts) as file,
    ):
        yield file
