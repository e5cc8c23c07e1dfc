"""Recognise levels that have an order: bands of numbers, and the usual ladders of words."""

from __future__ import annotations

import re
from collections.abc import Sequence

LADDERS: tuple[tuple[str, ...], ...] = (
    ("very low", "low", "medium", "high", "very high"),
    ("none", "low", "moderate", "high"),
    ("small", "medium", "large"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("blue", "classic", "silver", "gold", "platinum", "black"),
    ("basic", "standard", "premium"),
    (
        *("uneducated", "primary", "secondary", "high school", "college", "graduate"),
        *("bachelor", "post-graduate", "postgraduate", "master", "doctorate", "phd"),
    ),
)
BAND = re.compile(r"[-–<>+]|\b(less|under|below|more|over|above|to|up)\b", re.IGNORECASE)
BELOW = re.compile(r"<|\b(less|under|below|up to)\b", re.IGNORECASE)
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


def in_order(levels: Sequence[str]) -> list[str] | None:
    """Return levels from least to most, None where they have no order that is known.

    Parameters
    ----------
    levels
        Different texts, in any order.
    """
    return _on_a_ladder(levels) or _as_bands(levels)


def _on_a_ladder(levels: Sequence[str]) -> list[str] | None:
    for ladder in LADDERS:
        place = {word: number for number, word in enumerate(ladder)}
        if len(levels) >= 2 and all(level.strip().casefold() in place for level in levels):
            return sorted(levels, key=lambda level: place[level.strip().casefold()])
    return None


def _as_bands(levels: Sequence[str]) -> list[str] | None:
    """Return bands such as ``Less than $40K``, ``$40K - $60K``, ``$120K +`` in order."""
    if len(levels) < 3 or not all(BAND.search(level) and NUMBER.search(level) for level in levels):
        return None
    keys = {level: _band_key(level) for level in levels}
    if len(set(keys.values())) < len(levels):
        return None
    return sorted(levels, key=keys.__getitem__)


def _band_key(level: str) -> tuple[float, int]:
    first = float(NUMBER.findall(level)[0].replace(",", "."))
    return first, 0 if BELOW.search(level) else 1
