"""What `mlflow models serve` loads: the one module that travels inside a logged model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from segmentation.model import SegmentationModel

VERSION_FILE = "registered_model_meta"


class ScoringModel:
    """Answers for customers: segment, confidence, runner-up, reasons, and by which version.

    Parameters
    ----------
    model
        The segmentation model.
    version
        Its number in the registry; empty when it was not loaded from there.
    """

    def __init__(self, model: SegmentationModel, version: str) -> None:
        self.model = model
        self.version = version

    def predict(
        self,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow passes it
    ) -> pd.DataFrame:
        """Return one row per customer; see :meth:`SegmentationModel.score` for the columns."""
        answer = self.model.score(model_input)
        answer["model_version"] = self.version
        return answer


def _load_pyfunc(path: str) -> ScoringModel:
    """Load the model from its data folder; MLflow calls this."""
    return ScoringModel(SegmentationModel.load(Path(path)), _version(Path(path)))


def _version(data: Path) -> str:
    """Return the version MLflow notes beside a model it took from the registry."""
    for folder in (data, *data.parents[:2]):
        note = folder / VERSION_FILE
        if note.is_file():
            return str(yaml.safe_load(note.read_text(encoding="utf-8"))["model_version"])
    return ""
