"""Whether customers have a tendency to form groups, found by a few plain partitions."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from segmentation.clustering.spec import HyperParameter, Preprocessing, SegmenterSpec
from segmentation.evaluation.clusterability import ROWS, Structure, structure_of, structureless
from segmentation.evaluation.constraints import Constraints
from segmentation.evaluation.evaluator import Evaluator
from segmentation.evaluation.reference_space import ReferenceSpace
from segmentation.preprocessing.cache import canonical_order
from segmentation.preprocessing.columns import customer_matrix
from segmentation.preprocessing.imputation import MedianFill
from segmentation.schema import TableSchema
from segmentation.types import FloatArray

LOOSE = Constraints(2, 12, smallest_share=0.02, largest_share=0.95, noise_share=1.0, stability=0.0)
PROBES: tuple[tuple[str, str, Mapping[str, HyperParameter]], ...] = (
    *(("k_means", "prototype", {"n_clusters": k}) for k in (2, 3, 4, 5, 8)),
    *(("gaussian_full", "gaussian", {"n_clusters": k}) for k in (2, 3, 4)),
    *(("genie", "neighbours", {"n_clusters": k}) for k in (2, 3, 4)),
    ("hdbscan", "neighbours", {"smallest_share": 0.05}),
)
ROWS_A_SEGMENT = 20


def tendency(customers: pd.DataFrame | FloatArray, schema: TableSchema, seed: int = 0) -> Structure:
    """Return what speaks for groups among customers, judged on at most 2,000 of them.

    Parameters
    ----------
    customers
        Validated customers, shape (n, d); NaN for a missing value.
    schema
        Their table.
    seed
        Of everything random. The order of the rows does not matter.
    """
    matrix = customer_matrix(customers, schema.column_names)
    sample = matrix[canonical_order(matrix, seed)[:ROWS]]
    coordinates = ReferenceSpace(schema).fit_transform(sample)
    return structure_of(
        MedianFill().fit_transform(sample),
        coordinates,
        gap=lambda: set_apart(coordinates, schema, seed),
        null_gap=lambda: max(
            set_apart(table, schema, seed) for table in structureless(coordinates, seed)
        ),
        seed=seed,
    )


def set_apart(coordinates: FloatArray, schema: TableSchema, seed: int) -> float:
    """Return the largest min(stability, separation) of a dozen plain partitions, in [0, 1].

    Parameters
    ----------
    coordinates
        Shape (n, d), in the reference space.
    schema
        Names the columns.
    seed
        Of the partitions.
    """
    evaluator = Evaluator(coordinates, schema, constraints=LOOSE, seed=seed)
    best = 0.0
    for clusterer, rule, given in PROBES:
        if len(coordinates) < ROWS_A_SEGMENT * int(given.get("n_clusters", 2)):
            continue
        spec = SegmenterSpec(schema.name, Preprocessing(), clusterer, given, rule, seed)
        evaluated = evaluator.evaluate(spec).evaluation
        best = max(best, min(evaluated.stability, evaluated.separation))
    return best
