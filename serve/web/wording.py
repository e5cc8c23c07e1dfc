"""Confidence in words, and values as one types them into a field."""

from __future__ import annotations

from segmentation.interpretation.formatting import percent
from segmentation.schema import Column

# Lower ends of calibrated confidence and what to call it.
SURE = ((0.95, "Very sure"), (0.85, "Sure"), (0.70, "Fairly sure"), (0.0, "A close call"))


def sure(confidence: float) -> str:
    """Return confidence in words."""
    return next(words for least, words in SURE if confidence >= least)


def how_sure(confidence: float) -> str:
    """Return confidence in per cent, never 100: no model is that sure."""
    return percent(min(confidence, 0.99))


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
    """Return a text with percent signs beside their numbers, as in ``42%``.

    The sentences of models that were saved before have a space there.
    """
    return text.replace(" %", "%")
