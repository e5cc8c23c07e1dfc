"""What pages show of segments: figures that set one apart, its spread beside the book's, a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments.registry.client import ModelInfo
from segmentation.interpretation.formatting import quantity
from segmentation.schema import Column

FIGURES = 3
MAP_WIDTH, MAP_HEIGHT, MAP_MARGIN = 640.0, 400.0, 24.0


@dataclass(frozen=True)
class Figure:
    """A column that sets a segment apart: its median there and in the whole book."""

    label: str
    segment: str
    book: str


@dataclass(frozen=True)
class Strip:
    """Where the middle of a segment or of the book lies on a bar, in [0, 100].

    Parameters
    ----------
    low, high
        Ends of the middle nine tenths.
    first, third
        Ends of the middle half.
    median
        The middle.
    """

    low: float
    first: float
    median: float
    third: float
    high: float


@dataclass(frozen=True)
class Row:
    """One column of a segment's portrait.

    Parameters
    ----------
    label
        Of the column.
    segment, book
        Medians with units.
    effect
        In [-100, 100]: how much more often a customer of the segment has the larger value.
    difference
        The same in words.
    own, whole
        Spread in the segment and in the book; None for a category.
    """

    label: str
    segment: str
    book: str
    effect: float
    difference: str
    own: Strip | None
    whole: Strip | None


@dataclass(frozen=True)
class Spot:
    """A point of the map in the picture's units."""

    x: float
    y: float
    segment: int


@dataclass(frozen=True)
class CustomerMap:
    """The customer base as a picture.

    Parameters
    ----------
    points
        Made-up customers.
    prototypes
        The middle of each segment.
    here
        The customer asked about.
    """

    points: tuple[Spot, ...]
    prototypes: tuple[Spot, ...]
    here: Spot | None


def figures(profile: Mapping[str, Any], model: ModelInfo) -> list[Figure]:
    """Return the three figures that set a segment most apart."""
    known = _known(profile, model)[:FIGURES]
    return [
        Figure(
            column.label,
            quantity(entry["median"], column),
            quantity(entry["book_median"], column),
        )
        for column, entry in known
    ]


def portrait(profile: Mapping[str, Any], model: ModelInfo) -> list[Row]:
    """Return every column of a segment, the one that sets it most apart first."""
    return [_row(column, entry, model) for column, entry in _known(profile, model)]


def customer_map(model: ModelInfo, here: tuple[float, float, int] | None = None) -> CustomerMap:
    """Return the map in the picture's units; up is up.

    Parameters
    ----------
    model
        Whose description has the map.
    here
        Coordinates and segment of a customer; one beyond the map is put on its border.
    """
    points = [tuple(p) for p in model.map.get("points", ())]
    prototypes = [tuple(p) for p in model.map.get("prototypes", ())]
    every = [*points, *prototypes]
    if not every:
        return CustomerMap((), (), None)
    left, right = min(p[0] for p in every), max(p[0] for p in every)
    low, high = min(p[1] for p in every), max(p[1] for p in every)

    def spot(x: float, y: float, segment: int) -> Spot:
        across = (min(max(x, left), right) - left) / ((right - left) or 1.0)
        up = (min(max(y, low), high) - low) / ((high - low) or 1.0)
        return Spot(
            round(MAP_MARGIN + across * (MAP_WIDTH - 2 * MAP_MARGIN), 1),
            round(MAP_HEIGHT - MAP_MARGIN - up * (MAP_HEIGHT - 2 * MAP_MARGIN), 1),
            int(segment),
        )

    return CustomerMap(
        tuple(spot(*p) for p in points),
        tuple(spot(*p) for p in prototypes),
        spot(*here) if here else None,
    )


def _known(profile: Mapping[str, Any], model: ModelInfo) -> list[tuple[Column, Mapping[str, Any]]]:
    """Return the entries of columns a person knows, the strongest effect first."""
    names = set(model.schema.column_names)
    found = [entry for entry in profile.get("columns", ()) if entry["column"] in names]
    found.sort(key=lambda entry: -abs(entry["effect"]))
    return [(model.schema.column(entry["column"]), entry) for entry in found]


def _row(column: Column, entry: Mapping[str, Any], model: ModelInfo) -> Row:
    book = model.book.get(column.name, {})
    own = entry.get("quantiles", {})
    effect = 100 * entry["effect"]
    return Row(
        label=column.label,
        segment=quantity(entry["median"], column),
        book=quantity(entry["book_median"], column),
        effect=round(effect, 1),
        difference=_difference(effect),
        own=_strip({**own, "median": entry["median"]}, book),
        whole=_strip(book, book),
    )


def _difference(effect: float) -> str:
    if abs(effect) < 10:
        return "about the same"
    how = "much " if abs(effect) >= 50 else "" if abs(effect) >= 25 else "a little "
    return f"{how}{'higher' if effect > 0 else 'lower'}"


def _strip(values: Mapping[str, Any], book: Mapping[str, Any]) -> Strip | None:
    """Return positions between the book's 5th and 95th percentile; see ``answers``."""
    low, high = book.get("q05"), book.get("q95")
    wanted = [values.get(name) for name in ("q05", "q25", "median", "q75", "q95")]
    if low is None or high is None or high <= low or any(value is None for value in wanted):
        return None

    def at(value: float) -> float:
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return float(round(100 * share**0.5, 1))

    return Strip(*(at(value) for value in wanted if value is not None))
