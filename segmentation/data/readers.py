"""Read customers and their schema: a file, a public data set or generated data."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.parquet

from segmentation.data.demographics import generate_people
from segmentation.data.synthetic import generate
from segmentation.data.validation import Validated, validate
from segmentation.errors import DataError, Problem
from segmentation.schema import TableSchema, load_schema
from segmentation.schema.inference import infer_schema

EMBEDDED_ROWS = 5_000
Generate = Callable[[int, int], pd.DataFrame]
EMBEDDED: dict[str, Generate] = {"embedded": generate, "embedded-people": generate_people}
AUTO = "auto"
# The schema with most columns first: it describes a table that has them all most closely.
SHIPPED = ("embedded_people", "cc_general", "bank_churners")
PARQUET = frozenset({".parquet", ".pq"})
HEAD_BYTES = 65_536
DELIMITERS = ",;\t|"
# First bytes of files people mistake for a table, and what to do about each.
NOT_TABLES = {
    b"PK\x03\x04": ("a zip archive or Excel workbook", "Export the sheet as CSV UTF-8."),
    b"\x1f\x8b": ("a gzip archive", "Unpack it first."),
    b"%PDF": ("a PDF document", "Export the table behind it as CSV."),
    b"<!": ("a web page", "Download the file itself, not the page around it."),
    b"<h": ("a web page", "Download the file itself, not the page around it."),
    b"{": ("JSON", "Convert it to CSV or Parquet."),
    b"[{": ("JSON", "Convert it to CSV or Parquet."),
    b"[]": ("JSON", "Convert it to CSV or Parquet."),
    b"[\n": ("JSON", "Convert it to CSV or Parquet."),
}


def load_customers(source: str, schema: TableSchema) -> Validated:
    """Read and validate the customers a model will learn from.

    Parameters
    ----------
    source
        Path of a ``.csv`` or ``.parquet`` file, ``openml:<id>``, or
        ``embedded[:<rows>[:<seed>]]`` for generated customers; ``embedded-people`` likewise
        for customers with demographics.
    schema
        The contract of the table.

    Raises
    ------
    DataError
        When there is no such source, it is not a table, or the table breaks the contract.
    """
    return validate(read_table(source), schema, source, to_train=True)


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
    frame = read_table(source)
    schema = (named or schema_for(frame, schema_name, source)).as_features(as_features)
    return validate(frame, schema, source, to_train=True), schema


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
    for shipped in SHIPPED:
        schema = load_schema(shipped)
        if set(schema.column_names) <= set(map(str, frame.columns)):
            return schema
    return infer_schema(frame, Path(source).stem or "inferred")


def read_table(source: str) -> pd.DataFrame:
    """Return the table of a source, unchecked; :func:`load_customers` lists the sources.

    Raises
    ------
    DataError
        When there is no such source or it is not a table.
    """
    scheme, _, rest = source.partition(":")
    if scheme in EMBEDDED:
        return _embedded(source, EMBEDDED[scheme], rest)
    if scheme == "openml":
        return _openml(source, rest)
    path = Path(source)
    if path.suffix.lower() in PARQUET:
        with _parquet(path) as file:
            table: pd.DataFrame = file.read().to_pandas()
        return table
    encoding, delimiter = csv_dialect(path)
    try:
        return pd.read_csv(path, sep=delimiter, encoding=encoding, header=0, low_memory=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise _not_a_table(path, f"rows of equal length ({error})", "Check the export.") from error


def iter_chunks(path: str, schema: TableSchema, rows: int = 50_000) -> Iterator[Validated]:
    """Yield the customers of a CSV or Parquet file in pieces of at most `rows`.

    Raises
    ------
    DataError
        When the file is not a table, or a piece breaks the contract.
    """
    start = 0
    texts = (schema.identifier,) if schema.identifier else ()
    with closing(read_pieces(Path(path), rows, texts)) as pieces:
        for piece in pieces:
            place = f"{path}, rows {start + 1:,} to {start + len(piece):,}"
            try:
                validated = validate(piece, schema, place)
            except DataError as error:
                raise DataError(_shifted(error.problems, start), place) from None
            customers = validated.customers
            if isinstance(customers.index, pd.RangeIndex):
                customers = customers.set_axis(pd.RangeIndex(start, start + len(customers)))
            yield Validated(customers, _shifted(validated.warnings, start))
            start += len(piece)


def read_pieces(
    file: Path, rows: int = 50_000, texts: Sequence[str] = ()
) -> Generator[pd.DataFrame, None, None]:
    """Yield the rows of a CSV or Parquet file in pieces of at most `rows`, unchecked.

    The columns `texts` of a CSV file are read as text even where they look like numbers:
    identifiers, whose leading zeros count.

    Raises
    ------
    DataError
        When the file is not a table.
    """
    if file.suffix.lower() in PARQUET:
        # One after the other and without reading ahead: a third of the memory, no slower.
        with _parquet(file, pre_buffer=False, buffer_size=1 << 16) as table:
            for batch in table.iter_batches(batch_size=rows, use_threads=False):
                yield batch.to_pandas()
        return
    encoding, delimiter = csv_dialect(file)
    kinds = dict.fromkeys(texts, str)
    try:
        with pd.read_csv(
            file,
            sep=delimiter,
            encoding=encoding,
            chunksize=rows,
            low_memory=False,
            dtype=kinds,
        ) as reader:
            yield from reader
    except pd.errors.ParserError as error:
        raise _not_a_table(file, f"rows of equal length ({error})", "Check the export.") from error


def _shifted(problems: tuple[Problem, ...], start: int) -> tuple[Problem, ...]:
    """Return problems of a piece with rows counted from the start of the file."""
    return tuple(replace(p, rows=tuple(row + start for row in p.rows)) for p in problems)


def _embedded(source: str, generate: Generate, rest: str) -> pd.DataFrame:
    parts = rest.split(":") if rest else []
    if len(parts) > 2 or not all(part.isdecimal() for part in parts) or parts[:1] == ["0"]:
        raise _not_a_table(
            source, "embedded, embedded:<rows> or embedded:<rows>:<seed>", "Correct the numbers."
        )
    rows, seed = ([int(part) for part in parts] + [EMBEDDED_ROWS, 0][len(parts) :])[:2]
    return generate(rows, seed)


def _openml(source: str, identifier: str) -> pd.DataFrame:
    if not identifier.isdecimal():
        raise _not_a_table(source, "openml:<number>", "Take the number from the data set's page.")
    from sklearn.datasets import fetch_openml  # noqa: PLC0415 - the pages read files without it

    try:
        dataset = fetch_openml(data_id=int(identifier), as_frame=True, parser="auto")
    except (OSError, ValueError) as error:
        raise _not_a_table(
            source,
            f"an answer from OpenML ({type(error).__name__}: {error})",
            "Check the number and the network, or download the file and name its path.",
        ) from error
    frame: pd.DataFrame = dataset.frame
    return frame


def _parquet(path: Path, **reading: Any) -> pyarrow.parquet.ParquetFile:
    _must_be_file(path)
    try:
        return pyarrow.parquet.ParquetFile(path, **reading)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise _not_a_table(
            path, "a Parquet file", "The file is damaged or of another kind; export it again."
        ) from error


def csv_dialect(path: Path) -> tuple[str, str]:
    """Return encoding and delimiter of a CSV file.

    Raises
    ------
    DataError
        When it is no CSV file.
    """
    _must_be_file(path)
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    for magic, (kind, remedy) in NOT_TABLES.items():
        if head.lower().startswith(magic.lower()):
            raise _not_a_table(path, f"a CSV or Parquet table, found {kind}", remedy)
    encoding = _encoding(path, head)
    header = head.decode(encoding, errors="ignore").lstrip("\ufeff").splitlines()
    if not header or not header[0].strip():
        raise _not_a_table(path, "a header line, found an empty file", "Check the export.")
    return encoding, delimiter_of(str(path), header[0])[0]


def delimiter_of(source: str, header: str) -> tuple[str, list[str]]:
    """Return the delimiter of a header line, and the names of the columns.

    Raises
    ------
    DataError
        When two columns have one name.
    """
    delimiter = max(DELIMITERS, key=header.count)
    names = next(csv.reader([header], delimiter=delimiter))
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        remedy = "Remove the others."
        expected = "one column of that name"
        raise DataError([Problem(n, "doubled_column", expected, remedy) for n in doubled], source)
    return delimiter, names


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\x00" in head:
        raise _not_a_table(
            path, "a CSV or Parquet table, found binary data", "Export the table as CSV UTF-8."
        )
    wrong = _undecodable(path, "utf-8")
    if wrong is None:
        return "utf-8-sig"
    # What spreadsheets in Western Europe write by default.
    if _undecodable(path, "cp1252") is None:
        return "cp1252"
    raise _not_a_table(
        path,
        f"UTF-8, UTF-16 or Windows-1252 text, found the byte 0x{wrong:02x}",
        "Save it as CSV UTF-8.",
    )


def _undecodable(path: Path, encoding: str) -> int | None:
    """Return the first byte of a file that cannot be decoded; None if all can."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as stream:
        try:
            for block in iter(lambda: stream.read(1 << 20), b""):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            return error.object[error.start]
    return None


def _must_be_file(path: Path) -> None:
    if not path.exists():
        raise _not_a_table(path, "an existing file", "Check the path.")
    if not path.is_file():
        raise _not_a_table(path, "a file, found a folder", "Name the file in it.")
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        expected = f"a file that can be read ({error.strerror})"
        raise _not_a_table(path, expected, "Check its permissions and the disk.") from error


def _not_a_table(source: Path | str, expected: str, remedy: str) -> DataError:
    return DataError([Problem(None, "not_a_table", expected, remedy)], str(source))
