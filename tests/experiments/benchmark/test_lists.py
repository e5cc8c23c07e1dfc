"""What the lists benchmark measures and prints: every target beside what was measured."""

import re
from pathlib import Path

from experiments.benchmark.lists import (
    COUNT,
    EXPORT_MEGABYTES,
    LOOK_UP,
    SHARES,
    ListFigure,
    list_figures,
    list_table,
    too_long,
)
from serve.processes import free_port
from tests.stores import tracking_store

ROWS = 3_000


def test_a_figure_above_its_target_is_missed() -> None:
    """The target itself is held; a note without a target is neither held nor missed."""
    figures = [
        ListFigure("PostgreSQL", "median of 20 look-ups", 0.31, "s", 0.2),
        ListFigure("Parquet", "median of 20 look-ups", 0.2, "s", 0.2),
        ListFigure("Parquet", "csv: progress said", 8, "times", None),
    ]
    _, _, missed, met, note = list_table(figures).splitlines()
    assert (missed.split()[-1], met.split()[-1]) == ("no", "yes")
    assert note.endswith("8 times")
    (sentence,) = too_long(figures)
    assert sentence == "median of 20 look-ups in PostgreSQL is 0.31 s, at most 0.2 s wanted"


def test_both_places_have_every_figure(tmp_path: Path) -> None:
    """A small table through real pages: the same figures of both, with their targets and units."""
    with tracking_store(tmp_path):
        figures = list(list_figures(ROWS, free_port(15090), tmp_path / "log"))
    own = {
        place: [one for one in figures if one.place == place] for place in ("PostgreSQL", "Parquet")
    }
    assert sum(map(len, own.values())) == len(figures)
    for place, measured in own.items():
        targets = {one.what: one.target for one in measured if one.target is not None}
        exports = [re.match(r"(csv|parquet) of ([\d,]+)", one.what) for one in measured]
        sizes = {match[1]: int(match[2].replace(",", "")) for match in exports if match}
        assert set(sizes) == {"csv", "parquet"}, place
        # What the pages said of an export that ended between two looks is nothing.
        assert all(size == 0 or 0.8 <= size / (SHARES[0] * ROWS) <= 1.2 for size in sizes.values())
        assert list(targets.values()).count(LOOK_UP) == 1
        assert list(targets.values()).count(EXPORT_MEGABYTES) == 2
        assert list(targets.values()).count(COUNT) == (3 if place == "Parquet" else 2)
        assert {one.unit for one in measured} == {"s", "MB", "times"}
        assert all(one.measured > 0 for one in measured if one.unit == "s")
    assert len(list_table(figures).splitlines()) == 2 + len(figures)
