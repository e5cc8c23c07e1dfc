"""Errors with a remedy: what was found, where, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

MOST_EXAMPLES = 3
# Levels are collected for their count, up to here.
MOST_LEVELS = 1_000


class SegmentationError(Exception):
    """Base of every error this package raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One failing check on a table: what was expected, and what to do about it."""

    column: str | None  # None for the whole table
    check: str  # a short code, for example "not_a_number"
    expected: str
    remedy: str
    count: int = 0  # offending rows, 0 for the whole table
    examples: tuple[str, ...] = ()  # at most three values, never identifiers
    # Of unseen levels all of them, in one case, as far as they are counted; of other checks none.
    levels: frozenset[str] = field(default=frozenset(), repr=False)
    rows: tuple[int, ...] = field(default=(), repr=False)  # all of them, counted from 0
    shared: tuple[str, ...] = ()  # of unseen levels those examples that enough rows have

    def __str__(self) -> str:
        """Return the problem as one sentence, examples included."""
        return self._sentence(self.examples)

    def without_values(self) -> str:
        """Return the problem as one sentence that is safe to log: no value of a customer."""
        return self._sentence(())

    def without_amounts(self) -> str:
        """Return the problem as one sentence with unseen levels, but no number of a customer."""
        return self._sentence(self.examples if self.levels else ())

    def without_customers(self) -> str:
        """Return the problem as one sentence, of values only unseen levels of enough rows."""
        return self._sentence(self.shared if self.levels else ())

    def _sentence(self, examples: tuple[str, ...]) -> str:
        where = f"column {self.column}" if self.column else "the table"
        values = ", ".join(map(repr, examples))
        content = f", found {values}" if values else ""
        if self.levels:
            more = ", …" if values and len(self.levels) > len(examples) else ""
            count = len(self.levels)
            number = f"{count:,}" if count < MOST_LEVELS else f"{MOST_LEVELS:,} or more"
            levels = f"{number} unseen level{'' if count == 1 else 's'}"
            content = f", found {levels}" + (f" ({values}{more})" if values else "")
        rows = f" in {self.count:,} row{'s' if self.count != 1 else ''}" if self.count else ""
        return f"{where}: expected {self.expected}{content}{rows}. {self.remedy}"


def merged(problems: Sequence[Problem]) -> Problem:
    """Return problems of one kind, found in pieces of a table, as one, without its rows."""
    examples = tuple(dict.fromkeys(e for p in problems for e in p.examples))[:MOST_EXAMPLES]
    shared = tuple(dict.fromkeys(e for p in problems for e in p.shared))[:MOST_EXAMPLES]
    levels = frozenset(islice({level for p in problems for level in p.levels}, MOST_LEVELS))
    count = sum(p.count for p in problems)
    return replace(
        problems[0], count=count, examples=examples, levels=levels, rows=(), shared=shared
    )


def nearest(name: str, names: Sequence[str], cutoff: float = 0.6) -> str:
    """Return the name most like another one, whatever case and separators; empty for none."""
    plain = {_letters(other): other for other in reversed(names)}
    near = difflib.get_close_matches(_letters(name), plain, n=1, cutoff=cutoff)
    return plain[near[0]] if near else ""


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name


class DataError(SegmentationError):
    """A table cannot be used as it is; every failing check is listed at once."""

    def __init__(self, problems: Sequence[Problem], source: str = "the table") -> None:
        self.problems = tuple(problems)
        self.source = source
        count = len(self.problems)
        head = f"{source} cannot be used, {count} problem{'s' if count != 1 else ''}:"
        super().__init__("\n".join([head, *(f"  - {problem}" for problem in self.problems)]))

    def __reduce__(self) -> tuple[type[DataError], tuple[tuple[Problem, ...], str]]:
        """Travel between processes with the problems, not with the text made of them."""
        return type(self), (self.problems, self.source)


class SpecError(SegmentationError, ValueError):
    """A spec names a choice that does not exist or a value outside its interval."""


class TooLargeError(SegmentationError):
    """A fit was refused beforehand because its time or memory would explode with n."""


class ModelFileError(SegmentationError):
    """A saved model is incomplete, damaged or holds something it must not hold."""
