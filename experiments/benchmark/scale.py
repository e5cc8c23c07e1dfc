"""How time and memory of a search and of scoring grow with the number of customers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from sklearn.metrics import adjusted_rand_score

from experiments.benchmark.searching import NAME, Took, run, search
from segmentation.data.synthetic import iter_generate, planted_segments
from segmentation.reports.figures.style import (
    ACCENT,
    CONTRAST,
    GRID,
    QUIET,
    figure_with_axes,
    titles,
)

MOST_SEARCH_EXPONENT, MOST_SCORE_EXPONENT = 0.7, 1.0
MOST_MEGABYTES, MOST_SECONDS = 4_000.0, 900.0
SIZES = (10_000, 20_000, 100_000, 1_000_000, 10_000_000)
# Above this only scoring is measured.
MOST_SEARCHED = 1_000_000
# The largest search finds the planted segments as well as that of so many, within this.
COMPARED, NOISE = 20_000, 0.02


@dataclass(frozen=True)
class ScaleRow:
    """What one number of customers took.

    Parameters
    ----------
    rows
        Customers.
    searched
        A whole search, from the Parquet file to the registered model; None above a million.
    scored
        The score command, from Parquet to Parquet.
    ari
        Adjusted Rand of the scored segments against the planted ones, in [-1, 1]; of the first
        million.
    """

    rows: int
    searched: Took | None
    scored: Took
    ari: float


def scale_rows(sizes: Sequence[int], trials: int) -> Iterator[ScaleRow]:
    """Search and score generated customers, fewest first.

    Tables too large to be searched are scored by the model of the largest search.
    """
    with tempfile.TemporaryDirectory() as name:
        searched = Path(name)
        for rows in sorted(sizes):
            folder = Path(name) / str(rows)
            folder.mkdir()
            table, answers = folder / "customers.parquet", folder / "scored.parquet"
            _write(table, rows)
            took = search(folder, str(table), trials) if rows <= MOST_SEARCHED else None
            if took:
                searched = folder
            flags = ["--data", str(table), "--out", str(answers), "--model-name", NAME]
            scored = run(searched, ["-m", "experiments.score", *flags])
            segment = pd.read_parquet(answers, columns=["segment"])["segment"].to_numpy()
            truth = planted_segments(min(rows, MOST_SEARCHED))
            ari = float(adjusted_rand_score(truth, segment[: len(truth)]))
            yield ScaleRow(rows, took, scored, ari)
            table.unlink()
            answers.unlink()


def _write(path: Path, rows: int) -> None:
    pieces = iter_generate(rows)
    first = pa.Table.from_pandas(next(pieces), preserve_index=False)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for piece in pieces:
            writer.write_table(pa.Table.from_pandas(piece, first.schema, preserve_index=False))


def exponent(rows: Sequence[int], seconds: Sequence[float]) -> float:
    """Return b of seconds ~ rows ** b, fitted to the logarithms by least squares."""
    return float(np.polyfit(np.log(rows), np.log(seconds), 1)[0])


def exponents(rows: Sequence[ScaleRow]) -> tuple[float, float]:
    """Return the time exponents of searching and of scoring."""
    searched = [(row.rows, row.searched.seconds) for row in rows if row.searched]
    scored = [(row.rows, row.scored.seconds) for row in rows]
    return exponent(*zip(*searched, strict=True)), exponent(*zip(*scored, strict=True))


def missed(rows: Sequence[ScaleRow]) -> list[str]:
    """Return a sentence for each target that was not met."""
    search_exponent, score_exponent = exponents(rows)
    searched = {row.rows: row for row in rows if row.searched}
    peak = max(row.searched.megabytes for row in searched.values() if row.searched)
    most = searched[max(searched)]
    seconds = most.searched.seconds if most.searched else 0.0
    compared = searched.get(COMPARED, most)
    checks = {
        f"the search grows with exponent {search_exponent:.2f}, at most "
        f"{MOST_SEARCH_EXPONENT} wanted": search_exponent > MOST_SEARCH_EXPONENT,
        f"scoring grows with exponent {score_exponent:.2f}, at most "
        f"{MOST_SCORE_EXPONENT} wanted": score_exponent > MOST_SCORE_EXPONENT,
        f"a search took {peak:,.0f} MB, at most {MOST_MEGABYTES:,.0f} wanted": peak
        > MOST_MEGABYTES,
        f"the search of {most.rows:,} took {seconds:,.0f} s, at most {MOST_SECONDS:,.0f} "
        "wanted": seconds > MOST_SECONDS,
        f"the search of {most.rows:,} finds the planted segments with {most.ari:.3f}, that of "
        f"{COMPARED:,} with {compared.ari:.3f}": most.ari < compared.ari - NOISE,
    }
    return [sentence for sentence, wrong in checks.items() if wrong]


def scale_table(rows: Sequence[ScaleRow]) -> str:
    """Return the measurements as text."""
    lines = [f"{'customers':>11}{'search s':>10}{'MB':>7}{'score s':>9}{'MB':>7}{'ARI':>7}"]
    for row in rows:
        took = row.searched
        searching = f"{took.seconds:>10.0f}{took.megabytes:>7.0f}" if took else f"{'':>17}"
        lines.append(
            f"{row.rows:>11,}{searching}{row.scored.seconds:>9.1f}{row.scored.megabytes:>7.0f}"
            f"{row.ari:>7.3f}"
        )
    search_exponent, score_exponent = exponents(rows)
    lines.append(f"time exponent: search {search_exponent:.2f}, scoring {score_exponent:.2f}")
    return "\n".join(lines)


def draw_scale(rows: Sequence[ScaleRow]) -> Figure:
    """Draw seconds and peak memory of search and scoring over customers, logarithmic."""
    figure, axes = figure_with_axes(10.0, 4.6, (0.8, 5.6, 0.6, 0.9))
    box = axes.get_position()
    beside = figure.add_axes((box.x0 + 0.5, box.y0, box.width, box.height), sharex=axes)
    beside.spines[["top", "right"]].set_visible(False)
    beside.spines[["left", "bottom"]].set_color(GRID)
    searched = [(row.rows, row.searched) for row in rows if row.searched]
    scored = [(row.rows, row.scored) for row in rows]
    for points, colour, name in ((searched, ACCENT, "search"), (scored, CONTRAST, "score")):
        customers = [count for count, _ in points]
        measured = ([took.seconds for _, took in points], [took.megabytes for _, took in points])
        for panel, values in zip((axes, beside), measured, strict=True):
            panel.plot(customers, values, marker="o", color=colour, linewidth=1.6)
            panel.annotate(name, (customers[-1], values[-1]), (8, 0), textcoords="offset points")
    for panel, label in ((axes, "seconds"), (beside, "megabytes at the peak, all processes")):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.margins(x=0.12)
        panel.tick_params(which="both", colors=QUIET, labelsize=9, length=0)
        panel.set_xlabel("customers", fontsize=9, color=QUIET)
        panel.set_ylabel(label, fontsize=9, color=QUIET)
    search_exponent, score_exponent = exponents(rows)
    titles(
        figure,
        f"Seconds and memory from {rows[0].rows:,} to {rows[-1].rows:,} customers",
        f"Time exponent {search_exponent:.2f} of the search, {score_exponent:.2f} of scoring, "
        "start of the commands included",
    )
    return figure
