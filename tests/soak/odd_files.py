"""A hundred files no one would want: tables that are broken, lie, explode or are none."""

import bz2
import csv
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from segmentation.data.synthetic import generate
from segmentation.schema import load_schema
from tests.soak.odd_parquet import PARQUETS, parquet
from tests.soak.odd_workbooks import WORKBOOKS, workbook

MB = 1 << 20
NAMES = list(load_schema("cc_general").column_names)
TABLE = generate(30, seed=4)
TEXT = TABLE.to_csv(index=False)
HEAD, *LINES = TEXT.splitlines()
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "|x",
    " =1",
    "\t=1",
    "\r=1",
    "\n=1",
    "\x00=1",
    "＝1",
    "\ufeff=1",
]
# Writes a file; the factor is 1 for sizes as promised, less for a quick look.
Write = Callable[[Path, float], None]


def text(content: str, encoding: str = "utf-8") -> Write:
    """Return what writes a text as it is."""
    return lambda path, _: path.write_bytes(content.encode(encoding)) and None


def raw(content: bytes) -> Write:
    """Return what writes bytes as they are."""
    return lambda path, _: path.write_bytes(content) and None


def long(megabytes: int, block: Callable[[], bytes], before: str = "", after: str = "") -> Write:
    """Return what repeats a block until a file is so large."""

    def write(path: Path, factor: float) -> None:
        piece = block()
        with path.open("wb") as stream:
            stream.write(before.encode())
            for _ in range(max(1, int(megabytes * MB * factor) // len(piece))):
                stream.write(piece)
            stream.write(after.encode())

    return write


def cells(column: str, *values: object, rows: int = 30) -> Write:
    """Return what writes the table with other values in a column."""
    changed = generate(rows, seed=4).astype(object)
    changed[column] = [values[row % len(values)] for row in range(rows)]
    return text(changed.to_csv(index=False, quoting=csv.QUOTE_MINIMAL))


def mutated(seed: int, whole: Callable[[], bytes]) -> Write:
    """Return what changes, drops and repeats a few bytes of a good file, always the same."""

    def write(path: Path, _: float) -> None:
        chance, content = random.Random(seed), bytearray(whole())
        for _ in range(chance.randint(1, 20)):
            place = chance.randrange(len(content))
            kind = chance.choice(["flip", "drop", "repeat", "cut"])
            if kind == "flip":
                content[place] = chance.randrange(256)
            elif kind == "drop":
                del content[place : place + chance.randint(1, 30)]
            elif kind == "repeat":
                content[place:place] = content[place : place + chance.randint(1, 300)]
            elif len(content) > 400:
                del content[-chance.randint(1, 40) :]
        path.write_bytes(bytes(content))

    return write


def wide(columns: int, rows: int) -> Write:
    """Return what adds so many columns nobody knows."""

    def write(path: Path, factor: float) -> None:
        more = "," + ",".join(f"C{number}" for number in range(columns))
        numbers = ",1" * columns
        with path.open("w", encoding="utf-8") as stream:
            stream.write(f"{HEAD}{more}\n")
            for row in range(max(1, int(rows * factor))):
                stream.write(f"{LINES[row % len(LINES)]}{numbers}\n")

    return write


def bomb(path: Path, factor: float) -> None:
    """Write a gigabyte of zeros, packed with gzip."""
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(max(1, int(1024 * factor))):
            stream.write(bytes(MB))


def zipped(names: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return packed.getvalue()


def nested(depth: int) -> bytes:
    """Return a zip of ten zips of ten zips … of zeros."""
    content = bytes(100_000)
    for _ in range(depth):
        content = zipped({f"{number}.zip": content for number in range(10)})
    return content


LAUGHS = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS: dict[str, Write] = {
    "empty": raw(b""),
    "one byte": raw(b"x"),
    "one newline": text("\n"),
    "blanks": text("  \n \n"),
    "header only": text(HEAD + "\n"),
    "header without end": text(HEAD),
    "no header": text("\n".join(LINES)),
    "blank lines": text(TEXT.replace("\n", "\n\n")),
    "commas at the ends": text(TEXT.replace("\n", ",\n")),
    "semicolons": text(TEXT.replace(",", ";")),
    "tabs": text(TEXT.replace(",", "\t")),
    "pipes": text(TEXT.replace(",", "|")),
    "delimiters mixed": text(HEAD + "\n" + "\n".join(line.replace(",", ";") for line in LINES)),
    "decimal commas": text(TEXT.replace(",", ";").replace(".", ",")),
    "old Mac line ends": text(TEXT.replace("\n", "\r")),
    "Windows": text(TEXT.replace("\n", "\r\n")),
    "stray quote": text(TEXT.replace(LINES[3], LINES[3].replace(",", ',"', 1))),
    "quote never closed": text(f'{HEAD}\n"{LINES[0]}'),
    "quote in the header": text('"' + TEXT),
    "doubled header": text(TEXT.replace("PURCHASES,", "BALANCE,", 1)),
    "all doubled": text("\n".join(f"{line},{line}" for line in [HEAD, *LINES])),
    "small letters": text(TEXT.replace(HEAD, HEAD.lower())),
    "blanks in names": text(TEXT.replace(HEAD, HEAD.replace(",", " , "))),
    "a column missing": text(TABLE.drop(columns="PAYMENTS").to_csv(index=False)),
    "other columns": text("A,B\n1,2\n"),
    "short rows": text(TEXT.replace(LINES[2], "x,1,2")),
    "long rows": text(TEXT.replace(LINES[2], LINES[2] + ",1,2,3")),
    "a row of 100,000 cells": text(TEXT + ",".join("1" * 100_000)),
    "NaN": cells("BALANCE", "NaN", "nan", "NULL", "N/A", ""),
    "infinities": cells("BALANCE", "inf", "-inf", "Infinity"),
    "1e999": cells("BALANCE", "1e999"),
    "huge integers": cells("BALANCE", "9" * 400),
    "hexadecimal": cells("BALANCE", "0x1F", "1_000"),
    "thousands": cells("BALANCE", "1,250.50", "1 250"),
    "booleans": cells("BALANCE", "True"),
    "dates": cells("BALANCE", "2026-11-25"),
    "formula cells": cells("BALANCE", "=1+1", "@SUM(A1)"),
    "formula identifiers": cells("CUST_ID", *FORMULAS),
    "a formula that calls": cells("CUST_ID", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x","y")'),
    "a million characters": cells("BALANCE", "x" * 1_000_000, 1, 2, rows=3),
    "a million digits": cells("BALANCE", "1" * 1_000_000, 1, 2, rows=3),
    "a name of a million": cells("CUST_ID", "x" * 1_000_000, "a", "b", rows=3),
    "a header of a million": text(TEXT.replace(HEAD, HEAD + "," + "x" * 1_000_000)),
    "NUL at the start": raw(b"\0" + TEXT.encode()),
    "NUL after a while": raw(TEXT.encode() * 40 + b"\0\0\n"),
    "UTF-16": text(TEXT, "utf-16"),
    "UTF-16 BE": raw(b"\xfe\xff" + TEXT.encode("utf-16-be")),
    "UTF-16 unmarked": text(TEXT, "utf-16-le"),
    "UTF-16 cut": raw(TEXT.encode("utf-16")[:-1]),
    "UTF-8 marked": text(TEXT, "utf-8-sig"),
    "UTF-32": text(TEXT, "utf-32"),
    "Windows-1252": text(TEXT.replace("CUST_ID", "Kundennr\u00fc"), "cp1252"),
    "no encoding": raw(TEXT.encode() + b"\x81\x8d\n"),
    "Shift-JIS": text("顧客\n" + TEXT, "shift_jis"),
    "UTF-8 cut": raw(TEXT.encode() + "€".encode()[:2]),
    "emoji": cells("CUST_ID", "🦊", "\u202eabc"),
    "escapes": cells("CUST_ID", "\x1b[31mred", "\x07bell", "a\x0bb", "<script>alert(1)</script>"),
    "lone surrogates": raw(TEXT.encode() + b"\xed\xa0\x80,1\n"),
    "JSON": text(json.dumps([{"a": 1}])),
    "JSON object": text('{"a": 1}'),
    "HTML": text("<!doctype html><p>no"),
    "PDF": raw(b"%PDF-1.7\n"),
    "billion laughs": text(LAUGHS + "]><l>&i;</l>"),
    "PNG": raw(b"\x89PNG\r\n\x1a\n" + bytes(500)),
    "a program": raw(b"\x7fELF\x02\x01\x01" + bytes(500)),
    "noise": raw(random.Random(1).randbytes(200_000)),
    "gzip": raw(gzip.compress(TEXT.encode())),
    "bzip2": raw(bz2.compress(TEXT.encode())),
    "a zip of a table": raw(zipped({"a.csv": TEXT.encode()})),
    "zips in zips": raw(nested(3)),
    "a zip that climbs": raw(zipped({"../../../tmp/x.csv": b"x"})),
    "a zip of many": raw(zipped({f"{n}": b"" for n in range(20_000)})),
}
LARGE: dict[str, Write] = {
    "a gigabyte": long(1024, (("\n".join(LINES) + "\n") * 200).encode, HEAD + "\n"),
    "as large as allowed": long(190, (("\n".join(LINES) + "\n") * 20).encode, HEAD + "\n"),
    "every cell bad": long(60, lambda: b"x" + b",bad" * len(NAMES) + b"\n", HEAD + "\n"),
    "one line": long(150, lambda: b"1234567," * 1024),
    "one cell": long(150, lambda: b"x" * 65_536),
    "newlines": long(100, lambda: b"\n" * 65_536),
    "commas": long(100, lambda: b"," * 65_536),
    "zeros": long(150, lambda: bytes(65_536)),
    "zeros in a table": long(100, lambda: bytes(65_536), TEXT),
    "a quoted cell of many lines": long(150, lambda: b"line\n" * 10_000, f'{HEAD}\n"', '"'),
    "quotes": long(100, lambda: b'"' * 65_536, HEAD + "\n"),
    "10,000 columns": wide(10_000, 30),
    "10,000 columns, many rows": wide(10_000, 4_000),
    "3,000 columns, many rows": wide(3_000, 20_000),
    "gzip bomb": bomb,
    "bzip2 bomb": raw(bz2.compress(bytes(50 * MB))),
}
GOOD = {
    "CSV": TEXT.encode,
    "workbook": lambda: workbook(TABLE),
    "Parquet": lambda: parquet(TABLE),
}


def odd_files() -> Iterator[tuple[str, Write]]:
    """Yield every file by its name."""
    for files in (TEXTS, LARGE, WORKBOOKS, PARQUETS):
        yield from files.items()
    for kind, whole in GOOD.items():
        for seed in range(4):
            yield f"{kind}, changed {seed}", partial(mutated(seed, whole))
