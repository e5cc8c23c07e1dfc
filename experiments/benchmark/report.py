"""Turn per-problem rows into the printed tables: means, medians, paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from segmentation.reports.figures.style import ACCENT, QUIET, figure_with_axes, titles

RESAMPLES = 10_000


@dataclass(frozen=True)
class QualityRow:
    """The result on one labelled problem."""

    dataset: str
    n: int
    d: int
    k_chosen: int
    k_reference: int
    algorithm: str
    ari: float
    ami: float
    ari_best_candidate: float
    ari_kmeans_silhouette: float
    seconds: float


@dataclass(frozen=True)
class Interval:
    """A mean with its 95% percentile bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Interval:
    """Return the mean of `values` and its 95% percentile bootstrap interval."""
    sample = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(0, len(sample), (RESAMPLES, len(sample)))
    low, high = np.percentile(sample[picks].mean(axis=1), [2.5, 97.5])
    return Interval(float(sample.mean()), float(low), float(high))


def render(rows: Sequence[QualityRow]) -> str:
    """Return the tables a person reads: per problem, by folder, overall."""
    table = pd.DataFrame([asdict(row) for row in rows])
    table["folder"] = [name.rpartition("/")[0] or "." for name in table["dataset"]]
    scores = ["ari", "ari_best_candidate", "ari_kmeans_silhouette", "ami"]
    by_folder = table.groupby("folder")[scores].mean()
    by_folder.insert(0, "problems", table.groupby("folder").size())
    overall = table[scores].agg(["mean", "median"])
    gain = bootstrap_mean(list(table["ari"] - table["ari_kmeans_silhouette"]))
    worse = table[table["ari"] < table["ari_kmeans_silhouette"] - 0.02]
    lost = ", ".join(worse["dataset"]) if len(worse) else "none"
    columns = [c for c in table.columns if c != "folder"]
    parts = [
        table[columns].to_string(index=False, float_format="{:.3f}".format),
        by_folder.to_string(float_format="{:.3f}".format),
        overall.to_string(float_format="{:.3f}".format),
        f"paired difference to k-means + silhouette, mean ARI [95% bootstrap]: {gain}",
        f"problems lost to it by more than 0.02: {lost}",
        f"seconds in all: {table['seconds'].sum():.0f}",
    ]
    return "\n\n".join(parts)


def draw_quality(rows: Sequence[QualityRow]) -> Figure:
    """Draw the adjusted Rand index of every problem beside the usual way's, best first."""
    ordered = sorted(rows, key=lambda row: (row.ari, row.ari_kmeans_silhouette))
    height = 1.2 + 0.2 * len(ordered)
    figure, axes = figure_with_axes(8.0, height, (2.0, 0.3, 0.5, 0.8))
    places = range(len(ordered))
    usual = [row.ari_kmeans_silhouette for row in ordered]
    ours = [row.ari for row in ordered]
    axes.hlines(places, usual, ours, color=QUIET, linewidth=1)
    axes.scatter(usual, places, s=22, color=QUIET, label="k-means + silhouette", zorder=3)
    axes.scatter(ours, places, s=30, color=ACCENT, label="this search", zorder=4)
    axes.set_yticks(places, [row.dataset for row in ordered], fontsize=8)
    axes.set_ylim(-0.8, len(ordered) - 0.2)
    axes.set_xlim(-0.08, 1.04)
    axes.set_xlabel("adjusted Rand index with the reference labelling", fontsize=9, color=QUIET)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize=9)
    mean = float(np.mean(ours))
    titles(
        figure,
        f"Mean adjusted Rand index {mean:.2f}, against {np.mean(usual):.2f} the usual way",
        f"{len(ordered)} labelled problems, number of segments unknown",
    )
    return figure
