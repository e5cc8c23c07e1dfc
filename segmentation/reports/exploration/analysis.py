"""All parts of the analysis, one after the other, each a frozen object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite

from segmentation.evaluation.clusterability import ROWS as STRUCTURE_ROWS
from segmentation.evaluation.clusterability import Structure, structure_of
from segmentation.reports.exploration.bivariate import Associations, associations
from segmentation.reports.exploration.descriptive import (
    Descriptive,
    Distribution,
    LevelCounts,
    describe,
    distributions,
    level_counts,
)
from segmentation.reports.exploration.explored_table import MAP_ROWS, MODEL_ROWS, PAIR_ROWS, Table
from segmentation.reports.exploration.missingness import Missingness, missingness
from segmentation.reports.exploration.multivariate import (
    Components,
    NeighbourMap,
    components,
    neighbour_map,
)
from segmentation.reports.exploration.outcome_associations import (
    DescribedOutcome,
    describe_outcomes,
)
from segmentation.reports.exploration.outliers import Outliers, outliers
from segmentation.reports.exploration.recommendations import Recommendation, recommendations

# Columns to leave out that a sentence names; more are counted.
MOST_SPARE = 2
STEPS = (
    "columns",
    "distributions",
    "pairs",
    "main axes",
    "map",
    "structure",
    "missing values",
    "outliers",
    "recommendations",
)


@dataclass(frozen=True)
class Exploration:
    """What the analysis of a table before clustering yields; see the classes of its fields."""

    table: Table
    descriptive: Descriptive
    distributions: tuple[Distribution, ...]
    levels: tuple[LevelCounts, ...]
    associations: Associations
    components: Components
    map: NeighbourMap | None
    structure: Structure
    missingness: Missingness
    outliers: Outliers
    outcomes: tuple[DescribedOutcome, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()  # most important first

    @property
    def result(self) -> str:
        """What the analysis says, in one sentence."""
        schema, labels = self.table.schema, self.table.labels
        rows, width = len(self.table), len(self.descriptive.columns)
        columns = f"{width} column{'' if width == 1 else 's'}"
        answer = {
            "yes": "there are groups",
            "no": "there are no groups, so do not segment it as it is",
            "unknown": "too few to say whether there are groups",
        }[self.structure.answer]
        spare = dict.fromkeys(
            str(item.switch["excluded"])
            for item in self.recommendations
            if "excluded" in item.switch
        )
        text = f"{rows:,} {schema.customers}, {columns}: {answer}"
        if not spare or self.structure.answer == "no":
            return f"{text}."
        first = [labels.get(name, name) for name in spare]
        if len(first) > MOST_SPARE:
            return f"{text}; leave out {len(first)} columns first."
        count = "1 column" if len(first) == 1 else f"{len(first)} columns"
        return f"{text}; leave out {count} first: {' and '.join(first)}."

    @property
    def sampled(self) -> tuple[str, ...]:
        """Which parts looked at a sample, and of how many rows; empty where none did."""
        rows = len(self.table)
        parts = (
            ("correlations and tests of missingness", PAIR_ROWS),
            ("main axes, imputation and joint outliers", MODEL_ROWS),
            ("map", MAP_ROWS),
            ("structure", STRUCTURE_ROWS),
        )
        return tuple(f"{name}: {most:,} of {rows:,} rows" for name, most in parts if rows > most)

    @property
    def median_skew(self) -> float:
        """The upper median of the columns' absolute skew; NaN where none has one."""
        skews = sorted(abs(c.skew) for c in self.descriptive.columns if isfinite(c.skew))
        return skews[len(skews) // 2] if skews else float("nan")

    @property
    def missing_share(self) -> float:
        """Share of cells without a value, in [0, 1]."""
        missing = sum(column.missing for column in self.descriptive.columns)
        return missing / max(self.table.customers.size, 1)


def explore(table: Table, report_step: Callable[[str], None] = lambda _: None) -> Exploration:
    """Analyse a table before clustering.

    Parameters
    ----------
    table
        To analyse.
    report_step
        Called with the name of each of :data:`STEPS` as it begins.
    """
    steps = iter(STEPS)

    def step() -> None:
        report_step(next(steps))

    step()
    descriptive = describe(table)
    step()
    shapes, levels = distributions(table), level_counts(table)
    step()
    pairs, happened = associations(table), describe_outcomes(table)
    step()
    axes = components(table)
    step()
    mapped = neighbour_map(table, axes)
    step()
    structure = structure_of(table.forming.customers, table.forming.schema, table.seed)
    step()
    missing = missingness(table)
    step()
    far = outliers(table)
    step()
    exploration = Exploration(
        *(table, descriptive, shapes, levels, pairs, axes, mapped, structure),
        *(missing, far, happened),
    )
    return replace(exploration, recommendations=recommendations(exploration))
