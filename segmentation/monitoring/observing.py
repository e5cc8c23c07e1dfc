"""Summarise customers as a model sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring.summaries import Batch
from segmentation.preprocessing.columns import customer_matrix
from segmentation.schema.levels import encode

REFERENCE = "reference"


def observe(model: SegmentationModel, customers: pd.DataFrame, like: Batch | None = None) -> Batch:
    """Return the summary of a batch and of the model's answers for it.

    Parameters
    ----------
    model
        Scores the customers.
    customers
        Validated, shape (n, d) with n at least 1; levels as codes or texts.
    like
        The batch to compare with later.

    Raises
    ------
    DataError
        When a column is missing.
    """
    names = model.schema.column_names
    answers = model.score(customers)
    return Batch.of(
        customer_matrix(encode(customers, model.schema), names),
        names,
        answers["segment"].to_numpy(np.int64),
        answers["confidence"].to_numpy(np.float64),
        answers["unlike_training"].to_numpy(np.bool_),
        numbers=model.identity.numbers,
        like=like,
    )


def with_reference(model: SegmentationModel, customers: pd.DataFrame) -> SegmentationModel:
    """Return the model with the summary of those it learnt from, to compare others with."""
    about = {**model.about, REFERENCE: observe(model, customers).to_dict()}
    return replace(model, about=about)


def reference_of(model: SegmentationModel) -> Batch | None:
    """Return the summary of those a model learnt from; None for a model without one."""
    raw = model.about.get(REFERENCE)
    return Batch.from_dict(raw) if raw else None
