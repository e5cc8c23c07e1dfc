"""A small book of card holders with four segments planted far apart, for fast tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.evaluation.result import Evaluation
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import Column, Ratio, TableSchema
from segmentation.types import IntArray

SCHEMA = TableSchema(
    "planted",
    "Planted card holders",
    (
        Column("BALANCE", "Balance", "money"),
        Column("PURCHASES", "Purchases", "money"),
        Column("CASH_ADVANCE", "Cash advances", "money"),
        Column("PAYMENTS", "Payments", "money", nullable=True),
        Column("FREQUENCY", "Purchase frequency", "frequency"),
        Column("TENURE", "Tenure", "months"),
    ),
    identifier="CUST_ID",
    ratios=(Ratio("PAID_SHARE", "Share paid", "PAYMENTS", "BALANCE"),),
)
# Typical balance, purchases, cash advance, payments, frequency of each segment.
TYPICAL = np.array(
    [
        [100, 2500, 0, 2600, 0.95],
        [4000, 600, 0, 500, 0.50],
        [3000, 0, 3500, 900, 0.00],
        [15, 60, 0, 70, 0.10],
    ]
)
SHARES = (0.35, 0.3, 0.2, 0.15)
EVALUATION = Evaluation(
    score=1.9,
    stability=0.95,
    stability_spread=0.01,
    score_error=0.007,
    agreement=0.9,
    separation=0.8,
    n_segments=4,
    smallest_share=0.15,
    largest_share=0.35,
    noise_share=0.0,
    silhouette=0.4,
    calinski_harabasz=float("nan"),
    davies_bouldin=0.9,
    tree_accuracy=0.95,
    rows=1500,
)


def planted(rows: int = 400, seed: int = 0, spread: float = 0.35) -> tuple[pd.DataFrame, IntArray]:
    """Return customers and the segment each was made from, in random order.

    `spread` is the standard deviation of the logarithms: at 0.35 the segments lie far apart,
    at 1.2 they run into one another.
    """
    rng = np.random.default_rng(seed)
    segment = rng.choice(4, rows, p=SHARES).astype(np.int64)
    values = TYPICAL[segment] * rng.lognormal(0, spread, (rows, 5))
    values[:, 4] = np.clip(values[:, 4], 0, 1)
    frame = pd.DataFrame(values, columns=list(SCHEMA.column_names[:5]))
    frame["TENURE"] = rng.uniform(6, 12, rows)
    frame.loc[rng.random(rows) < 0.04, "PAYMENTS"] = np.nan
    frame.index = pd.Index([f"P{i:05d}" for i in range(rows)], name="CUST_ID")
    return frame, segment


def spec(
    clusterer: str = "k_means",
    rule: str = "prototype",
    preprocessing: Preprocessing | None = None,
    **hyperparameters: int | float | str,
) -> SegmenterSpec:
    """Return a spec for the planted book."""
    return SegmenterSpec(
        "planted", preprocessing or Preprocessing(), clusterer, hyperparameters, rule, seed=7
    )


def planted_model(
    clusterer: str = "k_means", rule: str = "prototype", spread: float = 0.35
) -> SegmentationModel:
    """Return a model of 1,500 planted customers."""
    customers, _ = planted(1500, spread=spread)
    segmenter = Segmenter(spec(clusterer, rule, n_clusters=4), SCHEMA).fit(customers)
    return SegmentationModel.build(segmenter, customers, EVALUATION, seed=0)


def typical(number: int, **changes: float) -> pd.DataFrame:
    """Return the planted segment's typical customer, with changes."""
    values = dict(zip(SCHEMA.column_names, [*TYPICAL[number], 9.0], strict=True))
    return pd.DataFrame([{**values, **changes}])
