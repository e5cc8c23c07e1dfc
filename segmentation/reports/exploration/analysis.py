"""All parts of the analysis, one after the other, each a frozen object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from segmentation.evaluation.tendency import tendency as groups_among
from segmentation.reports.exploration.bivariate import Associations, associations
from segmentation.reports.exploration.descriptive import Descriptive, describe
from segmentation.reports.exploration.evidence import Evidence, Recommendation
from segmentation.reports.exploration.explored_table import MAP_ROWS, MODEL_ROWS, PAIR_ROWS, Table
from segmentation.reports.exploration.missingness import Nulls, nulls
from segmentation.reports.exploration.multivariate import (
    Components,
    NeighbourMap,
    components,
    neighbour_map,
)
from segmentation.reports.exploration.null_tests import ROWS as TENDENCY_ROWS
from segmentation.reports.exploration.null_tests import Tendency, tendency
from segmentation.reports.exploration.outliers import Outliers, outliers
from segmentation.reports.exploration.recommendations import recommendations
from segmentation.reports.exploration.univariate import (
    Distribution,
    LevelCounts,
    distributions,
    level_counts,
)

STEPS = (
    "columns",
    "distributions",
    "pairs",
    "main axes",
    "map",
    "cluster tendency",
    "missing values",
    "outliers",
    "recommendations",
)


@dataclass(frozen=True)
class Exploration:
    """What is known of a table before it is clustered.

    Parameters
    ----------
    table
        What was looked at.
    descriptive, distributions, levels, associations, components, map, tendency, nulls, outliers
        See their classes.
    recommendations
        What to do, most important first.
    """

    table: Table
    descriptive: Descriptive
    distributions: tuple[Distribution, ...]
    levels: tuple[LevelCounts, ...]
    associations: Associations
    components: Components
    map: NeighbourMap | None
    tendency: Tendency
    nulls: Nulls
    outliers: Outliers
    recommendations: tuple[Recommendation, ...]

    @property
    def sampled(self) -> tuple[str, ...]:
        """Which parts looked at a sample, and of how many rows; empty where none did."""
        rows = len(self.table)
        parts = (
            ("correlations and tests of missingness", PAIR_ROWS),
            ("main axes, fillings and joint outliers", MODEL_ROWS),
            ("map", MAP_ROWS),
            ("cluster tendency", TENDENCY_ROWS),
        )
        return tuple(f"{name}: {most:,} of {rows:,} rows" for name, most in parts if rows > most)


def explore(table: Table, tell: Callable[[str], None] = lambda _: None) -> Exploration:
    """Look at a table in every way.

    Parameters
    ----------
    table
        To look at.
    tell
        Told the name of each of :data:`STEPS` as it begins.
    """
    steps = iter(STEPS)

    def now() -> None:
        tell(next(steps))

    now()
    descriptive = describe(table)
    now()
    shapes, levels = distributions(table), level_counts(table)
    now()
    pairs = associations(table)
    now()
    axes = components(table)
    now()
    mapped = neighbour_map(table, axes)
    now()
    tested = tendency(
        table.space.matrix,
        table.seed,
        lambda: groups_among(table.formed.customers, table.formed.schema, table.seed),
    )
    now()
    missing = nulls(table)
    now()
    far = outliers(table)
    now()
    evidence = Evidence(table, descriptive, pairs, axes, tested, missing, far)
    return Exploration(
        *(table, descriptive, shapes, levels, pairs, axes, mapped, tested, missing, far),
        recommendations(evidence),
    )
