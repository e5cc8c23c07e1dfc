"""Numbers and labels as a marketing reader wants them."""

from __future__ import annotations

from math import isnan

from segmentation.schema import Column


def percent(share: float) -> str:
    """Return a share as text, with decimals only where they matter: ``"5 %"``, ``"1.2 %"``."""
    digits = 0 if abs(share) >= 0.0995 or round(float(share) * 100, 1).is_integer() else 1
    if 0 < abs(share) < 0.0005:
        digits = 2
    return f"{share * 100:.{digits}f} %"


def in_words(value: float, column: Column) -> str:
    """Return a value with its unit: ``"$1,850"``, ``"92 %"``, ``"12 months"``, ``"3"``.

    Parameters
    ----------
    value
        In the column's own unit; NaN is ``"unknown"``.
    column
        Says what kind of number it is.
    """
    if isnan(value):
        return "unknown"
    if column.kind in {"frequency", "indicator"}:
        return percent(value)
    if column.categorical:
        return column.levels[min(max(round(value), 0), len(column.levels) - 1)]
    if column.kind == "money":
        sign = "-" if value < 0 else ""
        return f"{sign}{column.unit}{_number(abs(value), 2)}"
    if column.kind == "count":
        return _number(value, 1)
    return f"{_number(value, 2)} {column.unit or 'months' * (column.kind == 'months')}".rstrip()


def _number(value: float, decimals: int) -> str:
    """Return a number with separators; decimals only below 10 and where it is not whole."""
    if abs(value) >= 10 or float(value).is_integer():
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.5 * 10**-decimals:
        return f"{value:.2g}"
    return f"{value:,.{decimals}f}"


def inside_sentence(text: str) -> str:
    """Return a label for the middle of a sentence: small first letter unless an acronym."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def sentence_case(text: str) -> str:
    """Return text with a capital first letter."""
    return text[:1].upper() + text[1:]
