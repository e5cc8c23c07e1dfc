"""Numbers and labels as people read them: the one formatter of every page, report and sentence.

A value reads the same wherever it is printed, in a sentence as in the table beside it. Numbers
from 100 on are whole, smaller ones keep two decimals, those below 1 three. This module imports
the schema only, so that pages can use it without loading the analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, isfinite
from typing import Literal

from segmentation.schema import Column
from segmentation.schema.table_schema import ANSWERS

UNDEFINED = "–"
UNKNOWN = "unknown"
RARE_SHARE = 0.02  # of the known values; levels below it are taken together
RARE = "rare levels"
Statistic = Literal["median", "mean", "mode", "share", "above zero", "missing"]
IN_UNITS = frozenset({"median", "mean", "mode"})  # of the column; the others are shares


def percent(share: float) -> str:
    """Return a share as text: ``"42%"``, below 10% with one decimal: ``"8.3%"``, ``"0.01%"``.

    Only nothing reads 0%, and only all 100%: ``"99.6%"``, ``"99.98%"``.
    """
    if not isfinite(share):
        return UNDEFINED
    size = abs(share)
    if 0 < size < 0.0005:
        text = f"{100 * share:.1g}"
    elif 0.9995 <= size < 1:
        text = f"{copysign(100 - float(f'{100 * (1 - size):.1g}'), share):.12g}"
    elif 0.995 <= size < 1:
        text = f"{100 * share:.1f}"
    else:
        digits = 0 if size >= 0.0995 or round(100 * float(share), 1).is_integer() else 1
        text = f"{100 * share:.{digits}f}"
    return f"{_signed(text)}%"


def whole_percent(share: float) -> str:
    """Return a share in whole per cent for a dense table: ``"42%"``, ``"<1%"``, ``">99%"``."""
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{100 * share:.0f}%"


def flow_cell(count: int, of: int) -> str:
    """Return a cell of a flow between segments: ``28 (2%)``, empty for no customer."""
    return f"{count:,} ({whole_percent(count / of)})" if count else ""


def number(value: float | None) -> str:
    """Return a number without a unit: ``"1,850"``, ``"12.35"``, ``"0.083"``, ``"–"`` if undefined.

    Trailing zeros are left out. Beyond twelve digits, and where three decimals would read 0, the
    number has two significant digits.
    """
    if value is None or not isfinite(value):
        return UNDEFINED
    text = _decimals(value, 3 if abs(value) < 1 else 2)
    return _signed(text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text)


def times(ratio: float) -> str:
    """Return a ratio as text: ``"12"``, ``"1.9"``, ``"1.04"``, ``"0.43"``."""
    return number(round(ratio, 0 if ratio >= 10 else 1 if ratio >= 1.095 else 2) or ratio)


def quantity(value: float | None, column: Column) -> str:
    """Return a value with its unit: ``"$1,850"``, ``"92%"``, ``"12 months"``, ``"3"``.

    A count stands alone, because its label says what is counted. Money has two decimals or none.

    Parameters
    ----------
    value
        In the column's own unit, a level as its code; ``"unknown"`` for None and NaN.
    column
        Says what kind of number it is.
    """
    if value is None or not isfinite(value):
        return UNKNOWN
    if column.kind in {"frequency", "indicator"}:
        return percent(value)
    if column.categorical:
        return column.levels[min(max(round(value), 0), len(column.levels) - 1)]
    if column.kind == "money":
        minus = "−" if value < 0 else ""
        return f"{minus}{column.unit}{_decimals(abs(value), 2)}"
    unit = column.unit or ("months" if column.kind == "months" else "")
    return f"{number(value)} {'' if column.kind == 'count' else unit}".rstrip()


def displayed(value: float, column: Column) -> float:
    """Return the number that :func:`quantity` prints for a value, a level as its code."""
    if not isfinite(value):
        return value
    if column.categorical:
        return float(min(max(round(value), 0), len(column.levels) - 1))
    text = quantity(value, column).replace("−", "-").replace(",", "")
    text = text.replace(column.unit, "") if column.kind == "money" and column.unit else text
    if text.endswith("%"):
        return float(text[:-1]) / 100
    return float(text.split(" ")[0])


def answer(column: Column, level: str) -> bool | None:
    """Return what a level of a yes/no column says; None in a column of another kind.

    An empty level stands for the ones of a column of zeros and ones.
    """
    if not level:
        return True
    pair = tuple(level.casefold() for level in column.levels)
    if pair in ANSWERS or pair[::-1] in ANSWERS:
        yes = pair[1] if pair in ANSWERS else pair[0]
        return level.casefold() == yes
    return None


def counted(column: Column, statistic: Statistic, level: str = "") -> str:
    """Return what a share is the share of: ``"contract Two year"``, ``"no online security"``.

    Parameters
    ----------
    column
        Of the table.
    statistic
        ``"share"`` of a level, ``"above zero"`` or ``"missing"``.
    level
        Of a share; empty for the ones of a column of zeros and ones.
    """
    label = inside_sentence(column.label)
    if statistic == "missing":
        return f"{label} missing"
    if statistic == "above zero":
        return f"{label} above 0"
    if level == RARE:
        return f"rare {label}"
    says = answer(column, level)
    return f"{label} {level}" if says is None else label if says else f"no {label}"


def figure_label(column: Column, statistic: Statistic, level: str = "") -> str:
    """Return what a figure is: ``"Median income"``, ``"Share with contract Two year"``."""
    if statistic in {"median", "mean"}:
        return f"{sentence_case(statistic)} {inside_sentence(column.label)}"
    if statistic == "mode":
        return f"Commonest {inside_sentence(column.label)}"
    return f"Share with {counted(column, statistic, level)}"


def figure(value: float | None, column: Column, statistic: Statistic) -> str:
    """Return a figure with its unit, a share in per cent."""
    if statistic in IN_UNITS:
        return quantity(value, column)
    return UNKNOWN if value is None else percent(value)


def fact_of(
    column: Column, statistic: Statistic, own: float, whole: float
) -> tuple[float, float] | str:
    """Return what tells a figure of a segment and of the table from those of other columns.

    Equal shares of two columns are one fact: they are the same customers'.
    """
    return column.name if statistic in IN_UNITS else (own, whole)


def inside_sentence(text: str) -> str:
    """Return a label for the middle of a sentence: small first letter unless it is as written.

    That are acronyms, short names such as ``Q1``, and labels of which every word is capital.
    """
    words = text.split()
    title = len(words) > 1 and all(w[:1].isupper() and w[1:2].islower() for w in words)
    as_written = title or text[1:2].isupper() or text[1:2].isdigit()
    return text if as_written else text[:1].lower() + text[1:]


def with_noun(count: int, noun: str) -> str:
    """Return a number with its noun, for example ``1 segment`` or ``1,200 customers``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(texts: Sequence[str]) -> str:
    """Return two texts or more as people list them: with commas, and ``and`` before the last."""
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def sentence_case(text: str) -> str:
    """Return text with a capital first letter."""
    return text[:1].upper() + text[1:]


def _decimals(value: float, digits: int) -> str:
    """Return a number with separators, whole from 100 on and where it is whole as rounded."""
    size = abs(value)
    if 0 < size < 0.5 * 10**-digits or size >= 1e12:
        return f"{value:.2g}"
    whole = size >= 99.995 or float(f"{value:.{digits}f}").is_integer()
    return f"{value:,.{0 if whole else digits}f}"


def _signed(text: str) -> str:
    """Return a number with a minus sign, and a zero without one."""
    return "0" if text == "-0" else text.replace("-", "−")
