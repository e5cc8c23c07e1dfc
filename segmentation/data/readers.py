"""Read customers and their schema: a file, a warehouse, a public data set or generated data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from segmentation.data.files.table_file import TableFile, not_a_table, read_pieces
from segmentation.data.synthetic import generate, rows_and_seed
from segmentation.data.synthetic.demographics import generate_people
from segmentation.data.validation import UNSEEN, Validated, refuse_repeated_customers, validate
from segmentation.data.warehouse.address import Snapshot, is_elsewhere, public_name, short_name
from segmentation.data.warehouse.reading import Needed, copied, read_elsewhere
from segmentation.errors import DataError, Problem
from segmentation.schema import AUTO, TableSchema, load_schema
from segmentation.schema.inference import infer_schema

Generate = Callable[[int, int], pd.DataFrame]
EMBEDDED: dict[str, Generate] = {"embedded": generate, "embedded-people": generate_people}
OPENML = "openml"
# The schema with most columns first: it describes a table that has them all most closely.
SHIPPED = ("embedded_people", "cc_general", "bank_churners")


def load_customers(source: str, schema: TableSchema) -> Validated:
    """Read and validate the customers a model will learn from.

    Parameters
    ----------
    source
        Path of a CSV, Excel or Parquet file; a folder or glob of CSV or Parquet;
        ``duckdb:///file.db?table=…``, ``postgresql://host/database?table=…`` or ``?query=…``;
        ``s3://bucket/folder``; ``openml:<id>``; or ``embedded[:<rows>[:<seed>]]`` for generated
        customers, ``embedded-people`` likewise for customers with demographics.
    schema
        The contract of the table.

    Raises
    ------
    DataError
        When there is no such source, it is not a table, or the table breaks the contract.
    """
    return _validated(read_table(source, schema), schema, source)


def load_described(
    source: str, schema_name: str, as_features: Iterable[str] = ()
) -> tuple[Validated, TableSchema]:
    """Read customers a model will learn from, and return them with their schema.

    The source is one of :func:`load_customers`, the schema one of :func:`schema_for`; the
    outcomes `as_features` become features.

    Raises
    ------
    SpecError
        When there is no such schema, or it has no such outcome.
    DataError
        When there is no such table, or it breaks the contract.
    """
    named = None if schema_name == AUTO else load_schema(schema_name)
    table = read_table(source, named)
    schema = (named or schema_for(table.frame, schema_name, source)).as_features(as_features)
    validated = _validated(table, schema, source)
    if named is None:
        # A draft leaves rare levels out, and its notes say so.
        warnings = tuple(w for w in validated.warnings if w.check != UNSEEN)
        validated = replace(validated, warnings=warnings)
    return validated, schema


def _validated(table: RawTable, schema: TableSchema, source: str) -> Validated:
    validated = validate(table.frame, schema, public_name(source), to_train=True)
    return replace(validated, remarks=table.remarks, snapshot=table.snapshot)


def schema_for(frame: pd.DataFrame, name: str, source: str) -> TableSchema:
    """Return the schema of that name, or one that fits the table.

    Parameters
    ----------
    frame
        The table, unchecked.
    name
        A shipped schema, a ``.yaml`` file, or ``auto``: a shipped schema all of whose columns
        are in the table, else a draft.
    source
        Path that gives a draft its name.

    Raises
    ------
    SpecError
        When there is no such schema.
    DataError
        When none can be drafted.
    """
    if name != AUTO:
        return load_schema(name)
    refuse_repeated_customers(frame, public_name(source))
    for shipped in SHIPPED:
        schema = load_schema(shipped)
        if set(schema.column_names) <= set(map(str, frame.columns)):
            return schema
    return infer_schema(frame, Path(short_name(source)).stem or "inferred")


@dataclass(frozen=True)
class RawTable:
    """A table as read, unchecked, what is said of where it stands in its file, and when it was."""

    frame: pd.DataFrame
    snapshot: Snapshot
    remarks: tuple[str, ...] = ()


def read_table(source: str, schema: TableSchema | None = None) -> RawTable:
    """Return the table of a source, unchecked; :func:`load_customers` lists the sources.

    With a `schema` the columns are read as text that it wants so: identifiers, whose leading
    zeros count, and numbers with a decimal comma.

    Raises
    ------
    DataError
        When there is no such source or it is not a table.
    """
    scheme, _, rest = source.partition(":")
    texts = text_columns(schema) if schema else ()
    remarks: list[str] = []
    if scheme in EMBEDDED:
        frame = EMBEDDED[scheme](*rows_and_seed(source, scheme, rest))
    elif scheme == OPENML:
        frame = _openml(source, rest)
    elif is_elsewhere(source):
        return RawTable(*read_elsewhere(source, needed_by(schema)))
    else:
        file = TableFile(Path(source), texts)
        frame, remarks = file.whole(), file.remarks
    return RawTable(frame, Snapshot.now(source, len(frame)), tuple(remarks))


@contextmanager
def as_file(source: str, schema: TableSchema) -> Iterator[Path]:
    """Yield the file of a source, which a table that is none is copied into for as long.

    The sources are those of :func:`load_customers`.

    Raises
    ------
    DataError
        When there is no such table.
    """
    if source.partition(":")[0] in {*EMBEDDED, OPENML}:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "customers.parquet"
            read_table(source, schema).frame.to_parquet(path, index=False)
            yield path
        return
    if not is_elsewhere(source):
        yield Path(source)
        return
    with copied(source, needed_by(schema)) as path:
        yield path


def needed_by(schema: TableSchema | None) -> Needed:
    """Return what travels of a table elsewhere: features, outcomes, who it is; all for a draft."""
    if schema is None:
        return Needed()
    identifier = (schema.identifier,) if schema.identifier else ()
    optional = (*identifier, *schema.outcome_names)
    return Needed(schema.column_names, optional, text_columns(schema))


def file_to_score(path: Path, schema: TableSchema) -> TableFile:
    """Return a file whose rows go back as they came: what is no number of the schema is text."""
    return TableFile(path, text_columns(schema), (*schema.column_names, *schema.outcome_names))


def text_columns(schema: TableSchema) -> tuple[str, ...]:
    """Return the columns of a file that must be read as text to mean what the schema says."""
    commas = (c.name for c in (*schema.columns, *schema.outcomes) if c.decimal == ",")
    return (*((schema.identifier,) if schema.identifier else ()), *commas)


def iter_chunks(path: str, schema: TableSchema, rows: int = 50_000) -> Iterator[Validated]:
    """Yield the customers of a CSV or Parquet file in pieces of at most `rows`.

    Raises
    ------
    DataError
        When the file is not a table, or a piece breaks the contract.
    """
    start = 0
    with closing(read_pieces(Path(path), rows, text_columns(schema))) as pieces:
        for piece in pieces:
            place = f"{path}, rows {start + 1:,} to {start + len(piece):,}" if len(piece) else path
            try:
                validated = validate(piece, schema, place)
            except DataError as error:
                raise DataError(_shifted(error.problems, start), place) from None
            customers = validated.customers
            if isinstance(customers.index, pd.RangeIndex):
                customers = customers.set_axis(pd.RangeIndex(start, start + len(customers)))
            yield Validated(customers, _shifted(validated.warnings, start))
            start += len(piece)


def _shifted(problems: tuple[Problem, ...], start: int) -> tuple[Problem, ...]:
    """Return problems of a piece with rows counted from the start of the file."""
    return tuple(replace(p, rows=tuple(row + start for row in p.rows)) for p in problems)


def _openml(source: str, identifier: str) -> pd.DataFrame:
    if not identifier.isdecimal():
        raise not_a_table(source, "openml:<number>", "Take the number from the data set's page.")
    from sklearn.datasets import fetch_openml  # noqa: PLC0415 - the pages read files without it

    try:
        dataset = fetch_openml(data_id=int(identifier), as_frame=True, parser="auto")
    except (OSError, ValueError) as error:
        raise not_a_table(
            source,
            f"an answer from OpenML ({type(error).__name__}: {error})",
            "Check the number and the network, or download the file and name its path.",
        ) from error
    frame: pd.DataFrame = dataset.frame
    return frame
