"""Excel workbooks that explode, refer to elsewhere, lie, or hold what is no table."""

import datetime
import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from segmentation.data.synthetic import generate

MB = 1 << 20
Write = Callable[[Path, float], None]
SMALL = generate(30, seed=4)
SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
OPEN = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
CLOSE = "</sheetData></worksheet>"
TEXT_OPEN = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
LAUGHS = '<!DOCTYPE l [<!ENTITY a "haha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY i SYSTEM "file:///etc/passwd">]>'
REMOTE = '<?xml version="1.0"?><!DOCTYPE l SYSTEM "http://127.0.0.1:9/x.dtd">'


def workbook(table: pd.DataFrame) -> bytes:
    """Return a good workbook."""
    content = io.BytesIO()
    table.to_excel(content, index=False)
    return content.getvalue()


GOOD = workbook(SMALL)


def changed(member: str, parts: Callable[[float], Iterable[str]]) -> Write:
    """Return what writes a good workbook with another member, piece by piece."""

    def write(path: Path, factor: float) -> None:
        with (
            zipfile.ZipFile(io.BytesIO(GOOD)) as good,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bad,
        ):
            for info in good.infolist():
                if info.filename != member:
                    bad.writestr(info.filename, good.read(info))
            with bad.open(member, "w", force_zip64=True) as stream:
                for part in parts(factor):
                    stream.write(part.encode())

    return write


def sheet(*rows: str) -> Write:
    """Return what writes a workbook whose sheet is these rows."""
    return changed(SHEET, lambda _: [OPEN, *rows, CLOSE])


def repeated(member: str, before: str, part: str, after: str, megabytes: int) -> Write:
    """Return what writes a workbook with a member of so many megabytes."""

    def parts(factor: float) -> Iterable[str]:
        yield before
        block = part * (MB // len(part) + 1)
        for _ in range(max(1, int(megabytes * factor))):
            yield block
        yield after

    return changed(member, parts)


def other_cells(name: str, values: list[object]) -> Write:
    """Return what writes a workbook with other values in a column."""
    table = SMALL.astype(object)
    table[name] = [values[row % len(values)] for row in range(len(table))]
    content = workbook(table)
    return lambda path, _: path.write_bytes(content) and None


def without(member: str) -> Write:
    """Return what writes a workbook that lacks a member."""

    def write(path: Path, _: float) -> None:
        with (
            zipfile.ZipFile(io.BytesIO(GOOD)) as good,
            zipfile.ZipFile(path, "w") as bad,
        ):
            for info in good.infolist():
                if info.filename != member:
                    bad.writestr(info.filename, good.read(info))

    return write


def lying(path: Path, factor: float) -> None:
    """Write a workbook whose directory says that the large sheet is small."""
    repeated(SHEET, OPEN, '<row><c t="str"><v>x</v></c></row>', CLOSE, 900)(path, factor)
    content = bytearray(path.read_bytes())
    place = content.rfind(SHEET.encode()) - 46
    content[place + 24 : place + 28] = (1_000).to_bytes(4, "little")
    path.write_bytes(content)


WORKBOOKS: dict[str, Write] = {
    "workbook cut": lambda path, _: path.write_bytes(GOOD[: len(GOOD) // 2]) and None,
    "workbook bomb of a sheet": repeated(
        SHEET, OPEN, '<row><c t="str"><v>x</v></c></row>', CLOSE, 900
    ),
    "workbook of 3 GB": repeated(SHEET, OPEN, "<row></row>", CLOSE, 3_000),
    "workbook bomb of texts": repeated(
        STRINGS, TEXT_OPEN, "<si><t>some text of a cell</t></si>", "</sst>", 900
    ),
    "workbook, one text of 900 MB": repeated(
        STRINGS, f"{TEXT_OPEN}<si><t>", "x" * 1024, "</t></si></sst>", 900
    ),
    "workbook, one cell of 900 MB": repeated(
        SHEET, f'{OPEN}<row><c t="str"><v>', "x" * 1024, f"</v></c></row>{CLOSE}", 900
    ),
    "workbook, one row of a million cells": repeated(
        SHEET, f"{OPEN}<row>", "<c><v>1</v></c>", f"</row>{CLOSE}", 30
    ),
    "workbook that lies about its size": lying,
    "workbook of laughs": sheet(LAUGHS + "]><row><c><v>&i;</v></c></row>"),
    "workbook, laughing sheet": changed(
        SHEET,
        lambda _: [
            f'<?xml version="1.0"?>{LAUGHS}]>{OPEN}<row><c t="str"><v>&i;</v></c></row>{CLOSE}'
        ],
    ),
    "workbook, laughing texts": changed(
        STRINGS, lambda _: [f'<?xml version="1.0"?>{LAUGHS}]>{TEXT_OPEN}<si><t>&i;</t></si></sst>']
    ),
    "workbook that reads a file": changed(
        SHEET, lambda _: [f'{OUTSIDE}{OPEN}<row><c t="str"><v>&i;</v></c></row>{CLOSE}']
    ),
    "workbook, texts from a file": changed(
        STRINGS, lambda _: [f"{OUTSIDE}{TEXT_OPEN}<si><t>&i;</t></si></sst>"]
    ),
    "workbook that calls home": changed(SHEET, lambda _: [f"{REMOTE}{OPEN}{CLOSE}"]),
    "workbook, the last cell": sheet('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    "workbook, the last row": sheet('<row r="1048576"><c r="A1048576"><v>1</v></c></row>'),
    "workbook beyond the last": sheet(
        '<row r="999999999"><c r="ZZZZZ999999999"><v>1</v></c></row>'
    ),
    "workbook, no cells": sheet(),
    "workbook, nothing": changed(SHEET, lambda _: []),
    "workbook, wrong text numbers": sheet('<row><c t="s"><v>999999</v></c></row>'),
    "workbook, no numbers": sheet('<row><c t="s"><v>x</v></c><c t="n"><v>x</v></c></row>'),
    "workbook without a sheet": without(SHEET),
    "workbook without a book": without("xl/workbook.xml"),
    "workbook without styles": without("xl/styles.xml"),
    "workbook of formulas": other_cells("BALANCE", ["=1+1"]),
    "workbook of formula names": other_cells("CUST_ID", ["=1+1", "'=1+1", " =1", "\t=1", "@x"]),
    "workbook of dates": other_cells("BALANCE", [datetime.datetime(2026, 1, 1)]),
    "workbook of booleans": other_cells("BALANCE", [True, False]),
    "workbook of errors": other_cells("BALANCE", ["#DIV/0!", "#REF!"]),
    "workbook of long cells": other_cells("BALANCE", ["x" * 32_000]),
}
