"""The benchmarks of growth say what they measured, and which target was missed."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest

from experiments.benchmark.ranks import Ranks, ranks_of, too_low
from experiments.benchmark.scale import ScaleRow, draw_scale, exponents, missed, scale_table
from experiments.benchmark.searching import SearchRow, Took, search_table, short_of

SIZES = (10_000, 20_000, 100_000, 1_000_000, 10_000_000)
OURS = SearchRow("ours", 60, 12.0, 40.0, 0.8, 1.8)
COSTS = {"fit": 10.0, "judge": 80.0, "draw": 6.0, "log": 4.0}
PLAIN = SearchRow("plain loop", 60, 120.0, 130.0, 0.6, 0.9)


def grown(search: float = 0.4, score: float = 0.9) -> list[ScaleRow]:
    """Return rows that grow with given exponents; ten million are scored only."""
    return [
        ScaleRow(
            rows,
            Took(20 * (rows / 1e4) ** search, 1_500.0) if rows <= 1_000_000 else None,
            Took(5 * (rows / 1e4) ** score, 500.0),
            0.75,
        )
        for rows in SIZES
    ]


def test_exponents_are_those_of_the_growth() -> None:
    """Of exact powers they are found exactly; the table has every row and the picture is a PNG."""
    rows = grown()
    assert exponents(rows) == pytest.approx((0.4, 0.9))
    assert missed(rows) == []
    assert "search 0.40, scoring 0.90" in scale_table(rows)
    file = BytesIO()
    draw_scale(rows).savefig(file)
    assert file.getvalue().startswith(b"\x89PNG")


def heavy(row: ScaleRow) -> ScaleRow:
    return replace(row, searched=row.searched and replace(row.searched, megabytes=4_001.0))


def slow(row: ScaleRow) -> ScaleRow:
    return replace(row, searched=row.searched and replace(row.searched, seconds=901.0))


def worse_when_large(row: ScaleRow) -> ScaleRow:
    return replace(row, ari=0.7) if row.rows >= 1_000_000 else row


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (grown(search=0.71), "the search grows with exponent 0.71"),
        (grown(score=1.01), "scoring grows with exponent 1.01"),
        ([heavy(row) for row in grown()], "a search took 4,001 MB"),
        ([slow(row) for row in grown()], "the search of 1,000,000 took 901 s"),
        ([worse_when_large(row) for row in grown()], "with 0.700, that of 20,000 with 0.750"),
    ],
    ids=["search", "score", "memory", "time", "segments"],
)
def test_each_missed_target_of_growth_is_said(rows: list[ScaleRow], words: str) -> None:
    """One sentence, with what was found and what was wanted."""
    (sentence,) = missed(rows)
    assert words in sentence


@pytest.mark.parametrize(
    ("change", "logging", "words"),
    [
        (lambda row: replace(row, trying=16.0), 4.0, "7.5 times the trials a minute"),
        (lambda row: replace(row, seconds=52.0), 4.0, "the whole command 2.5 times as fast"),
        (lambda row: replace(row, score=0.89), 4.0, "a score of 0.890"),
        (lambda row: row, 11.1, "drawing and logging take 16.0%"),
    ],
)
def test_each_missed_target_of_the_search_is_said(
    change: Callable[[SearchRow], SearchRow], logging: float, words: str
) -> None:
    """And none where all are met."""
    assert short_of(OURS, PLAIN, COSTS) == []
    (sentence,) = short_of(change(OURS), PLAIN, {**COSTS, "log": logging})
    assert words in sentence
    table = search_table(OURS, PLAIN, COSTS)
    assert "10.0 times as many" in table
    assert "log 4.0; drawing and logging 10.0%" in table


def test_a_sample_of_everybody_ranks_as_everybody() -> None:
    """Where both are the same customers nothing is lost; a lower correlation is said."""
    ranks = ranks_of("embedded:900", "cc_general", jobs=1)
    assert ranks.lost == 0
    by_name = {row.name: row for row in ranks.rows}
    assert by_name["separation"].correlation == pytest.approx(1.0)
    assert too_low(ranks) == []
    low = replace(by_name["silhouette"], correlation=0.5)
    (sentence,) = too_low(Ranks((low,), 2_000, 40, 0.0))
    assert "silhouette on 2,000 customers ranks with 0.500" in sentence
