"""Runs for events of a registered model: a comparison of versions, a batch of new customers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from experiments.registry.client import EXPERIMENT, VERSION
from experiments.tracking.parent_run import open_experiment
from experiments.tracking.tracker import metrics_of, origin, tags_of

INTRODUCTION = (
    "What happens to the registered model {name}: its promotions (append-only), comparisons of "
    "versions, and the monitoring of new customers."
)


def registry_experiment(client: MlflowClient, name: str) -> str:
    """Return the experiment of a registered model's promotions, comparisons and monitoring."""
    return open_experiment(client, EXPERIMENT.format(name=name), INTRODUCTION.format(name=name))


def record(
    client: MlflowClient,
    name: str,
    title: str,
    *,
    kind: str,
    note: str,
    metrics: Mapping[str, float],
    files: Mapping[str, str],
    version: str = "",
    series: str = "",
    part_of: str = "",
    steps: Mapping[int, Mapping[str, float]] = MappingProxyType({}),
) -> None:
    """Record an event of a registered model in a run named `title`.

    `note` is its description in Markdown, `files` are texts by path, `version` is the one the event
    is about, a tag by which runs are found. Events of one `series` share
    a run, in which every metric has one step per event; without a series it has its own run,
    below the run `part_of` where there is one. Recorded again below that, it replaces itself.
    `steps` are more metrics by their steps.
    """
    experiment = registry_experiment(client, name)
    run_id, step = _run(client, experiment, kind, series, part_of)
    tags = {MLFLOW_RUN_NAME: title, MLFLOW_RUN_NOTE: note, "kind": kind, "series": series}
    tags |= {VERSION: version} if version else {}
    tags |= origin("experiments")
    tags["times"] = str(step + 1)
    client.log_batch(run_id, metrics=metrics_of(metrics, step), tags=tags_of(tags))
    for place, figures in steps.items():
        client.log_batch(run_id, metrics=metrics_of(figures, place))
    for path, text in files.items():
        client.log_text(run_id, text, f"{step + 1:04d}/{path}" if series else path)
    client.set_terminated(run_id)
    point_to(client, run_id, title, note)


def point_to(client: MlflowClient, run_id: str, title: str, note: str) -> None:
    """Let the run that `mlflow run` made, where it did, say what happened and in which run."""
    if launched := os.environ.get("MLFLOW_RUN_ID"):
        text = f"{note}\n\nRecorded in run `{run_id}`."
        tags = {MLFLOW_RUN_NAME: f"started {title}", MLFLOW_RUN_NOTE: text}
        client.log_batch(launched, tags=tags_of(tags))


def _run(
    client: MlflowClient, experiment: str, kind: str, series: str, part_of: str
) -> tuple[str, int]:
    """Return the series' run and its next step, a run below another, or a new one."""
    if part_of:
        query = f"tags.kind = '{kind}' and tags.`{MLFLOW_PARENT_RUN_ID}` = '{part_of}'"
        for run in client.search_runs([experiment], query, max_results=1):
            return str(run.info.run_id), 0
        tags = {MLFLOW_PARENT_RUN_ID: part_of, "kind": kind}
        return str(client.create_run(experiment, tags=tags).info.run_id), 0
    if series:
        query = f"tags.kind = '{kind}' and tags.series = '{series}'"
        for run in client.search_runs([experiment], query, max_results=1):
            return str(run.info.run_id), int(run.data.tags["times"])
    return str(client.create_run(experiment).info.run_id), 0
