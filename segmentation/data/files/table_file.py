"""A table in a CSV, Excel or Parquet file, read from wherever in it the table stands."""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
from collections import Counter, deque
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.parquet

from segmentation.data.files.layout import (
    HEAD_RECORDS,
    PANDAS_MISSING,
    TAIL_RECORDS,
    Layout,
    Record,
    ending_of,
    layout_of,
)
from segmentation.data.files.workbook import (
    MOST_COLUMNS,
    WORKBOOKS,
    SheetReader,
    opened,
    table_sheet,
)
from segmentation.errors import DataError, Problem
from segmentation.schema.drafting.identifiers import is_key_name
from segmentation.schema.numbers import decimal_of

PARQUET = frozenset({".parquet", ".pq"})
HEAD_BYTES = 1 << 18
LONGEST_HEADER = 1 << 22
# The csv module's own limit is 131,072 characters; pandas has none.
LONGEST_CELL = 2**31 - 1
GROUPED_BY_POINTS = r"[-+]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+"
DELIMITERS = ";\t|,"  # of two that fit alike the first: commas stand before decimals too
# First bytes of files people mistake for a table, and what to do about each.
NOT_TABLES = {
    b"PK\x03\x04": ("a zip archive or Excel workbook", "Give a workbook the ending .xlsx."),
    b"\x1f\x8b": ("a gzip archive", "Unpack it first."),
    b"%PDF": ("a PDF document", "Export the table behind it as CSV."),
    b"<!": ("a web page", "Download the file itself, not the page around it."),
    b"<h": ("a web page", "Download the file itself, not the page around it."),
    b"{": ("JSON", "Convert it to CSV or Parquet."),
    b"[{": ("JSON", "Convert it to CSV or Parquet."),
    b"[]": ("JSON", "Convert it to CSV or Parquet."),
    b"[\n": ("JSON", "Convert it to CSV or Parquet."),
}


def read_pieces(
    file: Path, rows: int = 50_000, texts: Sequence[str] = ()
) -> Generator[pd.DataFrame, None, None]:
    """Yield the rows of a CSV, Excel or Parquet file in pieces of at most `rows`, unchecked.

    The columns `texts` of a CSV file are read as text even where they look like numbers; see
    :func:`segmentation.data.readers.text_columns`. What is no customer is left out;
    :class:`TableFile` says what.

    Raises
    ------
    DataError
        When the file is not a table.
    """
    yield from TableFile(file, texts).pieces(rows)


class TableFile:
    """A table in a CSV, Excel or Parquet file, found wherever in it the table stands.

    Titles, second headers, totals, notes and columns without a name or value are left out and
    mentioned in `remarks`, which are complete when all rows were read.

    Parameters
    ----------
    path
        The file; of a workbook a sheet may be named: ``customers.xlsx#Sheet 2``.
    texts
        Columns that are read as text even where they look like numbers.
    numbers
        With it, all other columns of a CSV file are read as text too: they come back as they are.
    """

    def __init__(
        self, path: Path, texts: Sequence[str] = (), numbers: Collection[str] | None = None
    ) -> None:
        name, mark, sheet = str(path).rpartition("#")
        is_sheet = bool(mark) and Path(name).suffix.lower() in WORKBOOKS and not path.exists()
        self.path, self.sheet = (Path(name), sheet) if is_sheet else (path, "")
        self.texts = tuple(texts)
        self.numbers = None if numbers is None else frozenset(numbers)
        self.remarks: list[str] = []

    def whole(self) -> pd.DataFrame:
        """Return all rows.

        Raises
        ------
        DataError
            When the file is not a table.
        """
        if self.path.suffix.lower() in PARQUET:
            with _parquet(self.path) as file:
                table: pd.DataFrame = file.read().to_pandas()
            return table
        (piece,) = self.pieces(sys.maxsize)
        return piece.reset_index(drop=True)

    def pieces(self, rows: int) -> Generator[pd.DataFrame, None, None]:
        """Yield the rows in pieces of at most `rows`.

        Raises
        ------
        DataError
            When the file is not a table.
        """
        ending = self.path.suffix.lower()
        if ending in PARQUET:
            # One after the other and without reading ahead: a third of the memory, no slower.
            with _parquet(self.path, pre_buffer=False, buffer_size=1 << 16) as table:
                for batch in table.iter_batches(batch_size=rows, use_threads=False):
                    yield batch.to_pandas()
        elif ending in WORKBOOKS:
            yield from self._sheet_pieces(rows)
        else:
            yield from self._csv_pieces(rows)

    def lines(self) -> Iterator[int]:
        """Yield the line of each row of :meth:`pieces`; of a sheet and of Parquet its row.

        A quoted cell may run over several lines, and some lines hold no customer: so a row's
        number does not tell its line.
        """
        ending = self.path.suffix.lower()
        if ending in PARQUET:
            with _parquet(self.path) as table:
                yield from range(1, table.metadata.num_rows + 1)
        elif ending in WORKBOOKS:
            with opened(self.path) as book:
                yield from (row.line for row in SheetReader(table_sheet(book, self.sheet)[0]))
        else:
            dialect = csv_dialect(self.path)
            layout = self._csv_layout(*dialect)
            for record in _csv_records(self.path, *dialect):
                if _is_customer(record, layout):
                    yield record.line

    def _sheet_pieces(self, rows: int) -> Generator[pd.DataFrame, None, None]:
        _must_be_file(self.path)
        with opened(self.path) as book:
            sheet, remarks = table_sheet(book, self.sheet)
            reader = SheetReader(sheet)
            _check_header(self.path, reader.layout)
            customers = iter(reader)
            piece = list(islice(customers, rows))
            while True:
                following = list(islice(customers, rows))
                self.remarks = [*remarks, *reader.remarks]
                yield reader.frame(piece, self.texts)
                if not following:
                    return
                piece = following

    def _csv_pieces(self, rows: int) -> Generator[pd.DataFrame, None, None]:
        encoding, delimiter = csv_dialect(self.path)
        layout = self._csv_layout(encoding, delimiter)
        header = _check_header(self.path, layout)
        skipped, names = set(layout.skipped), None
        if len(layout.names) != len(header.cells):
            skipped |= {*range(header.number + 1)}
            names = list(layout.names)
        every = len(layout.columns) == len(layout.names)
        try:
            with pd.read_csv(
                self.path,
                sep=delimiter,
                encoding=encoding,
                header=None if names else 0,
                names=names,
                index_col=False if names else None,
                skiprows=sorted(skipped) or None,
                usecols=None if every else layout.columns,
                chunksize=rows,
                low_memory=False,
                dtype=dict.fromkeys(self._texts_of(layout), str),
            ) as reader:
                for piece in reader:
                    yield piece[~_empty(piece)]
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            expected = f"rows of equal length ({error})"
            raise not_a_table(self.path, expected, "Check the export.") from error

    def _texts_of(self, layout: Layout) -> set[str]:
        """Return the columns of a CSV file to be read as text."""
        others = set() if self.numbers is None else {*layout.names} - self.numbers
        heads = _heads(layout)
        return {*self.texts, *others, *_grouped_by_points(heads), *_keys_with_zeros(heads)}

    def _csv_layout(self, encoding: str, delimiter: str) -> Layout:
        head, complete = _head(self.path, encoding, delimiter)
        hint = {r.number for r in head[:1] if _names_separator(delimiter.join(r.cells))}
        layout = layout_of([record for record in head if record.number not in hint])
        tail = head if complete else _tail(self.path, encoding, delimiter)
        ending, remarks = ending_of(tail[-TAIL_RECORDS:], layout)
        if not complete and any(len(record.cells) > 1 for record in ending):
            last = deque(_csv_records(self.path, encoding, delimiter), TAIL_RECORDS)
            ending, remarks = ending_of(list(last), layout)
        first = ["line 1: names the separator, left out"] * len(hint)
        self.remarks = [*first, *layout.remarks, *remarks]
        numbers = {*layout.skipped, *hint, *(record.number for record in ending)}
        return replace(layout, skipped=frozenset(numbers))


def _check_header(path: Path, layout: Layout) -> Record:
    """Return the header of a file, if there is one that can be read."""
    header = layout.header
    if header is None:
        raise not_a_table(path, "a header line, found an empty file", "Check the export.")
    _check_names(str(path), header.cells)
    return header


def _empty(piece: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows hold nothing: lines of separators only."""
    empty = piece.iloc[:, 0].isna()
    if empty.any():
        empty &= piece.isna().all(axis=1)
    return empty


def _is_customer(record: Record, layout: Layout) -> bool:
    if layout.header is None or record.number <= layout.header.number:
        return False
    cells = (record.cells[place] for place in layout.columns if place < len(record.cells))
    return record.number not in layout.skipped and any(cell not in PANDAS_MISSING for cell in cells)


def _heads(layout: Layout) -> dict[str, pd.Series[str]]:
    """Return the first cells of each column by its name, as texts."""
    return {
        layout.names[place]: pd.Series(
            [record.cells[place] for record in layout.body if place < len(record.cells)],
            dtype="str",
        )
        for place in layout.columns
    }


def _keys_with_zeros(columns: Mapping[str, pd.Series[str]]) -> list[str]:
    """Return columns named for keys, some of which begin with zeros that count."""
    return [
        name
        for name, cells in columns.items()
        if is_key_name(name) and cells.str.strip().str.fullmatch(r"0\d+").any()
    ]


def _grouped_by_points(columns: Mapping[str, pd.Series[str]]) -> list[str]:
    """Return columns such as ``1.234`` of a table whose other columns have decimal commas."""
    marks = {name: decimal_of(cells) for name, cells in columns.items()}
    grouped = [
        name
        for name, cells in columns.items()
        if marks[name] == "."
        and cells.str.fullmatch(GROUPED_BY_POINTS).any()
        and decimal_of(cells, unclear=",") == ","
    ]
    points = [
        name
        for name, cells in columns.items()
        if marks[name] == "." and name not in grouped and cells.str.contains(r"\.").any()
    ]
    return grouped if "," in marks.values() and not points else []


def _head(path: Path, encoding: str, delimiter: str) -> tuple[list[Record], bool]:
    """Return the first records of a CSV file, and whether these are all."""
    text, complete = _beginning(path, encoding)
    lines = list(io.StringIO(text, newline=""))
    every = list(_records(lines if complete else lines[:-1] or lines, delimiter))
    return (every, True) if complete else (every[:HEAD_RECORDS], False)


def _beginning(path: Path, encoding: str) -> tuple[str, bool]:
    """Return the beginning of a text file, its first line at least, and whether it is all."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
        if b"\n" not in head:
            head += stream.readline(LONGEST_HEADER)
        complete = not stream.read(1)
    return head.decode(encoding, errors="ignore").lstrip("\ufeff"), complete


def _tail(path: Path, encoding: str, delimiter: str) -> list[Record]:
    """Return the last records of a CSV file, with numbers that only order them."""
    size = path.stat().st_size
    start = max(size - HEAD_BYTES, 0) // 2 * 2  # a character of UTF-16 has two bytes
    with path.open("rb") as stream:
        mark = stream.read(2)
        stream.seek(start)
        content = stream.read()
    if encoding == "utf-16":
        encoding = "utf-16-be" if mark == codecs.BOM_UTF16_BE else "utf-16-le"
    lines = list(io.StringIO(content.decode(encoding, errors="ignore"), newline=""))
    records = list(_records(lines[1:], delimiter))
    return [record._replace(number=size + record.number) for record in records]


def _csv_records(path: Path, encoding: str, delimiter: str) -> Iterator[Record]:
    """Yield all records of a CSV file."""
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding=encoding, newline="") as stream:
        yield from _records(stream, delimiter)


def _records(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    reader, line = csv.reader(lines, delimiter=delimiter), 1
    for number, cells in enumerate(reader):
        yield Record(number, line, tuple(cells))
        line = reader.line_num + 1


def _parquet(path: Path, **reading: Any) -> pyarrow.parquet.ParquetFile:
    _must_be_file(path)
    try:
        return pyarrow.parquet.ParquetFile(path, **reading)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise not_a_table(
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
            raise not_a_table(path, f"a CSV or Parquet table, found {kind}", remedy)
    encoding = _encoding(path, head)
    text, complete = _beginning(path, encoding)
    lines = text.splitlines()
    if not any(line.strip() for line in lines[:HEAD_RECORDS]):
        raise not_a_table(path, "a header line, found an empty file", "Check the export.")
    if hint := _names_separator(lines[0]):
        return encoding, hint
    return encoding, _likely_delimiter(lines if complete else lines[:-1] or lines)


def _names_separator(line: str) -> str:
    """Return the separator that a line such as ``sep=;`` names, as spreadsheets write it."""
    match = re.fullmatch(r'"?sep=(.)"?', line.rstrip("\r\n"), re.IGNORECASE)
    return match[1] if match else ""


def _likely_delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that cuts most lines into equally many cells, and those into most."""
    sample = [line for line in lines if line.strip()][:HEAD_RECORDS]

    def likely(delimiter: str) -> tuple[float, int]:
        try:
            widths = Counter(len(cells) for cells in csv.reader(sample, delimiter=delimiter))
        except csv.Error:
            return 0.0, sample[0].count(delimiter)
        width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
        return (count / widths.total() if width > 1 else 0.0), width

    return max(DELIMITERS, key=likely)


def delimiter_of(source: str, header: str) -> tuple[str, list[str]]:
    """Return the delimiter of a header line, and the names of the columns.

    Raises
    ------
    DataError
        When two columns have one name.
    """
    delimiter = max(reversed(DELIMITERS), key=header.count)
    names = next(csv.reader([header], delimiter=delimiter))
    _check_names(source, names)
    return delimiter, names


def _check_names(source: str, names: Sequence[str]) -> None:
    if len(names) > MOST_COLUMNS:
        expected = f"at most {MOST_COLUMNS:,} columns, found {len(names):,}"
        raise not_a_table(source, expected, "Remove those that no customer needs.")
    counts = Counter(names)
    if doubled := sorted(name for name, count in counts.items() if name.strip() and count > 1):
        remedy = "Remove the others."
        expected = "one column of that name"
        raise DataError([Problem(n, "doubled_column", expected, remedy) for n in doubled], source)


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: that of a spreadsheet, or UTF-8 with or without a mark.

    Raises
    ------
    DataError
        When it is none of these.
    """
    with path.open("rb") as stream:
        return _encoding(path, stream.read(HEAD_BYTES))


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\x00" in head:
        raise not_a_table(
            path, "a CSV or Parquet table, found binary data", "Export the table as CSV UTF-8."
        )
    wrong = _undecodable(path, "utf-8")
    if wrong is None:
        return "utf-8-sig"
    # What spreadsheets in Western Europe write by default.
    if _undecodable(path, "cp1252") is None:
        return "cp1252"
    raise not_a_table(
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
        raise not_a_table(path, "an existing file", "Check the path.")
    if not path.is_file():
        raise not_a_table(path, "a file, found a folder", "Name the file in it.")
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        expected = f"a file that can be read ({error.strerror})"
        raise not_a_table(path, expected, "Check its permissions and the disk.") from error


def not_a_table(source: Path | str, expected: str, remedy: str) -> DataError:
    """Return the error that a source is no table: what was expected, and what to do."""
    return DataError([Problem(None, "not_a_table", expected, remedy)], str(source))
