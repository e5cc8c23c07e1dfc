"""What `mlflow models serve` loads: the module that is copied into every logged model."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from mlflow.exceptions import MlflowException

from segmentation.errors import SegmentationError
from segmentation.model.segmentation_model import SegmentationModel

VERSION_FILE = "registered_model_meta"
DETAIL, FULL, BASIC = "detail", "full", "basic"


class ScoringModel:
    """Answers for customers: segment, confidence, runner-up, reasons, and the model's version.

    `version` is the number in the registry; empty when the model was not loaded from there.
    """

    def __init__(self, model: SegmentationModel, version: str) -> None:
        self.model = model
        self.version = version

    def predict(
        self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> pd.DataFrame | dict[str, list[Any]]:
        """Return the answer for customers.

        Parameters
        ----------
        model_input
            Shape (n, d), the schema's columns. CSV and Parquet carry no parameters: there a
            column ``detail`` does it, with the same text in every row; where the table has a
            column of that name, ``detail_``.
        params
            ``detail``: ``full``, the default, or ``basic``.

        Returns
        -------
        DataFrame or dict
            ``full``: a row per customer, the columns of :meth:`SegmentationModel.score` and
            ``model_version``. ``basic``: lists of segment, name, confidence and version by
            column, which are written as JSON in a tenth of the time of rows.

        Raises
        ------
        MlflowException
            When `detail` is neither, or the customers cannot be scored.
        """
        basic = self._detail(model_input, params or {}) == BASIC
        try:
            if basic:
                answer = {name: a.tolist() for name, a in self.model.segments(model_input).items()}
                return {**answer, "model_version": [self.version] * len(model_input)}
            rows = self.model.score(model_input)
        except SegmentationError as error:
            # Anything else becomes a stack trace in MLflow's answer.
            raise MlflowException.invalid_parameter_value(str(error)) from error
        rows["model_version"] = pd.Series(self.version, index=rows.index, dtype=object)
        return rows

    def _detail(self, customers: pd.DataFrame, params: Mapping[str, Any]) -> str:
        detail = str(params.get(DETAIL, FULL))
        column = self.model.schema.detail_column
        if column in customers:
            values = customers[column].dropna().unique()
            detail = str(values[0]) if len(values) == 1 else "several" if len(values) else detail
        if detail not in {FULL, BASIC}:
            # The text may be a customer's value in the wrong column: it is not repeated.
            raise MlflowException.invalid_parameter_value(
                f"{DETAIL}: expected {FULL!r} or {BASIC!r}, the same for every customer; "
                "found something else. Leave it out for the full answer."
            )
        return detail


def _load_pyfunc(path: str) -> ScoringModel:
    """Load the model from its data folder; MLflow calls this."""
    model = ScoringModel(SegmentationModel.load(Path(path)), _version(Path(path)))
    if "mlflow.pyfunc.scoring_server.app" in sys.modules:
        _settle()
    return model


def _settle() -> None:
    """Make a scoring server's process faster; ``experiments.benchmark serving`` measures it."""
    # A server never frees what it has loaded. When the garbage collector skips these objects, a
    # body of 50,000 customers is read in half the time.
    gc.collect()
    gc.freeze()
    # One lock lets one thread compute at a time. Handed from core to core it costs a fifth of
    # the requests at four connections; worker processes spread over the cores by their numbers.
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})


def _version(data: Path) -> str:
    """Return the version MLflow notes beside a model it took from the registry."""
    for folder in (data, *data.parents[:2]):
        note = folder / VERSION_FILE
        if note.is_file():
            return str(yaml.safe_load(note.read_text(encoding="utf-8"))["model_version"])
    return ""
