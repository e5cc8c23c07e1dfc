"""What a table of the tests is: how it is made and written, and what is right to say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Values = np.ndarray[Any, Any]
Write = Callable[[pd.DataFrame, Path], None]
Read = Callable[[Path], pd.DataFrame]


class Planted:
    """Columns of customers whose groups are planted: a value for each group, or one for all."""

    def __init__(self, rows: int, shares: Sequence[float], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows = rows
        self.group = self.rng.choice(len(shares), rows, p=np.array(shares) / sum(shares))

    def of(self, typical: Sequence[float] | float) -> Values:
        """Return each customer's own of the groups' values."""
        values = np.asarray(typical, dtype=float)
        return np.full(self.rows, values) if values.ndim == 0 else values[self.group]

    def money(
        self, typical: Sequence[float] | float, spread: float = 0.25, digits: int = 2
    ) -> Values:
        """Return amounts, log-normal around the groups' medians."""
        drawn = self.of(typical) * self.rng.lognormal(0, spread, self.rows)
        return np.round(drawn, digits) if digits else np.round(drawn).astype(int)

    def whole(self, typical: Sequence[float] | float, spread: float, low: int, high: int) -> Values:
        """Return whole numbers from `low` to `high`, normal around the groups' means."""
        drawn = np.round(self.rng.normal(self.of(typical), spread))
        return np.clip(drawn, low, high).astype(int)

    def counts(self, typical: Sequence[float] | float) -> Values:
        """Return counts, Poisson around the groups' means."""
        return self.rng.poisson(self.of(typical))

    def flags(self, chance: Sequence[float] | float) -> Values:
        """Return ones and zeros."""
        return (self.rng.random(self.rows) < self.of(chance)).astype(int)

    def words(self, levels: Sequence[Any], *weights: Sequence[float]) -> Values:
        """Return levels; one list of weights for each group, or one for all, or none."""
        result = np.empty(self.rows, dtype=object)
        weights = weights or ((1.0,) * len(levels),)
        for number in range(int(self.group.max()) + 1):
            own = np.array(weights[number if len(weights) > 1 else 0], dtype=float)
            rows = np.flatnonzero(self.group == number)
            chosen = self.rng.choice(len(levels), len(rows), p=own / own.sum())
            result[rows] = [levels[place] for place in chosen]
        return result

    def yes(self, chance: Sequence[float] | float, yes: str = "Yes", no: str = "No") -> Values:
        """Return two words."""
        return np.where(self.flags(chance) == 1, yes, no)

    def holes(self, values: Values, share: float) -> Values:
        """Return values with some of them missing."""
        result = values.astype(object)
        result[self.rng.random(self.rows) < share] = None
        return result

    def days(self, first: str, last: str) -> pd.DatetimeIndex:
        """Return days between two."""
        begin, end = pd.Timestamp(first), pd.Timestamp(last)
        offsets = self.rng.integers(0, (end - begin).days, self.rows)
        return pd.DatetimeIndex(begin + pd.to_timedelta(offsets, unit="D"))


def write_csv(**options: Any) -> Write:
    """Return what writes a plain CSV file."""
    return lambda frame, path: frame.to_csv(path, **{"index": False, **options})


def read_csv(**options: Any) -> Read:
    """Return what reads a file with everything said by hand."""
    return lambda path: pd.read_csv(path, **options)


@dataclass(frozen=True)
class Shape:
    """One table: how it is made, and what is right of it.

    ``kinds`` names every feature with its kind, several with ``|`` where more than one is right.
    """

    name: str
    file: str
    make: Callable[[], tuple[pd.DataFrame, Values]]  # the table, and the planted groups
    kinds: Mapping[str, str]
    write: Write = field(default_factory=write_csv)
    read: Read = field(default_factory=read_csv)
    identifier: tuple[str | None, ...] = (None,)  # any of these is right
    sensitive: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()  # neither features nor outcomes; one may be the identifier
    either: tuple[str, ...] = ()  # feature or outcome, sensitive or not: both are defensible
    coded: tuple[str, ...] = ()  # whole-number codes: a category, or a note that asks
    order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # least to most
    missing: tuple[str, ...] = ()  # texts that mean a missing value
    remarks: tuple[str, ...] = ()  # patterns, each in one line of what the draft prints
    labels: Mapping[str, str] = field(default_factory=dict)
    structure: bool | None = True  # None: not planted either way
    refused: tuple[str, ...] = ()  # patterns of the message with which a search ends

    def written(self, folder: Path) -> Path:
        """Write the table into a folder; return its file."""
        path = folder / self.file
        self.write(self.make()[0], path)
        return path


def kinds(**columns: str) -> dict[str, str]:
    """Return columns by name: ``money="Balance Income"`` says that both are money."""
    return {name: kind for kind, names in columns.items() for name in names.split()}
