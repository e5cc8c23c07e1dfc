"""Log a segmentation model as an MLflow pyfunc with its own code and without a pickle."""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Map

from experiments.registry.client import DATA, ENVELOPES
from experiments.scoring_bodies import DETAIL, FULL
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import Column

ARTIFACT = "model"
# The modules of this room that a served model imports.
SCORING = ("scoring_model.py", "scoring_bodies.py", "scoring_answers.py", "scoring_threads.py")

ROOT = Path(__file__).resolve().parents[2]
# What the model needs to answer, not all that the project needs.
REQUIREMENTS = (
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic-core",
    "pyyaml",
    "scikit-learn",
    "scipy",
    "threadpoolctl",
)
OUTPUTS = Schema(
    [
        ColSpec(DataType.long, "segment"),
        ColSpec(DataType.string, "segment_name"),
        ColSpec(DataType.double, "confidence"),
        ColSpec(Map(DataType.double), "memberships"),
        ColSpec(DataType.long, "runner_up"),
        ColSpec(DataType.string, "runner_up_name"),
        ColSpec(DataType.boolean, "unlike_training"),
        ColSpec(DataType.double, "map_x"),
        ColSpec(DataType.double, "map_y"),
        ColSpec(Array(DataType.string), "reasons"),
        ColSpec(DataType.string, "model_version"),
    ]
)


def log_model(client: MlflowClient, run_id: str, model: SegmentationModel) -> str:
    """Log a fitted model into a run and return its URI."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model.save(folder / DATA)
        mlflow.set_tracking_uri(client.tracking_uri)
        mlflow.set_experiment(experiment_id=client.get_run(run_id).info.experiment_id)
        with mlflow.start_run(run_id=run_id, nested=mlflow.active_run() is not None):
            logged = mlflow.pyfunc.log_model(
                name=ARTIFACT,
                loader_module="experiments.scoring_model",
                data_path=str(folder / DATA),
                code_paths=[str(path) for path in _code(folder / "code")],
                signature=signature_of(model),
                input_example=example_customers(model),
                metadata={ENVELOPES: 1},
                pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
            )
    return str(logged.model_uri)


def signature_of(model: SegmentationModel) -> ModelSignature:
    """Return what a model takes and answers, as MLflow checks and shows it."""
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(_kind(column), column.name) for column in model.schema.columns
    ]
    inputs.append(ColSpec(DataType.string, model.schema.detail_column, required=False))
    detail = ParamSchema([ParamSpec(DETAIL, DataType.string, FULL)])
    return ModelSignature(Schema(inputs), OUTPUTS, detail)


def example_customers(model: SegmentationModel) -> pd.DataFrame:
    """Return made-up customers: the schema's examples, else one with the book's medians.

    Of a column with levels it has the one in the middle, or the most frequent.
    """
    schema = model.schema
    if schema.examples:
        rows = [dict(example.values) for example in schema.examples]
    else:
        medians = {name: entry["median"] for name, entry in model.description["book"].items()}
        rows = [
            {
                c.name: c.levels[round(medians.get(c.name, 0))]
                if c.categorical
                else medians[c.name]
                for c in schema.columns
            }
        ]
    frame = pd.DataFrame(rows, columns=list(schema.column_names))
    return frame.astype({c.name: object if c.categorical else float for c in schema.columns})


def _kind(column: Column) -> DataType:
    """Return the MLflow type of a column; levels are sent as text."""
    return DataType.string if column.categorical else DataType.double


def _code(folder: Path) -> list[Path]:
    """Copy the project's code that a served model imports, and nothing more."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "segmentation", folder / "segmentation", ignore=ignore)
    (folder / "experiments").mkdir()
    for file in ("__init__.py", *SCORING):
        shutil.copy(ROOT / "experiments" / file, folder / "experiments" / file)
    return [folder / "segmentation", folder / "experiments"]
