"""The experiment and the run that stand for a study."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from experiments.tracking.tracker import params_of, tags_of

# Opens MLflow's pages for model training instead of those for language models.
KIND_TAG, KIND = "mlflow.experimentKind", "custom_model_development"
INTRODUCTION = (
    "Customer segments, searched without labels. One run per study, a nested run for "
    "every trial: `score` = stability + separation + 0.03 ln(segments), higher is better; "
    "`feasible = no` gives its `reason`. Open the study's run for the summary."
)


def open_experiment(client: MlflowClient, name: str, introduction: str = INTRODUCTION) -> str:
    """Return the id of an experiment, created with an introduction where there is none."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        tags = {KIND_TAG: KIND, MLFLOW_RUN_NOTE: introduction}
        try:
            return str(client.create_experiment(name, tags=tags))
        except MlflowException:
            # Another study's process may have created it just now.
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    return str(experiment.experiment_id)


def open_parent(
    client: MlflowClient, experiment_id: str, study: str, params: Mapping[str, Any]
) -> str:
    """Return the id of the study's run: the one it has, the one `mlflow run` made, or a new one.

    The run of `mlflow run` becomes the study's where it lies in the study's experiment and the
    study has none yet; otherwise it gets a note that names the study's run. Parameters that
    `mlflow run` has logged already stay as they are.
    """
    tags = {"study": study, MLFLOW_RUN_NAME: study}
    runs = client.search_runs([experiment_id], f"tags.study = '{study}'", max_results=1)
    launched = os.environ.get("MLFLOW_RUN_ID")
    launcher = client.get_run(launched) if launched else None
    if runs:
        run = runs[0]
        client.update_run(run.info.run_id, status="RUNNING")
    elif launcher is not None and launcher.info.experiment_id == experiment_id:
        run = launcher
    else:
        # Tagged in the call that creates it: a process killed right after leaves no second run.
        run = client.create_run(experiment_id, tags=tags)
    run_id = str(run.info.run_id)
    missing = {k: v for k, v in params.items() if k not in run.data.params}
    client.log_batch(run_id, params=params_of(missing), tags=tags_of(tags))
    if launcher is not None and launcher.info.run_id != run_id:
        _point_to(client, launcher.info.run_id, study, experiment_id, run_id)
    return run_id


def _point_to(
    client: MlflowClient, launcher: str, study: str, experiment_id: str, run_id: str
) -> None:
    link = f"#/experiments/{experiment_id}/runs/{run_id}"
    tags = {
        MLFLOW_RUN_NAME: f"started {study}",
        "study_run": run_id,
        MLFLOW_RUN_NOTE: f"This command worked on [the study {study}]({link}): see its run.",
    }
    client.log_batch(launcher, tags=tags_of(tags))
