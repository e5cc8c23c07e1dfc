"""Numbers as people write them: separators of thousands, decimal commas, signs of money, percent.

A column has one decimal mark. ``1.234`` is a thousand in a column with decimal commas and a little
more than one elsewhere: which of them is decided for the column, never for a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from segmentation.types import FloatArray

Decimal = Literal[".", ","]

# Currencies as people put them beside amounts: signs, ISO 4217 codes, common abbreviations.
CURRENCY = (
    r"(?:(?:US|CA|AU|NZ|HK|A|C|R|S)?\$|\p{Sc}"
    r"|(?i:usd|eur|gbp|chf|jpy|cny|inr|sek|nok|dkk|isk|pln|czk|huf|ron|bgn|brl|mxn|ars|clp|cop|pen"
    r"|cad|aud|nzd|zar|rub|uah|try|krw|sgd|hkd|twd|thb|idr|myr|php|vnd|ils|aed|sar|egp|ngn|kes"
    r"|euros?|dollars?|rs\.?|kr\.?|fr\.?|sfr\.?|tl|zł|kč|ft|руб\.?))"
)
# Thousands stand in groups of three, or the Indian way: 12,34,567.
INTEGER = (
    r"(?:[0-9]+|[1-9][0-9]{0,2}(?:(?:X[0-9]{3})+|(?: [0-9]{3})+|(?:'[0-9]{3})+)"
    r"|[1-9][0-9]?(?:X[0-9]{2})+X[0-9]{3})"
)
NUMBER = r"[-+]? ?(?:I(?:D[0-9]*)?|D[0-9]+)(?:[eE][-+]?[0-9]{1,3})?".replace("I", INTEGER)
INFINITE = r" *[-+]?inf(?:inity)? *"
PATTERNS: dict[str, str] = {
    ".": NUMBER.replace("X", ",").replace("D", r"\."),
    ",": NUMBER.replace("X", r"\.").replace("D", ","),
}
SAMPLE = 1_000
BEHIND = (r"^ ?([^-]*[^- ]) ?- ?$", r"-\1")
# What surrounds the digits, from outside to inside, and what becomes of it; for RE2.
DRESS = (
    (r"[\p{Zs}\s]+", " "),
    ("[\u2212\u2012\u2013]", "-"),
    ("[\u2018\u2019\u00b4`]", "'"),
    (rf"^ ?(?:{CURRENCY})? ?\( ?([^()]*[0-9][^()]*)\) ?(?:%|{CURRENCY})? ?$", r"-\1"),
    BEHIND,
    (rf"^ ?([-+]?) ?{CURRENCY} ?", r"\1"),
    (rf" ?(?:%|{CURRENCY}) ?$", ""),
    BEHIND,
    (r"^ | $", ""),
)
# What is beside the digits, and how it is read, with a made-up number.
BESIDE: tuple[tuple[str, str], ...] = (
    (CURRENCY, "read without its currency sign"),
    ("%", "read without its percent sign: '12 %' as 12"),
    (r"\(.*[0-9].*\)", "read with parentheses as a minus: '(12)' as -12"),
    ("[0-9.,] ?[-\u2212]$", "read with the minus behind it: '12-' as -12"),
)


def read_numbers(values: pd.Series[Any], decimal: str = ".") -> FloatArray:
    """Return a column as numbers, shape (n,); NaN where a cell is empty or no number.

    Separators of thousands, spaces, signs of a currency, percent signs (the number stays as it is
    written), accounting parentheses and a trailing minus are understood. Booleans, dates and
    durations are no numbers.

    Parameters
    ----------
    values
        Numbers, texts, or both.
    decimal
        The column's decimal mark, ``.`` or ``,``. It does not matter to what is a number already.
    """
    if is_bool_dtype(values) or is_temporal(values):
        return np.full(len(values), np.nan)
    if is_numeric_dtype(values):
        return values.to_numpy(np.float64, na_value=np.nan)
    cells = values.astype(object).to_numpy()
    written = np.array([isinstance(cell, str) for cell in cells], dtype=bool)
    numbers = np.full(len(cells), np.nan)
    numbers[~written] = [_from_object(cell) for cell in cells[~written]]
    codes, distinct = pd.factorize(cells[written])
    numbers[written] = _from_texts(pd.Series(distinct, dtype="str"), decimal)[codes]
    return numbers


def is_temporal(values: pd.Series[Any]) -> bool:
    """Return whether the type of a column is a date, a time or a duration."""
    return (
        is_datetime64_any_dtype(values) or values.dtype.kind == "m" or "date" in str(values.dtype)
    )


def decimal_of(texts: Iterable[str], unclear: Decimal = ".") -> Decimal | None:
    """Return the decimal mark with which all texts are numbers; None where there is none.

    Texts without a digit are left aside: they may mean a missing value. Where both marks fit, as in
    ``1,234``, a comma separates thousands and a point decimals, unless `unclear` says otherwise.
    """
    distinct = _distinct_with_digits(texts)
    fitting = [mark for mark in (".", ",") if _all_fit(distinct, mark)]
    if not fitting:
        return None
    if len(fitting) == 1:
        return "," if fitting == [","] else "."
    marked = distinct.str.contains("[0-9][.,]|[.,][0-9]").any()
    return unclear if marked else "."


def _distinct_with_digits(texts: Iterable[str]) -> pd.Series[str]:
    listed = texts if isinstance(texts, pd.Series) else list(texts)
    distinct = pd.Series(listed, dtype="str").drop_duplicates()
    return distinct[distinct.str.contains("[0-9]", na=False)]


def _all_fit(distinct: pd.Series[str], decimal: str) -> bool:
    # Most columns that do not fit show it in their first cells.
    parts = (distinct.iloc[:SAMPLE], distinct.iloc[SAMPLE:])
    return bool(len(distinct)) and not any(
        np.isnan(_from_texts(part, decimal)).any() for part in parts
    )


def _from_texts(distinct: pd.Series[str], decimal: str) -> FloatArray:
    if decimal == ".":
        try:
            return _plain(distinct)
        except ValueError:
            pass
    numbers = np.full(len(distinct), np.nan)
    infinite = distinct.str.fullmatch(INFINITE, case=False).to_numpy(bool)
    numbers[infinite] = _plain(distinct[infinite])
    left = np.flatnonzero(~infinite)
    for dressed in (True, False):
        texts = distinct.iloc[left]
        bare = texts if dressed else _undressed(texts)
        fits = bare.str.fullmatch(PATTERNS[decimal]).to_numpy(bool)
        bare = bare[fits]
        if decimal == ",":
            bare = bare.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
        numbers[left[fits]] = _plain(bare.str.replace("[ ',]", "", regex=True))
        left = left[~fits]
    return numbers


def _plain(texts: pd.Series[str]) -> FloatArray:
    try:
        return pd.to_numeric(texts).to_numpy(np.float64, na_value=np.nan)
    except OverflowError:  # a whole number of more than 308 digits
        return np.array([float(text) for text in texts])


def _from_object(value: object) -> float:
    """Return what is no text as a number; NaN where it is none."""
    if isinstance(value, bool | np.bool_ | np.datetime64 | np.timedelta64 | bytes):
        return float("nan")
    try:
        return float(value)  # type: ignore[arg-type]  # what cannot be one says so
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _undressed(texts: pd.Series[str]) -> pd.Series[str]:
    """Return texts of numbers without what surrounds them."""
    for pattern, replacement in DRESS:
        texts = texts.str.replace(pattern, replacement, regex=True)
    return texts


def style_of(texts: Iterable[str], decimal: str) -> str:
    """Return how a column of numbers is written, with made-up examples; empty if plainly."""
    written = _distinct_with_digits(texts).iloc[: 10 * SAMPLE]
    if decimal == ".":
        written = written[pd.to_numeric(written, errors="coerce").isna()]
    bare = _undressed(written)
    groups = (sign for sign in (",' " if decimal == "." else ".' ") if _within(bare, sign))
    group, commas = next(groups, ""), decimal == "," and _within(bare, ",")
    clauses = []
    if group or commas:
        marks = ["decimal commas"] * commas + ["thousands separators"] * bool(group)
        integer, decimals = f"1{group}234" if group else "12", _within(bare, decimal)
        text = f"{integer}{decimal}50" if decimals else integer
        value = ("1234" if group else "12") + (".5" if decimals else "")
        clauses.append(f"read with {' and '.join(marks)}: {text!r} as {value}")
    clauses += [clause for pattern, clause in BESIDE if written.str.contains(pattern).any()]
    return "; ".join(clauses)


def _within(bare: pd.Series[str], mark: str) -> bool:
    """Return whether a mark stands between digits."""
    return bool(bare.str.contains(f"[0-9]{re.escape(mark)}[0-9]").any())
