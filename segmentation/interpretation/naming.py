"""Short names and one sentence for segments, from what sets them apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from segmentation.interpretation.formatting import inside_sentence, quantity, sentence_case
from segmentation.schema import Column, TableSchema
from segmentation.types import FloatArray

NOTICEABLE = 0.15
MOST_WORDS = 5
ORDINARY = "Average customers"


@dataclass(frozen=True)
class Phrase:
    """A few words about a segment that are true of it, ``"large balances"`` for example."""

    text: str
    group: str  # of the column in the schema: two phrases of a name should not come from one
    strength: float  # in [0, 1], the size of the effect behind it
    distinct: float  # the strength, less half of that of the segment most alike in this respect


def segment_names(effects: FloatArray, schema: TableSchema) -> tuple[str, ...]:
    """Return a short name for each segment, no name twice.

    The first half of a name is what sets the segment most apart from the whole book, the
    second what sets it apart from the other segments too, from another group of columns.

    Parameters
    ----------
    effects
        Shape (k, d), each in [-1, 1]: how much higher a segment is than the other customers.
    schema
        Names the d columns; a column's ``high`` and ``low`` are its phrases.
    """
    names: list[str] = []
    for number in range(len(effects)):
        candidates = _candidates(_phrases(effects, number, schema))
        names.append(next(name for name in candidates if name not in names))
    return tuple(names)


def _phrases(effects: FloatArray, number: int, schema: TableSchema) -> list[Phrase]:
    """Return a segment's phrases, strongest first, none twice, none contradicting another."""
    phrases: dict[str, Phrase] = {}
    others = np.delete(effects, number, axis=0)
    own = effects[number]
    for j in np.argsort(-np.abs(own), kind="stable"):
        if abs(own[j]) < NOTICEABLE:
            break
        column, direction = schema.columns[j], np.sign(own[j])
        rival = max(0.0, float((others[:, j] * direction).max(initial=0.0)))
        text = phrase(column, direction > 0)
        strength = float(abs(own[j]))
        phrases.setdefault(text, Phrase(text, column.group, strength, strength - 0.5 * rival))
    return list(phrases.values())


def phrase(column: Column, high: bool) -> str:
    """Return the words for customers whose values in a column are high, or low."""
    own = column.high if high else column.low
    return own or f"{'high' if high else 'low'} {inside_sentence(column.label)}"


def _candidates(phrases: Sequence[Phrase]) -> Iterator[str]:
    """Yield possible names, the best first, without end."""
    many_groups = len({p.group for p in phrases}) > 1
    for lead in phrases:
        for second in sorted(phrases, key=lambda p: -p.distinct):
            text = f"{lead.text}, {second.text}"
            other_group = second.group != lead.group or not many_groups
            if second is not lead and other_group and len(text.split()) <= MOST_WORDS:
                yield sentence_case(text)
        yield sentence_case(lead.text)
    first = sentence_case(phrases[0].text) if phrases else ORDINARY
    yield first
    yield from (f"{first} {number}" for number in count(2))


def typical_sentence(
    columns: Sequence[Column], medians: Sequence[float], book: Sequence[float]
) -> str:
    """Return one sentence that compares a segment's medians with the whole book's.

    Parameters
    ----------
    columns
        The columns, the one that sets the segment most apart first.
    medians, book
        The segment's and the whole book's median of each.
    """
    comparisons: list[str] = []
    groups: set[str] = set()
    many_groups = len({c.group for c in columns}) > 1
    for column, own, whole in zip(columns, medians, book, strict=True):
        here, there = quantity(own, column), quantity(whole, column)
        if here == there or column.group in groups:
            continue
        if many_groups:
            groups.add(column.group)
        comparisons.append(f"{inside_sentence(column.label)} {here} against {there}")
        if len(comparisons) == 2:
            break
    if not comparisons:
        return "Its medians are those of the whole book."
    comparisons[0] += " in the whole book"
    return f"Median {', '.join(comparisons)}."
