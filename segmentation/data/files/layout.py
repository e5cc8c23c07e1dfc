"""Where a table starts and ends in its file: titles, second headers, totals, notes, odd columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from segmentation.schema.drafting.words import folded, vocabulary
from segmentation.schema.levels import MISSING_TEXTS
from segmentation.schema.numbers import read_numbers

HEAD_RECORDS, TAIL_RECORDS = 200, 12
MOST_HEADERS = 3
MOSTLY, FEW = 0.8, 0.2
LEAST_BODY = 2
LONG_NOTE = 3
CODES = re.compile(
    r"(?:[a-z]{1,3}|var|col(?:umn)?|field|feld|spalte|unnamed:?|attr(?:ibute)?)?[ _.-]?\d{1,4}",
    re.IGNORECASE,
)
UNITS = vocabulary(
    "$,€,£,¥,%,usd,eur,gbp,chf,inr,jpy,dollar,dollars,euro,euros,k,k$,k€,thousand,thousands,"
    "million,year,years,yr,yrs,month,months,week,weeks,day,days,hour,hours,hrs,minutes,min,jahre,"
    "monate,tage,stunden,ans,mois,jours,anos,meses,dias,count,counts,number,numbers,units,unit,"
    "stück,anzahl,nombre,int,integer,float,double,decimal,numeric,string,text,varchar,char,bool,"
    "boolean,binary,date,datetime,categorical,ordinal,nominal,continuous,ratio,percent,prozent,kg,"
    "g,km,m,cm,l,ml,kwh,gb,mb,yes/no,y/n,0/1"
)
BRACKETED = re.compile(r"[(\[{].*[)\]}]")
TOTALS = re.compile(
    r"(?:grand |sub ?-?|overall |column )?totals?(?: \(.*\)|:.*)?|sum|sums|sum total|summe|summen"
    r"|gesamt|gesamtsumme|insgesamt|zwischensumme|total g[eé]n[eé]ral|somme|suma(?: total)?"
    r"|totale|totaal|somma|razem|ogółem|celkem|összesen|toplam|итого|всего|average|averages|mean|avg"
    r"|durchschnitt|mittelwert|moyenne|promedio|media|media total",
    re.IGNORECASE,
)
NOTES = re.compile(
    r"(?:source|sources|quelle|quellen|fuente|fonte|note|notes|nota|notas|hinweis|anmerkung|remark"
    r"|remarks|comment|legend|legende|footnote|exported|generated|created|printed|downloaded"
    r"|stand|as of|page|seite|confidential|vertraulich|copyright|\(c\)|©|\*|†|¹)(?:\b|\W|$)",
    re.IGNORECASE,
)
# Texts that pandas reads as missing in a CSV file.
PANDAS_MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
    | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)


class Record(NamedTuple):
    """One row of a file: its number from 0 with blank lines, its line from 1, its cells."""

    number: int
    line: int
    cells: tuple[str, ...]

    @property
    def filled(self) -> int:
        """How many cells hold something."""
        return sum(1 for cell in self.cells if cell.strip())


@dataclass(frozen=True)
class Layout:
    """Which records and columns of a file are the table.

    Attributes
    ----------
    header
        The record of the header; None where there is no record at all.
    names
        Of all columns, as pandas would name them.
    columns
        Positions of the columns that are read.
    skipped
        Numbers of the records that are no customers, and not the header.
    remarks
        What is said of all this, by line.
    """

    header: Record | None
    names: tuple[str, ...] = ()
    columns: tuple[int, ...] = ()
    skipped: frozenset[int] = frozenset()
    remarks: tuple[str, ...] = ()
    body: tuple[Record, ...] = ()


def layout_of(head: Sequence[Record]) -> Layout:
    """Return the layout that the first records of a file show."""
    records = [record for record in head if record.filled]
    if not records:
        return Layout(None)
    start = _titles(records)
    headers = _headers(records[start:])
    header = _best(headers)
    others = [record for record in headers if record is not header]
    rest = records[start + len(headers) :]
    totals = [record for record in rest[:1] if _is_total(record, rest[1:])]
    body = [record for record in rest if record not in totals]
    names, columns, said_of_columns = _columns(header, body)
    remarks = []
    if header.line > 1 and (start or others):
        remarks.append(f"the header is on line {header.line}")
    if start:
        remarks.append(f"{_lines(records[:start])}: above the table, left out")
    if others:
        remarks.append(f"{_lines(others)}: another header, left out")
    if totals:
        remarks.append(f"{_lines(totals)}: a total, left out")
    skipped = [*records[:start], *others, *totals]
    blank = [record.number for record in head if not record.filled]
    return Layout(
        header,
        names,
        columns,
        frozenset([*range(header.number), *blank, *(record.number for record in skipped)]),
        (*remarks, *said_of_columns),
        tuple(body),
    )


def ending_of(tail: Sequence[Record], layout: Layout) -> tuple[list[Record], list[str]]:
    """Return the records at a file's end that are no customers, and what is said of them."""
    after = layout.header.number if layout.header else -1
    own = {record.number for record in tail}
    body = [record for record in layout.body if record.number not in own]
    totals: list[Record] = []
    notes: list[Record] = []
    records = [record for record in tail if record.filled and record.number > after]
    while records and (len(records) > 1 or body):
        last, before = records[-1], [*body, *records[:-1]]
        if _is_total(last, before):
            totals.append(last)
        elif _is_note(last, before):
            notes.append(last)
        else:
            break
        records.pop()
    remarks = [
        f"{_lines(group[::-1])}: {what}, left out"
        for group, what in (
            (totals, "totals" if len(totals) > 1 else "a total"),
            (notes, "notes below the table"),
        )
        if group
    ]
    end = records[-1].number if records else after
    return [record for record in tail if record.number > end], remarks


def _titles(records: Sequence[Record]) -> int:
    """Return how many records stand above the table."""
    usual = _usual_width(records)
    if usual < LEAST_BODY:
        return 0
    for place, record in enumerate(records[:-1]):
        if record.filled > usual / 2 or (usual == LEAST_BODY and not record.cells[0].strip()):
            names = [cell for cell in record.cells if cell.strip()]
            return place if not _numbers(names).any() else 0
    return 0


def _usual_width(records: Sequence[Record]) -> int:
    return int(np.percentile([record.filled for record in records], 75))


def _headers(records: Sequence[Record]) -> list[Record]:
    """Return the records that name columns: the first one, and others below that are alike."""
    headers = [records[0]]
    for record in records[1:MOST_HEADERS]:
        body = records[len(headers) + 1 :]
        if len(body) < LEAST_BODY or not _names_columns(record, body):
            break
        headers.append(record)
    return headers


def _names_columns(record: Record, body: Sequence[Record]) -> bool:
    """Return whether a record holds texts where the columns below hold numbers or dates."""
    texts = 0
    for place, cell in enumerate(record.cells):
        below = _column(body, place)
        if not cell.strip() or not below:
            continue
        if cell.strip().casefold() in MISSING_TEXTS:
            return False
        if _measured(below):
            if cell.strip()[0].isdigit() or _numbers([cell]).any():
                return False
            texts += 1
        elif cell.strip() in below:
            return False
    return texts >= LEAST_BODY


def _best(headers: Sequence[Record]) -> Record:
    """Return the record whose cells are the names of the columns."""
    named = [record for record in headers if not _are_codes(record) and not _are_units(record)]
    return max(named or headers, key=lambda r: len({cell.strip() for cell in r.cells} - {""}))


def _are_codes(record: Record) -> bool:
    cells = [cell.strip() for cell in record.cells if cell.strip()]
    return sum(bool(CODES.fullmatch(cell)) for cell in cells) >= MOSTLY * len(cells)


def _are_units(record: Record) -> bool:
    cells = [cell.strip() for cell in record.cells if cell.strip()]
    units = [c for c in cells if folded(c) in UNITS or BRACKETED.fullmatch(c)]
    return len(units) > len(cells) / 2


def _columns(
    header: Record, body: Sequence[Record]
) -> tuple[tuple[str, ...], tuple[int, ...], list[str]]:
    """Return the names of all columns, the places of those that are read, and remarks."""
    cells, remarks = list(header.cells), []
    extra = len(body[0].cells) - len(cells) if body else 0
    if extra > 0 and all(len(record.cells) == len(body[0].cells) for record in body):
        if extra == 1 and _column(body, len(cells)):
            cells = ["", *cells]  # as R writes the names of rows
            remarks = ["the header has a name less than the rows have cells: the first has none"]
        else:
            cells += [""] * extra
    names = [cell if cell.strip() else f"Unnamed: {place}" for place, cell in enumerate(cells)]
    reasons: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        if not cell.strip() and (reason := _aside(place, body)):
            reasons.setdefault(reason, []).append(place)
    left_out = {place for places in reasons.values() for place in places}
    columns = tuple(place for place in range(len(cells)) if place not in left_out)
    remarks += [
        f"{_counted('column', [place + 1 for place in places])} without a name: {reason}, left out"
        for reason, places in reasons.items()
    ]
    return tuple(names), columns, remarks


def _aside(place: int, body: Sequence[Record]) -> str:
    """Return why a column without a name is left out; empty where it may be one."""
    texts = _column(body, place)
    if not texts:
        return "no values"
    if len(texts) <= FEW * len(body):
        return "a few notes"
    numbers = _numbers(texts)
    if numbers.all() and len(texts) == len(body) >= LEAST_BODY:
        values = read_numbers(pd.Series(texts, dtype="str"))
        if (np.diff(values) == 1).all() and values[0] in {0, 1}:
            return "row numbers"
    return ""


def _is_total(record: Record, body: Sequence[Record]) -> bool:
    """Return whether a record sums up the others: it begins with a word for that."""
    place, cell = _first(record)
    word = cell.rstrip(": ")
    below = _column(body, place)
    return bool(TOTALS.fullmatch(word)) and record.filled > 1 and cell not in below


def _is_note(record: Record, body: Sequence[Record]) -> bool:
    """Return whether a record is a remark: little in it, and that unlike what stands above."""
    usual = _usual_width(body)
    if usual < LEAST_BODY or record.filled > max(usual / 2, 1):
        return False
    place, cell = _first(record)
    above = _column(body, place)
    if _numbers([cell]).any() or cell in above:
        return False
    if TOTALS.fullmatch(cell.rstrip(": ")) or NOTES.match(cell):
        return True
    words = len(cell.split())
    most = np.percentile([len(text.split()) for text in above] or [0], 90)
    return words >= LONG_NOTE and words > 2 * most


def _first(record: Record) -> tuple[int, str]:
    """Return the place of the first cell that holds something, and that cell."""
    return next((place, c.strip()) for place, c in enumerate(record.cells) if c.strip())


def _column(body: Iterable[Record], place: int) -> list[str]:
    """Return what the cells of a column hold."""
    return [r.cells[place].strip() for r in body if len(r.cells) > place and r.cells[place].strip()]


def _numbers(texts: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for each text whether it is a number, with either decimal mark."""
    series = pd.Series(list(texts), dtype="str")
    return ~np.isnan(read_numbers(series)) | ~np.isnan(read_numbers(series, ","))


def _measured(texts: Sequence[str]) -> bool:
    """Return whether most texts are numbers or begin like dates."""
    present = [text for text in texts if text.casefold() not in MISSING_TEXTS]
    if not present:
        return False
    dates = np.array([text[0].isdigit() for text in present])
    return bool(np.mean(_numbers(present) | dates) >= MOSTLY)


def _lines(records: Sequence[Record]) -> str:
    return _counted("line", [record.line for record in records])


def _counted(noun: str, numbers: Sequence[int]) -> str:
    """Return numbers in words: ``line 3``, ``lines 3 to 5``, ``lines 3, 5 and 9``."""
    if len(numbers) == 1:
        return f"{noun} {numbers[0]}"
    if list(numbers) == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > LEAST_BODY:
        return f"{noun}s {numbers[0]} to {numbers[-1]}"
    return f"{noun}s {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
