"""Headings for a drafted schema: columns that share words, then columns of one kind.

The headings are those of the form, and the two halves of a segment's name come from two of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from segmentation.schema.table_schema import Column

# Below that a form needs no headings.
FEWEST = 7
SMALLEST = 3
LARGEST_SHARE = 0.6
MOST_WORDS = 4
PERSON = "About the person"
OTHER = "Other"
WORD = re.compile(r"[^\W\d_]+")
# Words that say how a thing was measured, not what it is: alone they head no group.
MEASURES = frozenset(
    {"a", "an", "and", "at", "by", "de", "for", "has", "had", "in", "is", "last", "of", "on", "or"}
    | {"over", "per", "the", "to", "with", "was", "no", "not", "ever", "im", "pro", "am"}
    | {"num", "number", "nr", "count", "ct", "cnt", "total", "tot", "sum", "avg", "average"}
    | {"mean", "median", "max", "min", "maximum", "minimum", "pct", "percent", "percentage"}
    | {"rate", "ratio", "share", "frequency", "freq", "amount", "amt", "value", "index", "score"}
    | {"code", "name", "own", "qty", "flag", "type", "status", "level", "group", "class", "var"}
    | {"category", "feature", "column", "customer", "client", "user", "member", "date"}
    | {"year", "years", "quarter", "month", "months", "week", "weeks", "day", "days"}
    | {"anzahl", "summe", "kunde", "monat", "jahr", "tage", "betrag", "cliente", "mes", "mois"}
    | {"nombre", "montant", "valor", "importe"}
)


def grouped(columns: Sequence[Column]) -> tuple[tuple[Column, ...], dict[str, str]]:
    """Return the columns with their groups, and the headings of these in the form's order.

    Sensitive columns come first into a group of their own; then columns whose labels share
    words, the longest run of words first; what is left is put together by kind. Few columns stay
    together.
    """
    if len(columns) < FEWEST:
        return tuple(columns), {"columns": "Columns"}
    heading_of = {column.name: PERSON for column in columns if column.sensitive}
    rest = [column for column in columns if not column.sensitive]
    for heading, members in _families(rest):
        heading_of |= {column.name: heading for column in members}
    heading_of |= _by_kind([column for column in rest if column.name not in heading_of])
    headings = dict.fromkeys(heading_of[column.name] for column in columns)
    if len(headings) < 2:
        return tuple(columns), {"columns": "Columns"}
    key_of = {heading: _key(heading, place) for place, heading in enumerate(headings)}
    placed = tuple(replace(c, group=key_of[heading_of[c.name]]) for c in columns)
    return placed, {key_of[heading]: heading for heading in headings}


def _families(columns: Sequence[Column]) -> Iterator[tuple[str, list[Column]]]:
    """Yield headings and columns that share their words."""
    left = list(columns)
    while family := _largest_family(left, LARGEST_SHARE * len(columns)):
        yield family
        left = [column for column in left if column not in family[1]]


def _largest_family(columns: Sequence[Column], most: float) -> tuple[str, list[Column]] | None:
    """Return the columns that share the longest run of words, of several the most columns."""
    sharing: dict[tuple[str, ...], list[Column]] = {}
    for column in columns:
        for run in _runs(column):
            sharing.setdefault(run, []).append(column)
    enough = {run: own for run, own in sharing.items() if SMALLEST <= len(own) <= most}
    if not enough:
        return None
    best = max(enough, key=lambda run: (len(run), len(enough[run])))
    members = enough[best]
    return _as_written(best, members[0].label), members


def _as_written(run: tuple[str, ...], label: str) -> str:
    """Return a run of words as a label has them, so that TV stays TV."""
    words = WORD.findall(label)
    folded = [word.casefold() for word in words]
    start = next(s for s in range(len(words)) if tuple(folded[s : s + len(run)]) == run)
    heading = " ".join(words[start : start + len(run)])
    return heading[:1].upper() + heading[1:]


def _runs(column: Column) -> set[tuple[str, ...]]:
    """Return the runs of words of a label that can head a group, small letters."""
    words = [word.casefold() for word in WORD.findall(column.label)]
    runs = set()
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + MOST_WORDS) + 1):
            run = words[start:end]
            while run and run[-1] in MEASURES:
                run = run[:-1]
            while run and run[0] in MEASURES:
                run = run[1:]
            # Words, not letters: "Mnt" and "x" would head nothing a person understands.
            if any(len(word) > 2 and re.search("[aeiouyäöüáéíóúàèõã]", word) for word in run):
                runs.add(tuple(run))
    return runs


def _by_kind(columns: Sequence[Column]) -> dict[str, str]:
    """Return a heading for each column by its kind; no kind has one column only beside others."""
    kinds = {column.name: _kind(column) for column in columns}
    numbers = {column.name for column in columns if not (column.categorical or column.binary)}
    for names, joined in ((numbers, "Numbers"), (set(kinds) - numbers, "Categories")):
        own = [kinds[name] for name in names]
        if any(own.count(kind) < 2 for kind in own):
            kinds |= dict.fromkeys(names, joined)
    headings = list(kinds.values())
    return {n: heading if headings.count(heading) > 1 else OTHER for n, heading in kinds.items()}


def _kind(column: Column) -> str:
    if column.binary:
        return "Yes or no"
    if column.categorical:
        return "Categories"
    return {"money": "Amounts", "frequency": "Shares"}.get(column.kind, "Numbers")


def _key(heading: str, place: int) -> str:
    return re.sub(r"\W+", "_", heading.lower()).strip("_") or f"group_{place}"
