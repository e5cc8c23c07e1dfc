"""Numbers as people write them: units, thousands separators, per cent."""

from __future__ import annotations

from math import isnan

from segmentation.schema import Column

# Lower ends of calibrated confidence and what to call it.
SURE = ((0.95, "Very sure"), (0.85, "Sure"), (0.70, "Fairly sure"), (0.0, "A close call"))


def sure(confidence: float) -> str:
    """Return confidence in words."""
    return next(words for least, words in SURE if confidence >= least)


def how_sure(confidence: float) -> str:
    """Return confidence in per cent, never 100: no model is that sure."""
    return percent(min(confidence, 0.99))


def percent(share: float) -> str:
    """Return a share as people write it: ``42 %``."""
    return f"{100 * share:.0f} %"


def quantity(value: float | None, column: Column) -> str:
    """Return a value with its unit as people write it: ``$1,250``, ``42 %``, ``12 months``.

    A count stands alone: its label says what is counted.
    """
    if value is None or isnan(value):
        return "unknown"
    if column.categorical:
        return column.levels[min(max(round(value), 0), len(column.levels) - 1)]
    if column.kind == "frequency":
        return percent(value)
    digits = 0 if abs(value) >= 100 or float(value).is_integer() else 2
    number = f"{abs(value):,.{digits}f}"
    minus = "−" if value < 0 else ""
    if column.kind == "money":
        return f"{minus}{column.unit}{number}"
    unit = "" if column.kind == "count" else column.unit
    return f"{minus}{number} {unit}".rstrip()


def usual(column: Column) -> str:
    """Return a column's plausible range as one would type it: ``0 to 50,000``."""
    low, high = column.plausible or (float("-inf"), float("inf"))
    return f"{low:,.10g} to {high:,.10g}"


def plain(value: float | str | None) -> str:
    """Return a value as one would type it into a field, empty for unknown."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def unbroken(text: str) -> str:
    """Return a text whose per cent signs stay beside their numbers at the end of a line."""
    return text.replace(" %", "\u00a0%")
