"""What a model tells about itself: schema, spec, profiles, book and evaluation, as JSON data."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from segmentation.clustering.segmenter import Segmenter
from segmentation.evaluation.result import Evaluation
from segmentation.interpretation.category_profiles import commonest_levels, with_categories
from segmentation.interpretation.profiles import book_summary, profile_segments
from segmentation.schema import TableSchema
from segmentation.types import IntArray


def described(
    segmenter: Segmenter,
    customers: pd.DataFrame,
    segment: IntArray,
    table: TableSchema,
    evaluation: Evaluation,
) -> dict[str, Any]:
    """Return the description of a fitted segmenter.

    Parameters
    ----------
    segmenter
        Fitted.
    customers, segment
        The book that is described, shape (n, d), and its clusters, shape (n,).
    table
        The customers' table as a person knows it.
    evaluation
        The evaluation of `segmenter`.
    """
    schema = segmenter.schema_
    found = profile_segments(customers, segment, schema)
    profiles = [with_categories(profile.to_dict(), table, schema) for profile in found]
    numbers = {**asdict(evaluation), "feasible": evaluation.feasible}
    return {
        "schema": table.to_dict(),
        "spec": json.loads(segmenter.spec_.to_json()),
        "profiles": profiles,
        "book": {**book_summary(customers, schema), **commonest_levels(profiles[0], table)},
        "evaluation": {
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in numbers.items()
        },
    }
