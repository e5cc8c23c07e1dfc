"""Dates as people write them: which spelling a column has, and how long ago its dates are."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from segmentation.schema.drafting.words import folded, vocabulary
from segmentation.schema.levels import texts_of
from segmentation.schema.table_schema import DATE_ORDERS
from segmentation.types import FloatArray

MOSTLY = 0.95
SAMPLE = 500
MOST_JUDGED = 2_000  # different cells by which a column is judged
SEPARATORS = frozenset("-/.,")
FIRST_YEAR, LAST_YEAR = 1850, 2150
SHORT_YEARS = 50  # 50 and above are years before 2000, as in certificates (RFC 5280)
DAYS_A_MONTH, DAYS_A_YEAR = 30.4375, 365.25
EPOCHS = (631_152_000, 3_471_292_800)  # from 1990 to 2080
MANY_DATES = 5
# Days as spreadsheets count them; below the first, from 1920, anything else is likelier, and so it
# is where all days but those of birth are before 1990: others count days from 1960 or 1970.
SERIAL, SERIAL_ZERO = "serial", datetime.date(1899, 12, 30)
FIRST_SERIAL, LAST_SERIAL, RECENT_SERIAL = 7_306, 65_746, 32_874
# Twelve months a language, abbreviated; a longer word begins with one of them.
MONTHS = {
    folded(prefix): number
    for language in (
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "jan feb mär apr mai jun jul aug sep okt nov dez",
        "janv fév mars avr mai juin juil août sept oct nov déc",
        "ene feb mar abr may jun jul ago sep oct nov dic",
        "jan fev mar abr mai jun jul ago set out nov dez",
        "gen feb mar apr mag giu lug ago set ott nov dic",
        "jan feb mrt apr mei jun jul aug sep okt nov dec",
    )
    for number, prefix in enumerate(language.split(), 1)
} | {"mrz": 3, "maerz": 3, "maart": 3}
LONG_MONTHS = vocabulary(
    "january, february, march, april, june, july, august, september, october, november, december,"
    "januar, februar, märz, juni, juli, oktober, dezember, janvier, février, avril, juillet,"
    "septembre, octobre, novembre, décembre, enero, febrero, marzo, abril, mayo, junio, julio,"
    "agosto, septiembre, octubre, noviembre, diciembre, janeiro, fevereiro, março, maio, junho,"
    "julho, setembro, outubro, novembro, dezembro, gennaio, febbraio, aprile, maggio, giugno,"
    "luglio, settembre, ottobre, dicembre, januari, februari, augustus"
)
FILLERS = vocabulary(
    "st, nd, rd, th, of, de, del, le, den, der, the, mon, tue, wed, thu, fri, sat, sun, monday,"
    "tuesday, wednesday, thursday, friday, saturday, sunday, tues, thur, thurs"
)
TIME = re.compile(
    r"(?:t|\s|,)\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?)?"
    r"\s*(?:z|utc|gmt|[+-]\d{2}:?\d{2})?$"
)
TOKEN = re.compile(r"\d+|[a-z]+|\S")
# Names under which whole numbers may be dates.
DATED = vocabulary(
    "date, dates, datum, fecha, dt, timestamp, datetime, time, ts, created, created at, updated at,"
    "joined, since, seit, birth, dob, born, yyyymm, yyyymmdd, period, cohort, yearmonth, signup"
)
BORN = vocabulary("birth, birthdate, birthday, dob, born, geburtsdatum, naissance, nacimiento")
# Under these numbers of five digits are rather seconds, or numbers of periods.
NO_SERIAL = vocabulary("time, timestamp, ts, period, cohort, yyyymm, yyyymmdd, yearmonth")


def order_of(values: pd.Series[Any], words: Iterable[str] = ()) -> str:
    """Return the order of a column's dates, a key of `DATE_ORDERS`; empty where it holds none.

    Whole numbers are dates where all are such as 20170228; as 201702, seconds since 1970 or days
    of a spreadsheet only if the name's `words` say so.
    """
    if is_datetime64_any_dtype(values):
        return "ymd"
    present = values.dropna()
    if not len(present) or is_bool_dtype(values):
        return ""
    if is_numeric_dtype(values):
        return _order_of_numbers(present, set(words))
    texts = texts_of(spread(present, MOST_JUDGED))
    texts = pd.Series(texts[texts != ""].unique())
    sample = texts.iloc[:: max(len(texts) // SAMPLE, 1)]
    if sample.empty or sample.str.fullmatch(r"\d+").all():
        return _order_of_numbers(_whole(texts), set(words))
    orders = [order for order in DATE_ORDERS if order != SERIAL]
    shares = {o: np.mean([d is not None for d in _dates(sample, o)]) for o in orders}
    best = max(shares, key=lambda order: shares[order])
    return best if shares[best] >= MOSTLY else ""


def spread(values: pd.Series[Any], most: int) -> pd.Series[Any]:
    """Return at most about `most` different cells, from all over a column."""
    distinct = values.drop_duplicates()
    return distinct.iloc[:: max(len(distinct) // most, 1)]


def is_ambiguous(values: pd.Series[Any], order: str) -> bool:
    """Return whether day and month could be the other way round in every date."""
    if order not in {"dmy", "mdy"}:
        return False
    other = {"dmy": "mdy", "mdy": "dmy"}[order]
    texts = texts_of(spread(values.dropna(), SAMPLE))
    return all(date is not None for date in _dates(texts, other)) and any(
        one != two for one, two in zip(_dates(texts, order), _dates(texts, other), strict=True)
    )


def dates_of(values: pd.Series[Any], order: str) -> NDArray[np.datetime64]:
    """Return the days of a column's cells, shape (n,); NaT where a cell holds no date."""
    if is_datetime64_any_dtype(values):
        naive = values.dt.tz_convert(None) if values.dt.tz is not None else values
        return naive.to_numpy().astype("datetime64[D]")
    texts = texts_of(values.dropna()).astype("str").str.lower()
    # Without times of day few texts are different.
    texts = texts.str.replace(TIME.pattern, "", regex=True)
    codes, distinct = pd.factorize(texts)
    days = np.array([*_dates(distinct, order), None], "datetime64[D]")
    result = np.full(len(values), np.datetime64("NaT"), "datetime64[D]")
    result[values.notna().to_numpy()] = days[codes]
    return result


def time_since(values: pd.Series[Any], order: str, since: str, unit: str) -> FloatArray:
    """Return the time from a column's dates to a day, shape (n,); numbers stay as they are.

    Parameters
    ----------
    values, order
        Cells that hold dates of this order, or the time itself as a number.
    since
        The later day, year-month-day.
    unit
        ``months`` or ``years``.
    """
    dates = dates_of(values, order)
    days = (np.datetime64(since, "D") - dates).astype(float)
    days[np.isnat(dates)] = np.nan
    times = days / (DAYS_A_MONTH if unit == "months" else DAYS_A_YEAR)
    if is_datetime64_any_dtype(values):
        return times
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isnan(times), numbers, times)


def _order_of_numbers(present: pd.Series[Any], words: set[str]) -> str:
    numbers = np.unique(pd.to_numeric(present, errors="coerce").to_numpy(np.float64))
    if not len(numbers) or not np.isfinite(numbers).all():
        return ""
    named = bool(DATED & words) or any(word.endswith("datum") for word in words)
    low, high = float(numbers[0]), float(numbers[-1])
    recent = high >= RECENT_SERIAL or bool(BORN & words)
    if named and recent and not NO_SERIAL & words and FIRST_SERIAL <= low <= high <= LAST_SERIAL:
        return SERIAL
    if (numbers != np.round(numbers)).any():
        return ""
    for digits, order in ((1e4, "ymd"), (1e10, "ymd"), (1e2, "ym")):
        if low >= FIRST_YEAR * digits and high < (LAST_YEAR + 1) * digits:
            # A few numbers may look like dates by chance; many with a day cannot.
            trusted = named or (order == "ymd" and len(numbers) >= MANY_DATES)
            return order if trusted and _all_dates(numbers, order) else ""
    for second, order in ((1, "seconds"), (1000, "milliseconds")):
        if named and EPOCHS[0] * second <= low and high <= EPOCHS[1] * second:
            return order
    return ""


def _all_dates(numbers: FloatArray, order: str) -> bool:
    texts = [str(int(number)) for number in numbers[:: max(len(numbers) // SAMPLE, 1)]]
    return all(date is not None for date in _dates(texts, order))


def _whole(texts: pd.Series[Any]) -> pd.Series[Any]:
    return texts if texts.str.fullmatch(r"\d+").all() else texts.iloc[:0]


def _dates(texts: Iterable[str], order: str) -> Iterator[datetime.date | None]:
    for text in texts:
        if order == SERIAL:
            yield _from_serial(text)
        elif order in {"seconds", "milliseconds"}:
            yield _from_epoch(text, 1 if order == "seconds" else 1000)
        else:
            parts = _parts(text)
            yield None if parts is None else _in_order(parts, order)


def _from_epoch(text: str, a_second: int) -> datetime.date | None:
    if not re.fullmatch(r"\d{9,13}", text):
        return None
    moment = datetime.datetime.fromtimestamp(int(text) / a_second, datetime.UTC)
    return moment.date()


def _from_serial(text: str) -> datetime.date | None:
    """Return a spreadsheet's day; the part behind the point is the time of day."""
    if not re.fullmatch(r"\d{4,5}(?:\.\d+)?", text):
        return None
    days = int(float(text))
    in_range = FIRST_SERIAL <= days <= LAST_SERIAL
    return SERIAL_ZERO + datetime.timedelta(days) if in_range else None


def _parts(text: str) -> list[tuple[int, int]] | None:
    """Return the numbers of a date with their lengths, a named month with length 0.

    None where a text holds anything else.
    """
    text = TIME.sub("", folded(text))
    if re.fullmatch(r"\d{6}|\d{8}|\d{12}|\d{14}", text):
        return [(int(part), len(part)) for part in (text[:4], text[4:6], text[6:8]) if part]
    parts: list[tuple[int, int]] = []
    for token in TOKEN.findall(text):
        if token.isdecimal():
            parts.append((int(token), len(token)))
        elif token.isalpha():
            if token in MONTHS or token in LONG_MONTHS:
                parts.append((MONTHS.get(token) or _long_month(token), 0))
            elif token not in FILLERS or not (parts or len(token) > 2):
                return None
        elif token not in SEPARATORS:
            return None
    return parts if 2 <= len(parts) <= 3 and TOKEN.match(text) and text[:1].isalnum() else None


def _long_month(word: str) -> int:
    return next(MONTHS[word[:length]] for length in (4, 3) if word[:length] in MONTHS)


def _in_order(parts: list[tuple[int, int]], order: str) -> datetime.date | None:
    named = [place for place, (_, length) in enumerate(parts) if not length]
    if len(named) > 1 or len(order) != len(parts):
        return None
    # A named month says where it stands; otherwise the order does.
    if named and order[named[0]] != "m":
        return None
    values = dict(zip(order, parts, strict=True))
    year, length = values["y"]
    if length == 2 and order != "ymd" and ("d" in values or named):
        year += 1900 if year >= SHORT_YEARS else 2000
    elif length != 4:
        return None
    day, day_length = values.get("d", (1, 1))
    if day_length > 2 or values["m"][1] > 2 or not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    try:
        return datetime.date(year, values["m"][0], day)
    except ValueError:
        return None
