"""The verdict on structure, in numbers and in one sentence for all rooms."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan, nan
from typing import Self

import numpy as np
import pandas as pd

from segmentation.evaluation.clusterability.mixtures import mixture_gains, normal_scores
from segmentation.evaluation.clusterability.modes import two_peaks
from segmentation.evaluation.clusterability.null_tables import Cloud, Columns
from segmentation.preprocessing.cache import canonical_order, one_thread
from segmentation.preprocessing.categorical import blocks_of
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema import TableSchema
from segmentation.types import FloatArray

ROWS, LEAST_ROWS = 2_000, 30
FIRST_TABLES, ALL_TABLES, LOOKS = 7, 19, 3
SIGNIFICANT, OBVIOUS, ORDINARY = 0.01, 1e-6, 2.0
LEVEL = f"{SIGNIFICANT:.0%}"
# Two questions are asked of a table: each p-value counts twice (Bonferroni).
QUESTIONS = 2
EULER = 0.5772156649


@dataclass(frozen=True)
class Structure:
    """What speaks for groups in a table, and the verdict."""

    rows: int  # customers looked at
    # How columns go together: by how many standard deviations a mixture gains more over one
    # Gaussian than in tables without groups. NaN where there are no two columns to go together.
    z: float
    joint_p: float
    null_tables: int  # tables without groups that z compares with
    # Single columns: the label of the one with the clearest two peaks; empty where none has any.
    peaked: str
    peaks_z: float  # standard deviations beyond columns with one peak; NaN where none has two
    peaks_p: float
    # Probability of as much in a table without groups, in [0, 1].
    p: float = field(init=False)
    present: bool = field(init=False)  # never among fewer than 30 customers

    def __post_init__(self) -> None:
        p = min(1.0, QUESTIONS * min(self.joint_p, self.peaks_p))
        object.__setattr__(self, "p", p)
        object.__setattr__(self, "present", p < SIGNIFICANT)

    @property
    def answer(self) -> str:
        """Whether there are groups: ``yes``, ``no`` or ``unknown``."""
        return "unknown" if self.rows < LEAST_ROWS else "yes" if self.present else "no"

    @property
    def evidence(self) -> str:
        """The z and p of the verdict, and what they were compared with."""
        if self.rows < LEAST_ROWS:
            return f"{self.rows} rows, at least {LEAST_ROWS} needed"
        peaks = f"two peaks of {self.peaked}: z {self.peaks_z:.1f}"
        if isnan(self.z):
            return f"{peaks if self.peaked else 'no column has two peaks'}, p {_p(self.p)}"
        joint = f"z {self.z:.1f} against {self.null_tables} tables without groups"
        if self.peaked and self.peaks_p < self.joint_p:
            joint = f"{joint}; {peaks}"
        return f"{joint}, p {_p(self.p)}"

    @property
    def sentence(self) -> str:
        """The verdict in words, with the numbers behind it."""
        if self.rows < LEAST_ROWS:
            return f"Too few rows to say whether there is structure: {self.evidence}."
        null = (
            f"{self.null_tables} tables without groups that have the same values in every column "
            "and the same correlations"
        )
        peaks = (
            f"{self.peaked} has two peaks, {self.peaks_z:.1f} standard deviations beyond columns "
            "with one"
        )
        if self.present and self.peaks_p < self.joint_p:
            return f"There is structure: {peaks} (p {_p(self.p)})."
        if self.present:
            return (
                "There is structure: a mixture of Gaussians gains more over a single one than in "
                f"{null} (z {self.z:.1f}, p {_p(self.p)})."
            )
        reasons = ["no column has two peaks"]
        if self.peaked:
            reasons = [f"{peaks}, which is not beyond chance at a level of {LEVEL}"]
        if not isnan(self.z):
            gains = f"a mixture of Gaussians gains no more than chance allows at a level of {LEVEL}"
            reasons.insert(0, f"{gains} in {null}")
        z = "" if isnan(self.z) else f"z {self.z:.1f}, "
        return (
            f"No structure: these data look like one cloud without groups. As far as "
            f"{self.rows:,} rows tell, {', and '.join(reasons)} ({z}p {_p(self.p)}). Segments "
            "found in them cut a continuum; other cuts would do as well."
        )

    def metrics(self) -> dict[str, float]:
        """Return the numbers by name, NaN where not needed."""
        return {
            "structure_p": self.p,
            "structure_z": self.z,
            "structure_null_tables": self.null_tables,
            "structure_peaks_z": self.peaks_z,
        }


@one_thread()
def structure_of(
    customers: pd.DataFrame | FloatArray, schema: TableSchema, seed: int = 0
) -> Structure:
    """Return whether customers form groups, from at most 2,000 of them.

    Two questions are asked. Do columns go together as groups do? Mixtures of Gaussians are
    fitted to normal scores of the columns, and their gain over a single Gaussian is compared
    with that in tables without groups: a parametric bootstrap of the likelihood ratio
    (McLachlan 1987, Applied Statistics 36) under a copula that has one cloud, and keeps every
    column's values and their correlations. And does a single column have two peaks? There is
    structure where one of the answers is yes at a level of 1%.

    Parameters
    ----------
    customers
        Validated customers, shape (n, d), nominal columns as indicators; NaN for a missing
        value, which counts as any of the column's values.
    schema
        Their table.
    seed
        Of everything random. The order of the rows and units do not matter.
    """
    matrix = customer_matrix(customers, schema.column_names)
    sample = matrix[canonical_order(matrix, seed)[:ROWS]]
    if len(sample) < LEAST_ROWS:
        return Structure(len(sample), nan, 1.0, 0, "", nan, 1.0)
    rng = np.random.default_rng(seed)
    columns, labels = _columns(sample, schema, rng)
    peaks = [(two_peaks(columns.values[:, j], rng), labels[j]) for j in columns.amounts]
    peaks_z, peaked = max(peaks, default=(-np.inf, ""))
    if np.isfinite(peaks_z):
        peaks_p = min(1.0, len(peaks) * _beyond(peaks_z))
    else:
        peaked, peaks_z, peaks_p = "", nan, 1.0
    joint = _Joint.of(columns, rng)
    return Structure(len(sample), joint.z, joint.p, joint.tables, peaked, peaks_z, peaks_p)


@dataclass(frozen=True)
class _Joint:
    """How far the gains of a table exceed those of tables without groups."""

    z: float
    p: float
    tables: int

    @classmethod
    def of(cls, columns: Columns, rng: np.random.Generator) -> Self:
        if columns.values.shape[1] < 2:
            return cls(nan, 1.0, 0)
        ordered = columns.in_order(rng)
        cloud = Cloud.of(ordered, rng)
        # The order of ties and the starting points are luck; the mean has less of it.
        looks = [mixture_gains(normal_scores(ordered.values, rng), rng) for _ in range(LOOKS)]
        gains = np.mean(looks, axis=0)
        nulls: list[FloatArray] = []
        for count in (FIRST_TABLES, ALL_TABLES):
            while len(nulls) < count:
                table = cloud.draw(rng).in_order(rng)
                nulls.append(mixture_gains(normal_scores(table.values, rng), rng))
            result = cls.against(gains, np.array(nulls))
            if result.z < ORDINARY or result.p < OBVIOUS:
                break
        return result

    @classmethod
    def against(cls, gains: FloatArray, nulls: FloatArray) -> Self:
        """Compare the largest standardised gain with those of each null table among the others.

        The largest of several follows a distribution of extreme values (Gumbel).
        """
        largest = [_largest(nulls[i], np.delete(nulls, i, axis=0)) for i in range(len(nulls))]
        z = _largest(gains, nulls)
        standing = float((z - np.mean(largest)) / np.std(largest, ddof=1))
        return cls(z, _beyond(standing), len(nulls))


def _largest(gains: FloatArray, nulls: FloatArray) -> float:
    """Return the largest gain in standard deviations of the same mixture's gains elsewhere.

    Where a mixture was by luck about equally good in all null tables, that is no measure: it
    counts at least half as uncertain as the others are.
    """
    spread = nulls.std(axis=0, ddof=1)
    spread = np.maximum(spread, np.median(spread) / 2) + 1e-9
    return float(((gains - nulls.mean(axis=0)) / spread).max())


def _beyond(z: float) -> float:
    """Return the probability that a Gumbel variable exceeds its mean by z standard deviations."""
    return float(-np.expm1(-np.exp(-(z * np.pi / np.sqrt(6) + EULER))))


def _columns(
    sample: FloatArray, schema: TableSchema, rng: np.random.Generator
) -> tuple[Columns, list[str]]:
    """Return the columns that vary, indicators of one column as one, and their labels."""
    blocks = {block[0]: block for block in blocks_of(schema)}
    inside = {j for block in blocks.values() for j in block}
    columns: list[FloatArray] = []
    nominal: list[int] = []
    labels: list[str] = []
    for j, column in enumerate(schema.columns):
        if j in blocks:
            indicators = sample[:, list(blocks[j])]
            codes = np.where(indicators.max(axis=1) > 0, indicators.argmax(axis=1) + 1.0, 0.0)
            values = np.where(np.isnan(indicators).any(axis=1), np.nan, codes)
        elif j in inside:
            continue
        else:
            values = sample[:, j]
        present = values[~np.isnan(values)]
        distinct = len(np.unique(present))
        if distinct < 2:
            continue
        if j in blocks or distinct == 2:
            nominal.append(len(columns))
        columns.append(np.where(np.isnan(values), rng.choice(present, len(values)), values))
        labels.append(column.label)
    table = np.column_stack(columns) if columns else np.empty((len(sample), 0))
    return Columns(table, tuple(nominal)), labels


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
