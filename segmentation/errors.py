"""Errors with a remedy: what was found, where, what was expected and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


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
    rows: tuple[int, ...] = field(default=(), repr=False)  # all of them, counted from 0

    def __str__(self) -> str:
        """Return the problem as one sentence, examples included."""
        where = f"column {self.column}" if self.column else "the table"
        examples = f", found {', '.join(repr(e) for e in self.examples)}" if self.examples else ""
        rows = f" in {self.count:,} row{'s' if self.count != 1 else ''}" if self.count else ""
        return f"{where}: expected {self.expected}{examples}{rows}. {self.remedy}"

    def without_values(self) -> str:
        """Return the problem as one sentence that is safe to log: no value of a customer."""
        where = f"column {self.column}" if self.column else "the table"
        return f"{where}: {self.check} in {self.count:,} rows"


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
