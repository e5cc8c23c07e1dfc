"""Groups by a rule beside learned segments: where they agree, and what learning adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score

from segmentation.interpretation.formatting import percent
from segmentation.types import FloatArray

MENTIONED = 3
MORE = 0.05  # of a column's variance, to be worth a mention


@dataclass(frozen=True)
class Explained:
    """How much of a column's variance lies between groups, and between segments.

    Of ranks, less what as many groups at random have: epsilon squared of Kruskal and Wallis's test
    (Tomczak and Tomczak 2014, Trends in Sport Sciences 1), 0 to 1. None where it is undefined.
    """

    column: str
    label: str
    by_groups: float | None
    by_segments: float | None

    @property
    def gain(self) -> float:
        """By how much segments explain more."""
        return (self.by_segments or 0.0) - (self.by_groups or 0.0)


@dataclass(frozen=True)
class CrossTable:
    """How many customers are in which group and which segment.

    Attributes
    ----------
    counts
        Customers by group (rows) and number of the segment (columns).
    names
        Of the segments, by number.
    adjusted_mutual_information
        0 for chance, 1 for the same partition (Vinh, Epps and Bailey 2010, J. Machine Learning
        Research 11); None where either has one part only.
    cramers_v
        Cramér's V, 0 for independent, 1 where one determines the other; None as well.
    explained
        Every column, the one of which segments explain most more than groups do first.
    """

    counts: pd.DataFrame
    names: Mapping[int, str]
    adjusted_mutual_information: float | None
    cramers_v: float | None
    explained: tuple[Explained, ...]

    @property
    def shares(self) -> pd.DataFrame:
        """Of every group the share in each segment; a row adds up to 1."""
        return self.counts.div(self.counts.sum(axis=1), axis=0)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What learning adds, in words."""
        if self.adjusted_mutual_information is None or self.cramers_v is None:
            return ("There is nothing to compare: there is one group or one segment only.",)
        agreement = (
            f"Groups and segments share adjusted mutual information "
            f"{self.adjusted_mutual_information:.2f} (0 is chance, 1 the same), Cramér's V "
            f"{self.cramers_v:.2f}."
        )
        more = [column for column in self.explained if column.gain > MORE]
        less = [column for column in reversed(self.explained) if -column.gain > MORE]
        return (
            agreement,
            _sentence("Segments", "groups", [(c, c.by_segments, c.by_groups) for c in more]),
            _sentence("Groups", "segments", [(c, c.by_groups, c.by_segments) for c in less]),
        )


def cross_table(
    groups: pd.Series[str],
    segments: pd.Series[int],
    names: Mapping[int, str],
    features: pd.DataFrame,
    labels: Mapping[str, str],
) -> CrossTable:
    """Cross groups with segments of the same customers.

    Parameters
    ----------
    groups
        The group of every customer; of a categorical the order is that of the rows.
    segments
        The number of every customer's segment, of the same index.
    names
        Names of the segments by number: every one has a column.
    features
        Numbers of the same customers, to see what either tells.
    labels
        Of the features.
    """
    segment = segments.reindex(groups.index)
    counts = pd.crosstab(groups, segment).reindex(columns=list(names), fill_value=0)
    explained = [
        Explained(
            str(name),
            labels.get(str(name), str(name)),
            explained_variance(features[name], groups),
            explained_variance(features[name], segment),
        )
        for name in features.columns
    ]
    trivial = groups.nunique() < 2 or segment.nunique() < 2
    information = None if trivial else float(adjusted_mutual_info_score(groups, segment))
    return CrossTable(
        counts,
        dict(names),
        information,
        None if trivial else _cramers_v(counts.to_numpy(float)),
        tuple(sorted(explained, key=lambda column: (-column.gain, column.column))),
    )


def explained_variance(
    values: pd.Series[float], parts: pd.Series[str] | pd.Series[int]
) -> float | None:
    """Return the share of the variance of ranks between parts, see :class:`Explained`.

    Customers without a value are left out.
    """
    present = values.notna().to_numpy()
    ranks = values[present].rank().to_numpy(float)
    codes, labels = pd.factorize(parts[present].astype(str).to_numpy())
    n, k = len(ranks), len(labels)
    total = float(((ranks - ranks.mean()) ** 2).sum()) if n else 0.0
    if n <= k or total == 0.0:
        return None
    sizes = np.bincount(codes)
    means = np.bincount(codes, ranks) / sizes
    between = float((sizes * (means - ranks.mean()) ** 2).sum())
    return max(1.0 - (1.0 - between / total) * (n - 1) / (n - k), 0.0)


def _cramers_v(counts: FloatArray) -> float:
    """Return Cramér's V of a table; empty rows and columns do not count."""
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    total = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / total
    chi_squared = float(((table - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi_squared / (total * (min(table.shape) - 1))))


def _sentence(
    who: str, others: str, columns: Sequence[tuple[Explained, float | None, float | None]]
) -> str:
    """Return what one tells apart that the other does not."""
    if not columns:
        return f"{who} tell no column apart better than {others} do."
    listed = "; ".join(
        f"{column.label} ({percent(own or 0.0)} of its variance, {others} {percent(other or 0.0)})"
        for column, own, other in columns[:MENTIONED]
    )
    return f"{who} tell more than {others} about {listed}."
