"""What a hyperparameter may be, as plain data any search can read."""

from __future__ import annotations

from dataclasses import dataclass

from segmentation.clustering.spec import HyperParameter


@dataclass(frozen=True)
class IntRange:
    """A whole number in the closed interval [low, high], on a log scale if `log`."""

    low: int
    high: int
    log: bool = False

    def problem(self, value: HyperParameter) -> str | None:
        """Return what is wrong with `value`, if anything; the search interval is no limit."""
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            return f"expected a whole number of at least 1, usually {self.low} to {self.high}"
        return None


@dataclass(frozen=True)
class FloatRange:
    """A number in the closed interval [low, high], on a log scale if `log`."""

    low: float
    high: float
    log: bool = False

    def problem(self, value: HyperParameter) -> str | None:
        """Return what is wrong with `value`, if anything; the search interval is no limit."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < float(value) < float("inf"):
            return f"expected a number above 0, usually {self.low:g} to {self.high:g}"
        return None


@dataclass(frozen=True)
class Categorical:
    """One of a few choices."""

    choices: tuple[str, ...]

    def problem(self, value: HyperParameter) -> str | None:
        """Return what is wrong with `value`, if anything."""
        return None if value in self.choices else f"expected one of {', '.join(self.choices)}"


Range = IntRange | FloatRange | Categorical
N_CLUSTERS = IntRange(2, 12)
