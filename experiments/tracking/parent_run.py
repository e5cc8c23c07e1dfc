"""The experiment and the run that stand for a study."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Experiment, LifecycleStage, Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from experiments.study.databases import artifacts_beside
from experiments.tracking.saved_views import TRIALS, WINNERS, address_of, saved_views
from experiments.tracking.tracker import origin, params_of, tags_of
from segmentation.errors import SegmentationError

# Opens MLflow's pages for model training instead of those for language models.
KIND_TAG, KIND = "mlflow.experimentKind", "custom_model_development"
INTRODUCTION = (
    "Customer segments, searched without labels. One run per study, a nested run for "
    "every trial: `score` = stability + separation + 0.03 ln(segments), higher is better; "
    "`feasible = no` gives its `reason`. Open the study's run for the summary."
)


class DeletedExperimentError(SegmentationError):
    """An experiment was deleted in MLflow, where its name stays taken."""


def open_experiment(client: MlflowClient, name: str, introduction: str = INTRODUCTION) -> str:
    """Return the id of an experiment, created with an introduction where there is none.

    Raises
    ------
    DeletedExperimentError
        When it was deleted.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        tags = {KIND_TAG: KIND, MLFLOW_RUN_NOTE: introduction}
        try:
            return str(client.create_experiment(name, artifacts_beside(), tags))
        except MlflowException:
            # Another study's process may have created it just now.
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == LifecycleStage.DELETED:
        raise DeletedExperimentError(
            f"the experiment {name!r} was deleted in MLflow. Restore it with `mlflow experiments "
            f"restore --experiment-id {experiment.experiment_id}`, or name another experiment."
        )
    return str(experiment.experiment_id)


def furnish(client: MlflowClient, experiment_id: str) -> None:
    """Give a study's experiment its views and a description that leads to them.

    A description that a person wrote stays. `mlflow run` creates experiments without any.
    """
    tags = client.get_experiment(experiment_id).tags
    missing = {key: value for key, value in saved_views().items() if key not in tags}
    if tags.get(MLFLOW_RUN_NOTE, INTRODUCTION) == INTRODUCTION:
        winners, trials = (address_of(experiment_id, view) for view in (WINNERS, TRIALS))
        links = f"[The winner of each study]({winners}), [all trials by score]({trials})"
        missing |= {MLFLOW_RUN_NOTE: f"{links}. {INTRODUCTION}"}
    if KIND_TAG not in tags:
        missing |= {KIND_TAG: KIND}
    for key, value in missing.items():
        client.set_experiment_tag(experiment_id, key, value)


def identity(client: MlflowClient, experiment_id: str) -> str:
    """Return what tells an experiment from all others, on every server and whatever its name."""
    experiment: Experiment = client.get_experiment(experiment_id)
    return f"{experiment_id}@{experiment.creation_time}"


def open_parent(
    client: MlflowClient, experiment_id: str, study: str, params: Mapping[str, Any]
) -> str:
    """Return the id of the study's run: the one it has, the one `mlflow run` made, or a new one.

    One that was deleted is restored, with the trials' runs that were deleted. The run of `mlflow
    run` becomes the study's where it lies in the study's experiment and the study has none yet;
    otherwise it gets a note that names the study's run. Parameters that `mlflow run` has logged
    already stay as they are.
    """
    tags = {"study": study, MLFLOW_RUN_NAME: study, **origin("experiments.search")}
    query = f"tags.study = '{study}'"
    runs = client.search_runs([experiment_id], query, max_results=1) or _restored(
        client, experiment_id, query
    )
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


def recorded_studies(client: MlflowClient, experiment_id: str, name: str) -> set[str]:
    """Return the studies of a name, whatever their number, of which a trial is recorded.

    The experiment in their names may be a former one.
    """
    digest = name.rpartition("-")[2]
    parents = client.search_runs([experiment_id], f"tags.study LIKE '%-{digest}-%'")
    return {
        str(parent.data.tags["study"])
        for parent in parents
        if client.search_runs(
            [experiment_id],
            f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent.info.run_id}'",
            max_results=1,
        )
    }


def _restored(client: MlflowClient, experiment_id: str, query: str) -> list[Run]:
    """Restore a study's run that was deleted, and the runs of its trials."""
    deleted = ViewType.DELETED_ONLY
    parents = client.search_runs([experiment_id], query, run_view_type=deleted, max_results=1)
    for parent in parents:
        trials = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent.info.run_id}'"
        client.restore_run(parent.info.run_id)
        # MLflow answers with a page of them at a time; what is restored is on none.
        while runs := client.search_runs([experiment_id], trials, run_view_type=deleted):
            for run in runs:
                client.restore_run(run.info.run_id)
    return list(parents)


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
